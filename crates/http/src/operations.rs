//! One file per operation: parse, call one use case, answer.

mod activities;
mod acts;
mod cache;
mod clients;
mod daily;
mod endpoints;
pub mod events;
mod health;
mod logs;
mod metrics;
mod range;
mod rate_limit;
mod register;
mod sealing;
mod series;
mod stream;
mod stream_ticket;
mod token;
mod top;
mod verify;
mod web_socket;

pub use activities::get_logs;
pub use acts::audit_log;
pub use cache::{cache_stats, prewarm_cache};
pub use clients::{change_client, client, erase_client, issue_key, list_clients, revoke_key};
pub use daily::daily;
pub use endpoints::endpoints;
pub use health::{Check, Health, State, health_check, livez, readyz};
pub use logs::{EventsPolicy, post_logs};
pub use metrics::{Measured, Metrics, MetricsFormat, metrics};
pub use rate_limit::{client_rate_limit, rate_limit, reset_rate_limit};
pub use register::register;
pub use series::series;
pub use stream::stream;
pub use stream_ticket::issue_stream_ticket;
pub use token::issue_token;
pub use top::top;
pub use verify::{verify, verify_path};
pub use web_socket::{Origins, web_socket};

/// Makes paperclip's operations visible to [`crate::app`]: the macro derives a type from each handler.
pub(crate) mod prelude {
    pub use actix_web::HttpRequest;
    pub use actix_web::web::Data;
    pub use paperclip::actix::api_v2_operation;
    pub use paperclip::actix::web::Json;
}
