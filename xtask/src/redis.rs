//! Redis, which tests start servers of their own from. Only its program is needed; it is a Sentinel too.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use crate::{needs, process::Outcome};

/// What Debian's packages ask whether they may start a service.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Makes sure that the program is there.
pub fn ensure() -> Outcome {
    if needs::find("redis-server").is_some() {
        return Ok(());
    }
    let _programs_only = ProgramsOnly::on(Path::new(POLICY));
    needs::ensure("redis-server", "redis-server")
}

/// While it lives, packages start no service. Where somebody has a policy already, that one stays.
struct ProgramsOnly(Option<PathBuf>);

impl ProgramsOnly {
    /// Says so in a new file. Without the right to, nothing gets installed either.
    fn on(policy: &Path) -> Self {
        let file = OpenOptions::new().write(true).create_new(true).open(policy);
        let written = file.and_then(|mut file| {
            file.write_all(b"#!/bin/sh\nexit 101\n")?;
            fs::set_permissions(policy, Permissions::from_mode(0o755))
        });
        Self(written.is_ok().then(|| policy.to_owned()))
    }
}

impl Drop for ProgramsOnly {
    fn drop(&mut self) {
        if let Some(file) = self.0.take() {
            let _ = fs::remove_file(file);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_policy_goes_and_that_of_others_stays() {
        let file = std::env::temp_dir().join(format!("activity-xtask-policy-{}", std::process::id()));
        let ours = ProgramsOnly::on(&file);
        assert!(file.exists());
        drop(ProgramsOnly::on(&file));
        assert!(file.exists(), "it belongs to the first");
        drop(ours);
        assert!(!file.exists());
    }
}
