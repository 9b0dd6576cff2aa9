//! REST on actix-web: one file per operation in [`operations`], and what they share.
//!
//! | Module | Holds |
//! |---|---|
//! | [`app`] | the routes, and the state that each operation may use |
//! | [`operations`] | one file per operation: parse, call one use case, answer |
//! | [`dto`] | what goes over the wire; mirrors of domain types, never the types themselves |
//! | [`extract`], [`located`] | bodies and queries, with errors that name the field |
//! | [`body`], [`buffer`], [`memory`] | bodies from the wire: bounded in length, time and memory |
//! | [`auth`], [`token`], [`ticket`] | who is calling: by API key, JWT, or a ticket for one stream |
//! | [`live`] | Server-Sent Events and WebSockets |
//! | [`log_page`] | events read back, as JSON, NDJSON or CSV |
//! | [`limits`], [`turns`], [`peer`] | quotas and their headers; questions at one time; where a call comes from |
//! | [`original`] | the call that a gateway asks about |
//! | [`audit`] | headers and bodies: secrets taken out, cut, sealed; shown again |
//! | [`problem`] | every error answer (RFC 9457) |
//! | [`request`] | request ids and headers that all answers carry |
//! | [`openapi`], [`docs`] | the contract, from the handlers themselves; Swagger UI |
//! | [`watch`] | all requests, counted and followed |
//! | [`server`], [`door`] | sockets, limits and time-outs; the end of newcomers |

pub mod app;
pub mod audit;
pub mod auth;
pub mod body;
pub mod buffer;
pub mod docs;
pub mod door;
pub mod dto;
pub mod extract;
pub mod limits;
pub mod live;
pub mod located;
pub mod log_page;
pub mod memory;
pub mod openapi;
pub mod operations;
pub mod original;
pub mod peer;
pub mod problem;
pub mod request;
pub mod server;
pub mod ticket;
pub mod token;
pub mod turns;
pub mod watch;
