//! `cargo xtask tidy`: the house rules that neither the compiler nor clippy knows. Each rule is a pure
//! function over what this file reads, so that its tests can break it with made-up input.

mod arrows;
mod entries;
mod sources;

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{process::Outcome, workspace};

/// One breach of a rule.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    /// The crate, or the file with the line where there is one.
    place: String,
    /// The rule that it breaks.
    rule: &'static str,
    /// What to do about it.
    advice: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.place, self.rule, self.advice)
    }
}

/// Applies every rule and prints all findings, not only the first.
pub fn tidy() -> Outcome {
    let root = workspace::root();
    let packages = arrows::packages(&workspace::metadata()?);
    let mut findings = arrows::check(&packages);

    let files = rust_files(&root)?;
    for file in &files {
        let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let path = file.strip_prefix(&root).unwrap_or(file);
        findings.extend(sources::check(&path.to_string_lossy(), &text));
    }

    match tracked_files(&root) {
        Some(paths) => findings.extend(entries::check(&paths)),
        None => eprintln!("tidy: no git here, so the top-level entries are not checked"),
    }

    for finding in &findings {
        eprintln!("{finding}");
    }
    if findings.is_empty() {
        eprintln!("tidy: {} crates and {} files are in order", packages.len(), files.len());
        Ok(())
    } else {
        Err(format!("tidy has {} finding(s), see above", findings.len()).into())
    }
}

/// Folders of what is built or installed.
const BUILT: [&str; 2] = ["target", "node_modules"];

/// All Rust files of the workspace and its fuzz targets, in order; not what is built from them.
fn rust_files(root: &Path) -> Outcome<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut directories = vec![root.join("crates"), root.join("xtask")];
    while let Some(directory) = directories.pop() {
        let entries =
            fs::read_dir(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        for entry in entries {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                if !BUILT.iter().any(|name| entry.file_name() == *name) {
                    directories.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The paths that git tracks, or `None` where there is no git or no repository: a source archive, say.
fn tracked_files(root: &Path) -> Option<Vec<String>> {
    let output = Command::new("git").args(["ls-files", "-z"]).current_dir(root).output().ok()?;
    let paths = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| paths.split_terminator('\0').map(str::to_owned).collect())
}
