//! libfaketime, by which tests turn the clocks of processes.

use std::{fs, path::Path};

use crate::{needs, process::Outcome};

const FILE: &str = "faketime/libfaketimeMT.so.1";

/// Makes sure that the library is there.
pub fn ensure() -> Outcome {
    needs::ensure_that("libfaketime", || is_installed(Path::new("/usr/lib")), "faketime")
}

/// Looks where tests look: Debian has a folder for each kind of machine.
fn is_installed(root: &Path) -> bool {
    let folders = fs::read_dir(root).into_iter().flatten().filter_map(Result::ok);
    folders.map(|folder| folder.path()).chain([root.to_owned()]).any(|folder| folder.join(FILE).is_file())
}
