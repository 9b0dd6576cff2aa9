//! Where the programs of PostgreSQL are.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The folder that the programs of one version are in.
#[derive(Debug, Clone)]
pub(crate) struct Programs(PathBuf);

impl Programs {
    /// The first place that has a whole server.
    pub(crate) fn find() -> Self {
        let found = Self::look();
        found.expect("PostgreSQL is installed (cargo xtask test brings it, or says how to get it)")
    }

    /// The same, where it is not certain that there is one.
    pub(crate) fn look() -> Option<Self> {
        candidates().into_iter().find(|folder| is_whole(folder)).map(Self)
    }

    /// One of them.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

/// Debian keeps the programs of each version in a folder off the PATH, and `pg_config` in a package of its own.
fn candidates() -> Vec<PathBuf> {
    let config = Command::new("pg_config").arg("--bindir").output();
    let mut folders: Vec<PathBuf> = config
        .map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
        .into_iter()
        .collect();
    folders.extend(versions(Path::new("/usr/lib/postgresql")));
    folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    folders
}

/// The versions in a folder of versions, newest first.
fn versions(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root).into_iter().flatten().filter_map(Result::ok);
    let mut numbers: Vec<u32> =
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    numbers.iter().map(|number| root.join(number.to_string()).join("bin")).collect()
}

/// Clients are often installed without the server.
fn is_whole(folder: &Path) -> bool {
    ["initdb", "postgres", "psql", "pg_basebackup"].iter().all(|name| folder.join(name).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_versions_come_first_and_other_entries_do_not_count() {
        let root = tempfile::tempdir().unwrap();
        for name in ["9", "15", "common"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        let expected: Vec<_> = ["15/bin", "9/bin"].iter().map(|name| root.path().join(name)).collect();
        assert_eq!(versions(root.path()), expected);
    }
}
