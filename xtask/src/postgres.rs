//! `PostgreSQL`, which tests start servers of their own from. Only its programs are needed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use activity_testkit::Postgres;

use crate::{needs, process::Outcome};

/// Where Debian's packages look before they create a server.
const DEBIAN: &str = "/etc/postgresql-common/createcluster.d";

/// Makes sure that the programs of a server are there.
pub fn ensure() -> Outcome {
    if Postgres::is_installed() {
        return Ok(());
    }
    let _programs_only = ProgramsOnly::on(Path::new(DEBIAN));
    needs::ensure_that("PostgreSQL", Postgres::is_installed, "postgresql")
}

/// While it lives, Debian's packages install programs and create no server that would run from then on.
/// Afterwards the system is as it would be without us.
struct ProgramsOnly(Option<PathBuf>);

impl ProgramsOnly {
    /// Says so in a folder of settings. Without the right to, nothing gets installed either.
    fn on(folder: &Path) -> Self {
        let file = folder.join("activity-tracker-tests.conf");
        let written =
            fs::create_dir_all(folder).and_then(|()| fs::write(&file, "create_main_cluster = false\n"));
        Self(written.is_ok().then_some(file))
    }
}

impl Drop for ProgramsOnly {
    fn drop(&mut self) {
        if let Some(file) = self.0.take() {
            let _ = fs::remove_file(&file);
            // Only if nobody else has a setting there.
            let _ = file.parent().map(fs::remove_dir);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_goes_when_the_packages_are_installed() {
        let folder = std::env::temp_dir().join(format!("activity-xtask-{}", std::process::id()));
        let setting = ProgramsOnly::on(&folder);
        let file = setting.0.clone().expect("a temporary folder can be written");
        assert_eq!(fs::read_to_string(&file).expect("it is there"), "create_main_cluster = false\n");
        drop(setting);
        assert!(!folder.exists());
    }
}
