//! One start of a server.

use std::{path::Path, process::Child, time::Duration};

use super::{PATIENCE, RedisAddress, resp};
use crate::{folder::Folder, port, until};

/// What the program runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Server,
    Sentinel,
}

/// Why a server did not start.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// Somebody else has the port, by now.
    PortTaken,
    /// The log knows.
    Otherwise,
}

/// Starts the server of a folder for the first time, on a port that nobody else takes.
pub(super) fn anywhere(folder: &Folder, kind: Kind, password: &str) -> (Child, u16) {
    for _ in 0..20 {
        let port = port::free();
        match launch(folder, kind, port, password) {
            Ok(process) => return (process, port),
            Err(Failed::PortTaken) => {}
            Err(Failed::Otherwise) => panic!("Redis does not start:\n{}", folder.log_text()),
        }
    }
    panic!("each port that was free was taken before Redis came to it");
}

/// Starts the server of a folder and waits until it answers.
pub(super) fn launch(folder: &Folder, kind: Kind, port: u16, password: &str) -> Result<Child, Failed> {
    let said = folder.log_text().len();
    // The program is one for both, and its path is found by the system.
    let mut command = folder.command(Path::new("redis-server"));
    command.args(["redis.conf", "--port", &port.to_string()]);
    if kind == Kind::Sentinel {
        command.arg("--sentinel");
    }
    command.stdout(folder.log()).stderr(folder.log());
    let mut process =
        command.spawn().expect("Redis is installed (cargo xtask test brings it, or says how to get it)");
    let address = RedisAddress::new(port, password.to_owned());
    until("Redis to be ready", PATIENCE, || {
        if process.try_wait().expect("a child can be waited for").is_some() {
            let taken = folder.log_text()[said..].contains("Address already in use");
            return Some(Err(if taken { Failed::PortTaken } else { Failed::Otherwise }));
        }
        // Nobody else on that port knows the password.
        let answer = resp::within(Duration::from_secs(5), &address, &["PING"]);
        (answer.as_deref() == Ok("PONG")).then_some(Ok(()))
    })?;
    Ok(process)
}
