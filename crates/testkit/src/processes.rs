//! Looking at processes and sending them signals.

use std::{fs, path::Path, time::Duration};

use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process},
};

use crate::until;

/// How long the kernel may take to act on a signal that cannot be handled.
const SIGNALLED: Duration = Duration::from_secs(20);

/// Sends a signal. A process that is gone is no error.
pub(crate) fn signal(pid: Pid, signal: Signal) {
    match kill_process(pid, signal) {
        Ok(()) | Err(Errno::SRCH) => {}
        Err(error) => panic!("{signal:?} to {pid:?}: {error}"),
    }
}

/// Stops a process, then its children: a parent that is stopped makes no new ones. Returns all of them.
pub(crate) fn freeze(pid: Pid) -> Vec<Pid> {
    stop(pid);
    let mut all = children(pid);
    all.iter().copied().for_each(stop);
    all.push(pid);
    all
}

/// Lets a process and its children go on.
pub(crate) fn thaw(pid: Pid) {
    for child in children(pid) {
        signal(child, Signal::CONT);
    }
    signal(pid, Signal::CONT);
}

/// Waits until a process has ended. One that nobody has reaped yet has.
pub(crate) fn gone(pid: Pid) {
    until("the end of a killed process", SIGNALLED, || is_gone(pid).then_some(()));
}

/// The processes that work in a folder or below it, as far as we may look at them.
pub(crate) fn working_in(folder: &Path) -> Vec<Pid> {
    let works = |pid: &Pid| {
        let place = fs::read_link(format!("/proc/{}/cwd", pid.as_raw_pid()));
        place.is_ok_and(|place| place.starts_with(folder)) && !is_gone(*pid)
    };
    all().filter(works).collect()
}

/// Whether processes work in a folder or below it, such as those of servers that are being taken down.
pub fn is_busy(folder: &Path) -> bool {
    !working_in(folder).is_empty()
}

fn stop(pid: Pid) {
    signal(pid, Signal::STOP);
    until("a process to freeze", SIGNALLED, || {
        (is_gone(pid) || stat(pid).is_some_and(|(state, _)| state == 'T')).then_some(())
    });
}

fn is_gone(pid: Pid) -> bool {
    stat(pid).is_none_or(|(state, _)| state == 'Z' || state == 'X')
}

fn children(parent: Pid) -> Vec<Pid> {
    all().filter(|pid| stat(*pid).is_some_and(|(_, its)| its == parent.as_raw_pid())).collect()
}

/// All processes there are.
fn all() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").expect("there is /proc").filter_map(Result::ok);
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter_map(Pid::from_raw)
}

/// State and parent of a process, by proc(5).
fn stat(pid: Pid) -> Option<(char, i32)> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())).ok()?;
    // The name comes before, in parentheses, and may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}
