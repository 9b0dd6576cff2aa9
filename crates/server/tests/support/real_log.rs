//! A real Apache log with known totals, which is not in the repository.

use std::path::{Path, PathBuf};

/// Where it is. A test that gets none has nothing to do; this says so.
#[allow(clippy::print_stdout, reason = "that is where tests say why they do nothing")]
pub fn real_log() -> Option<PathBuf> {
    let given = std::env::var_os("ACCESS_LOG_SAMPLE").map(PathBuf::from);
    let path = given
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/apache_logs.gz"));
    if !path.exists() {
        println!("not run: there is no log at ../shared/data/apache_logs.gz; ACCESS_LOG_SAMPLE may name one");
        return None;
    }
    Some(path)
}
