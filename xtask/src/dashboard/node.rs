//! Node.js and npm, which the dashboard is built with.

use std::process::Command;

use crate::{needs, process::Outcome, services::NoServices};

/// What is needed.
pub const WANTED: &str = "Node.js 18.20 or newer";

const OLDEST: (u32, u32) = (18, 20);

/// Makes sure that both are there.
pub fn ensure() -> Outcome {
    if is_there() {
        return Ok(());
    }
    let _programs_only = NoServices::on();
    needs::ensure_that(WANTED, || needs::find("node").is_some(), "nodejs")?;
    needs::ensure("npm", "npm")?;
    if is_there() { Ok(()) } else { Err(format!("node is too old: the dashboard takes {WANTED}").into()) }
}

/// Whether they are there, and new enough.
pub fn is_there() -> bool {
    let version = Command::new("node").arg("--version").output();
    let is_new = version.is_ok_and(|output| is_enough(&String::from_utf8_lossy(&output.stdout)));
    is_new && needs::find("npm").is_some()
}

/// Reads `v18.20.4`.
fn is_enough(version: &str) -> bool {
    let mut parts = version.trim().trim_start_matches('v').split('.').map(str::parse);
    let (Some(Ok(major)), Some(Ok(minor))) = (parts.next(), parts.next()) else { return false };
    (major, minor) >= OLDEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert!(is_enough("v18.20.4\n") && is_enough("v20.0.0") && is_enough("v100.1.0"));
        assert!(!is_enough("v18.19.9") && !is_enough("v9.99.0") && !is_enough("") && !is_enough("node"));
    }
}
