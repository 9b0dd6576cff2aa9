//! Tells an Activity Tracker about the calls that your API answers, without making them wait for it; and asks it
//! whether a caller may pass.
//!
//! | Module | Holds |
//! |---|---|
//! | [`client`] | [`Client`]: where the tracker is, and as whom to talk to it |
//! | [`event`] | [`Event`]: one call |
//! | [`reporter`] | [`Reporter`]: takes events at once and brings them to the tracker later, in batches |
//! | [`verify`] | may this caller pass? |
//! | [`recording`] | what a middleware records of a request, and whose it is |
//! | `actix`, `tower` | middleware that records each request under the template of its route |
//! | `worker`, `backlog` | the thread behind a reporter, and what waits while the tracker is away |
//!
//! ```no_run
//! use activity_client::{Client, Event, Options, Reporter};
//!
//! let client = Client::new("http://127.0.0.1:8080", "atk_...")?;
//! let reporter = Reporter::start(client, Options::default())?;
//! reporter.report(Event::new("GET", "/things/{id}", 200));
//! // At the end: what was reported is sent, for five seconds at most.
//! drop(reporter);
//! # Ok::<(), activity_client::Error>(())
//! ```
//!
//! # What is lost, and what is not
//!
//! Each event has an id, and the tracker counts an id once: what is sent again because an answer was lost changes nothing.
//! While the tracker does not answer, events wait: [`Options::capacity`] of them in memory, and with
//! [`Options::spool`] on disk. What is beyond that is dropped and counted ([`Totals`]), never waited for. A process that is
//! killed loses what it has in memory.

#![forbid(unsafe_code)]

#[cfg(feature = "actix")]
pub mod actix;
mod backlog;
pub mod client;
pub mod event;
pub mod recording;
pub mod reporter;
#[cfg(feature = "tower")]
pub mod tower;
pub mod verify;
mod worker;

pub use client::{Client, Error};
pub use event::Event;
pub use recording::Recording;
pub use reporter::{Options, Reporter, Totals};
pub use verify::{Call, Credential, Pass, Refusal, Verdict};
