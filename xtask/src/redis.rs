//! Redis, which tests start servers of their own from. Only its program is needed; it is a Sentinel too.

use crate::{needs, process::Outcome, services::NoServices};

/// Makes sure that the program is there.
pub fn ensure() -> Outcome {
    if needs::find("redis-server").is_some() {
        return Ok(());
    }
    let _no_services = NoServices::on();
    needs::ensure("redis-server", "redis-server")
}
