//! Installing programs without the services that their packages would start.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// What Debian's packages ask whether they may start a service.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// While it lives, packages start no service. A policy that somebody has already stays as it is.
pub struct NoServices(Option<PathBuf>);

impl NoServices {
    /// Says so. Without the right to, nothing gets installed either.
    pub fn on() -> Self {
        Self::at(Path::new(POLICY))
    }

    fn at(policy: &Path) -> Self {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o755).open(policy);
        let written = file.and_then(|mut file| file.write_all(b"#!/bin/sh\nexit 101\n"));
        Self(written.is_ok().then(|| policy.to_owned()))
    }
}

impl Drop for NoServices {
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
        let file = std::env::temp_dir().join(format!("activity-xtask-services-{}", std::process::id()));
        let ours = NoServices::at(&file);
        assert!(file.exists());
        drop(NoServices::at(&file));
        assert!(file.exists(), "it belongs to the first");
        drop(ours);
        assert!(!file.exists());
    }
}
