//! Programs that a chore needs and cargo cannot bring. Each is installed here, or the error says how.

use std::{env, path::PathBuf, process::Command};

use crate::process::{self, Outcome};

/// Makes sure that a program is on the PATH. `debian_package` is the package that brings it.
pub fn ensure(program: &str, debian_package: &str) -> Outcome {
    ensure_that(program, || on_path(program), debian_package)
}

/// Makes sure that something holds which a Debian package brings about. `what` names it in messages.
pub fn ensure_that(what: &str, holds: impl Fn() -> bool, debian_package: &str) -> Outcome {
    if holds() {
        return Ok(());
    }
    if !on_path("apt-get") || !is_root() {
        return Err(how_to_get(what, debian_package).into());
    }
    eprintln!("{what} is missing: installing {debian_package}");
    process::run(Command::new("apt-get").arg("update"))?;
    process::run(
        Command::new("apt-get")
            .args(["install", "--yes", "--no-install-recommends", debian_package])
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )?;
    if holds() {
        Ok(())
    } else {
        Err(format!("{what} is still missing after installing {debian_package}").into())
    }
}

/// The command to run by hand.
fn how_to_get(what: &str, debian_package: &str) -> String {
    format!(
        "{what} is missing. On Debian and Ubuntu: sudo apt-get install {debian_package}; elsewhere, the package \
         of your system that brings it"
    )
}

fn on_path(program: &str) -> bool {
    find(program).is_some()
}

/// Where a program is. Those of servers are often in folders that are on root's PATH only.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Asks `id`, because the standard library does not know.
fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_a_program_up() {
        assert!(on_path("sh"));
        assert!(!on_path("no-such-program-anywhere"));
        assert!(ensure("sh", "dash").is_ok());
    }

    #[test]
    fn says_how_to_get_it() {
        assert!(how_to_get("python3", "python3-venv").contains("apt-get install python3-venv"));
    }
}
