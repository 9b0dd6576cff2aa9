//! Where things are: the root of the repository and what cargo knows about the workspace.

use std::{
    env,
    path::{Path, PathBuf},
};

use cargo_metadata::{Metadata, MetadataCommand};

use crate::process::Outcome;

/// The root of the repository. Cargo says at run time where xtask is; the place of the build is the fallback
/// for a binary that is started by hand.
pub fn root() -> PathBuf {
    let xtask = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    xtask.parent().map_or_else(|| xtask.clone(), Path::to_path_buf)
}

/// The members of the workspace with their declared dependencies. Reads manifests only: no network, no lock.
pub fn metadata() -> Outcome<Metadata> {
    Ok(MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec()?)
}
