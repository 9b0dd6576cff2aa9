//! `cargo xtask fuzz`: the fuzz targets, each for a while. Every crate with input from outside has a package
//! `fuzz` with its targets and a few seeds; what a run finds out goes to `target/fuzz/corpus`, for the next.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use clap::Args;

use crate::{
    process::{self, Outcome},
    workspace,
};

/// What to run.
#[derive(Debug, Args)]
pub struct Options {
    /// Targets by name; all of them if none is named
    targets: Vec<String>,
    /// How long each runs
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

/// A fuzz target.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    name: String,
    /// The package that it belongs to.
    package: PathBuf,
}

/// Runs the targets up to the first that fails.
pub fn fuzz(options: &Options) -> Outcome {
    let root = workspace::root();
    let targets = chosen(targets(&root)?, &options.targets)?;
    ensure()?;
    for target in &targets {
        run(&root, target, options.seconds)?;
    }
    eprintln!("fuzz: {} target(s) ran clean for {} s each", targets.len(), options.seconds);
    Ok(())
}

/// All targets, in order of their names.
fn targets(root: &Path) -> Outcome<Vec<Target>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join("crates"))? {
        let package = entry?.path().join("fuzz");
        let Ok(files) = fs::read_dir(package.join("targets")) else { continue };
        for file in files {
            let file = file?.path();
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            found.push(Target { name, package: package.clone() });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn chosen(all: Vec<Target>, names: &[String]) -> Outcome<Vec<Target>> {
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|target| target.name == **name)) {
        let known: Vec<&str> = all.iter().map(|target| target.name.as_str()).collect();
        return Err(format!("there is no target {unknown}; there are {}", known.join(", ")).into());
    }
    Ok(all.into_iter().filter(|target| names.is_empty() || names.contains(&target.name)).collect())
}

/// Makes sure that a nightly toolchain and cargo-fuzz are there. The compiler that the project is pinned to
/// has no sanitizers.
fn ensure() -> Outcome {
    if !process::succeeds(nightly().arg("rustc").arg("--version")) {
        return Err("a nightly toolchain is needed: rustup toolchain install nightly".into());
    }
    if !process::succeeds(nightly().args(["cargo", "fuzz", "--version"])) {
        eprintln!("cargo-fuzz is missing: installing it");
        process::run(nightly().args(["cargo", "install", "cargo-fuzz", "--locked"]))?;
    }
    Ok(())
}

/// A command of the nightly toolchain.
fn nightly() -> Command {
    let mut command = process::of_its_own(Command::new("rustup"));
    command.args(["run", "nightly"]).current_dir(workspace::root());
    command
}

fn run(root: &Path, target: &Target, seconds: u64) -> Outcome {
    follow_lock(root, &target.package)?;
    let build = root.join("target/fuzz");
    let corpus = build.join("corpus").join(&target.name);
    let seeds = target.package.join("seeds").join(&target.name);
    fs::create_dir_all(&corpus)?;
    let began = SystemTime::now();
    let mut command = nightly();
    command.args(["cargo", "fuzz", "run", "--fuzz-dir"]).arg(&target.package);
    command.arg("--target-dir").arg(&build).arg(&target.name).arg(&corpus).arg(&seeds);
    command.args(["--", "-timeout=10", "-print_final_stats=1"]).arg(format!("-max_total_time={seconds}"));
    process::run(&mut command).map_err(|error| {
        match newest(&target.package.join("artifacts").join(&target.name), began) {
            Some(artefact) => format!("{} breaks on {}: {error}", target.name, artefact.display()).into(),
            None => error,
        }
    })
}

/// Gives a fuzz package the versions that the workspace has, so that what is fuzzed is what is shipped.
fn follow_lock(root: &Path, package: &Path) -> Outcome {
    let (ours, theirs) = (root.join("Cargo.lock"), package.join("Cargo.lock"));
    let changed = |file: &Path| fs::metadata(file).and_then(|about| about.modified());
    if changed(&theirs).is_ok_and(|theirs| changed(&ours).is_ok_and(|ours| ours <= theirs)) {
        return Ok(());
    }
    fs::copy(ours, theirs)?;
    Ok(())
}

/// The newest file in a folder that was written since.
fn newest(folder: &Path, since: SystemTime) -> Option<PathBuf> {
    let files = fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let dated = files.filter_map(|file| Some((file.metadata().ok()?.modified().ok()?, file.path())));
    dated.filter(|(at, _)| *at >= since).max().map(|(_, file)| file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(targets: &[Target]) -> Vec<&str> {
        targets.iter().map(|target| target.name.as_str()).collect()
    }

    #[test]
    fn targets_are_found_and_chosen_by_name() {
        let all = || targets(&workspace::root()).expect("the tree can be read");
        let found = all();
        assert!(names(&found).contains(&"segment") && names(&found).is_sorted());
        for target in &found {
            let seeds = target.package.join("seeds").join(&target.name);
            assert!(
                seeds.read_dir().is_ok_and(|mut seeds| seeds.next().is_some()),
                "{} has no seeds",
                target.name
            );
        }
        assert_eq!(chosen(all(), &[]).expect("all").len(), found.len());
        assert_eq!(names(&chosen(all(), &["key".into()]).expect("one")), ["key"]);
        let error = chosen(all(), &["keys".into()]).expect_err("there is none");
        assert!(error.to_string().contains("there is no target keys; there are "));
    }
}
