//! Any program, with its children, in a folder that may stay.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use activity_testkit::{Program, until};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(40);

/// A place that the account of the servers may go to.
fn place() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
    folder
}

/// A shell with a child. It tells both numbers in the file `pids` once it is set up.
fn family(folder: &Path, script: &'static str) -> Program {
    let mut family = Program::in_folder(&folder.join("family"), Path::new("/bin/sh"), move |command| {
        command.env("WHO", "family").args(["-c", script]);
    });
    family.start();
    family
}

const FAMILY: &str = "sleep 1000 & echo $WHO of $HOME; echo $$ $! > new; mv new pids; wait";
const STUBBORN: &str =
    "trap '' TERM QUIT; sleep 1000 & echo $$ $! > new; mv new pids; while :; do wait; done";

fn pids(folder: &Path) -> Vec<u32> {
    let file = folder.join("family/pids");
    let text = until("the family", SOON, || fs::read_to_string(&file).ok());
    fs::remove_file(file).unwrap();
    text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

fn is_gone(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, fields)| fields.starts_with(['Z', 'X']))
}

#[test]
fn children_and_folder_go_with_it() {
    let place = place();
    let mut family = family(place.path(), FAMILY);
    let pids = pids(place.path());
    assert_eq!(family.process_id(), Some(pids[0]));
    assert_eq!(family.log(), "family of\n", "it has no environment but its own");
    drop(family);
    for pid in pids {
        until("the family to be gone", SOON, || is_gone(pid).then_some(()));
    }
    // Where the servers have an account of their own, that one may not take the folder itself away.
    let left = fs::read_dir(place.path().join("family")).map_or(0, Iterator::count);
    assert_eq!(left, 0);
}

#[test]
fn one_that_was_killed_starts_again_without_what_it_left() {
    let place = place();
    let mut family = family(place.path(), FAMILY);
    let first = pids(place.path());
    kill_process(Pid::from_raw(first[0].cast_signed()).unwrap(), Signal::KILL).unwrap();
    until("its end", SOON, || (!family.is_running()).then_some(()));
    assert!(!is_gone(first[1]), "the child stays behind");
    family.start();
    assert!(is_gone(first[1]));
    assert_ne!(pids(place.path()), first);
}

#[test]
fn it_is_asked_to_end_then_killed_and_its_folder_may_stay() {
    let place = place();
    for (script, patience) in [(FAMILY, SOON), (STUBBORN, Duration::ZERO)] {
        let mut family = family(place.path(), script);
        pids(place.path());
        family.stop(patience);
        assert_eq!(family.process_id(), None);
        family.keep_folder();
        drop(family);
        let folder = place.path().join("family");
        assert!(folder.join("log").exists());
        fs::remove_dir_all(folder).unwrap();
    }
}
