//! One file per operation: parse, call one use case, answer.

mod daily;
pub mod events;
mod health;
mod logs;
mod rate_limit;
mod register;
mod token;
mod top;

pub use daily::daily;
pub use health::{Check, Health, State, health_check, livez, readyz};
pub use logs::{EventsPolicy, post_logs};
pub use rate_limit::{client_rate_limit, rate_limit, reset_rate_limit};
pub use register::register;
pub use token::issue_token;
pub use top::top;

/// Makes paperclip's operations visible to [`crate::app`]: the macro derives a type from each handler.
pub(crate) mod prelude {
    pub use actix_web::HttpRequest;
    pub use actix_web::web::Data;
    pub use paperclip::actix::api_v2_operation;
    pub use paperclip::actix::web::Json;
}
