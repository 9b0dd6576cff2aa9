//! What may lie at the top of the repository, so that a newcomer sees only what matters.

use super::Finding;

/// Entries that are expected. Names that begin with a dot are allowed too: tools insist on them.
const ENTRIES: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "clippy.toml",
    "crates",
    "deploy",
    "docs",
    "migrations",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "xtask",
];

/// Checks the paths that git tracks, relative to the root. An unexpected directory is one finding.
pub(super) fn check(paths: &[String]) -> Vec<Finding> {
    let mut unexpected: Vec<&str> = paths
        .iter()
        .map(|path| path.split('/').next().unwrap_or(path))
        .filter(|entry| !entry.starts_with('.') && !ENTRIES.contains(entry))
        .collect();
    unexpected.sort_unstable();
    unexpected.dedup();
    let finding = |entry: &str| Finding {
        place: entry.to_owned(),
        rule: "unexpected top-level entry",
        advice: "move it to docs, deploy or a crate, or add it to xtask/src/tidy/entries.rs".to_owned(),
    };
    unexpected.into_iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(paths: &[&str]) -> Vec<String> {
        let paths: Vec<_> = paths.iter().map(|&path| path.to_owned()).collect();
        check(&paths).into_iter().map(|finding| finding.place).collect()
    }

    #[test]
    fn expected_entries_pass() {
        assert!(places(&["Cargo.toml", "crates/domain/src/lib.rs", ".ci/run", ".gitignore"]).is_empty());
    }

    #[test]
    fn others_are_found_once() {
        assert_eq!(
            places(&["scripts/a.sh", "notes.txt", "scripts/b.sh", "docs/x.md"]),
            ["notes.txt", "scripts"]
        );
    }
}
