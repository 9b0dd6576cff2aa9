//! One start of a server.

use std::{fs, process::Child};

use super::{PATIENCE, Programs};
use crate::{folder::Folder, port, until};

/// Why a server did not start.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// Somebody else has the port, by now.
    PortTaken,
    /// The log knows.
    Otherwise,
}

/// Starts the server of a folder for the first time, on a port that nobody else takes.
pub(crate) fn anywhere(folder: &Folder, programs: &Programs) -> (Child, u16) {
    for _ in 0..20 {
        let port = port::free();
        match launch(folder, programs, port) {
            Ok(process) => return (process, port),
            Err(Failed::PortTaken) => {}
            Err(Failed::Otherwise) => panic!("PostgreSQL does not start:\n{}", folder.log_text()),
        }
    }
    panic!("each port that was free was taken before PostgreSQL came to it");
}

/// Starts the postmaster of a data folder and waits until it takes connections.
pub(crate) fn launch(folder: &Folder, programs: &Programs, port: u16) -> Result<Child, Failed> {
    let said = folder.log_text().len();
    let mut command = folder.server(&programs.path("postgres"));
    command.arg("-D").arg(folder.data()).args(["-p", &port.to_string()]);
    // Messages are looked at here.
    command.args(["-c", "lc_messages=C"]).stdout(folder.log()).stderr(folder.log());
    let mut process = command.spawn().expect("postgres can be started");
    until("PostgreSQL to be ready", PATIENCE, || {
        if process.try_wait().expect("a child can be waited for").is_some() {
            let taken = folder.log_text()[said..].contains("Address already in use");
            return Some(Err(if taken { Failed::PortTaken } else { Failed::Otherwise }));
        }
        is_ready(folder, process.id()).then_some(Ok(()))
    })?;
    Ok(process)
}

/// What `pg_ctl` looks at too. The first line tells whose file it is: a killed server leaves its own behind.
fn is_ready(folder: &Folder, pid: u32) -> bool {
    let text = fs::read_to_string(folder.data().join("postmaster.pid")).unwrap_or_default();
    let mut lines = text.lines();
    lines.next() == Some(pid.to_string().as_str()) && lines.nth(6).is_some_and(|line| line.trim() == "ready")
}
