//! Caddy, one of the gateways that the tests put in front of a server. Only its program is needed.

use crate::{needs, process::Outcome, services::NoServices};

const PROGRAM: &str = "caddy";

/// Makes sure that the program is there.
pub fn ensure() -> Outcome {
    if needs::find(PROGRAM).is_some() {
        return Ok(());
    }
    let _programs_only = NoServices::on();
    needs::ensure(PROGRAM, "caddy")
}
