//! `cargo xtask dashboard`: the pages of `crates/dashboard/web`, built by Vite and tried in a real browser.

mod browser;
mod node;
mod sources;

use std::{
    fs,
    num::NonZeroU16,
    path::{Path, PathBuf},
    process::Command,
};

use clap::Args;

use crate::{
    process::{self, Outcome},
    workspace,
};

/// What to do besides building.
#[derive(Debug, Args)]
pub struct Options {
    /// Take the pictures of docs/images anew, of a server with made-up data
    #[arg(long)]
    screenshots: bool,

    /// Keep the live views open for so many minutes of 500 calls a second, and fail if memory grows
    #[arg(long, value_name = "MINUTES", num_args = 0..=1, default_missing_value = "30")]
    soak: Option<NonZeroU16>,

    /// A server that is built already, for `--soak`, instead of one that is built in release
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
}

/// Builds the pages, unless they are built.
pub fn dashboard(options: &Options) -> Outcome {
    node::ensure()?;
    build()?;
    if options.screenshots {
        browser::screenshots()?;
    }
    match options.soak {
        Some(minutes) => browser::soak(minutes, options.server.as_deref()),
        None => Ok(()),
    }
}

/// For `cargo xtask run`: the server goes without its dashboard where it cannot be built.
pub fn build_if_possible() {
    if !node::is_there() {
        eprintln!("the dashboard is left out: it takes {} with npm; the API needs neither", node::WANTED);
    } else if let Err(error) = build() {
        eprintln!("the dashboard was not built, so the one of the last build is served, if any: {error}");
    }
}

/// For the suite: types, tests of pure functions, and the build.
pub fn check() -> Outcome {
    node::ensure()?;
    build()?;
    install(&web())?;
    npm(&["run", "check"])?;
    npm(&["test"])
}

/// For the suite: the pages of the debug binary in Chromium.
pub fn browse() -> Outcome {
    browser::end_to_end()
}

/// Installs what the lock file says and builds, where something has changed since.
fn build() -> Outcome {
    let web = web();
    let stamp = web.join("dist/built");
    let now = sources::fingerprint(&web)?;
    if is_stamped(&stamp, &now) && web.join("dist/site/index.html").is_file() {
        eprintln!("the dashboard is built already");
        return Ok(());
    }
    install(&web)?;
    npm(&["run", "build"])?;
    Ok(fs::write(stamp, now)?)
}

/// What is installed is as the lock file says.
fn install(web: &Path) -> Outcome {
    let stamp = web.join("node_modules/.installed");
    let lock = fs::read_to_string(web.join("package-lock.json"))?;
    if is_stamped(&stamp, &lock) {
        return Ok(());
    }
    npm(&["ci", "--ignore-scripts", "--no-audit", "--no-fund"])?;
    Ok(fs::write(stamp, lock)?)
}

fn is_stamped(stamp: &Path, content: &str) -> bool {
    fs::read_to_string(stamp).is_ok_and(|written| written == content)
}

fn npm(args: &[&str]) -> Outcome {
    process::run(process::of_its_own(Command::new("npm")).args(args).current_dir(web()))
}

fn web() -> PathBuf {
    workspace::root().join("crates/dashboard/web")
}
