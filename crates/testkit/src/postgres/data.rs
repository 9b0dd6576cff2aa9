//! The data folder of a new server.

use std::{
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::Write as _,
};

use super::{Address, Programs, Settings};
use crate::{folder::Folder, password};

/// Makes the data folder. Returns the password of the superuser.
pub(crate) fn create(folder: &Folder, programs: &Programs, settings: &Settings) -> String {
    let password = password::fresh();
    let file = folder.path().join("password");
    fs::write(&file, &password).expect("the password can be written");
    folder.account().own(&file);
    let mut command = folder.command(&programs.path("initdb"));
    command.args(["--no-sync", "--no-instructions", "--locale=C", "--encoding=UTF8", "--username=postgres"]);
    // In clear over loopback: SCRAM costs a client that is built without optimisation a tenth of a second for
    // each connection.
    command.args(["--auth=password", "--pwfile=password"]).arg("--pgdata").arg(folder.data());
    let made = command.stdout(folder.log()).stderr(folder.log()).status().expect("initdb can be started");
    assert!(made.success(), "initdb failed:\n{}", folder.log_text());
    let mut file = OpenOptions::new()
        .append(true)
        .open(folder.data().join("postgresql.conf"))
        .expect("postgresql.conf can be opened");
    file.write_all(configuration(settings).as_bytes()).expect("postgresql.conf can be written");
    password
}

/// Makes the data folder of a replica from a running server: a copy, with a slot on that server by which it
/// follows. Password and configuration are the server's.
pub(crate) fn copy(folder: &Folder, programs: &Programs, primary: &Address, slot: &str) {
    let mut command = folder.command(&programs.path("pg_basebackup"));
    command.args(["--no-sync", "--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast"]);
    command.args(["--create-slot", "--slot", slot, "--dbname", &place(primary, slot)]);
    // Not where every user of the machine can read it. It gets into the replica's settings all the same.
    command.env("PGPASSWORD", &primary.password);
    command.arg("--pgdata").arg(folder.data()).stdout(folder.log()).stderr(folder.log());
    let made = command.status().expect("pg_basebackup can be started");
    assert!(made.success(), "pg_basebackup failed:\n{}", folder.log_text());
}

/// How a replica connects. Its name there is the slot's.
pub(crate) fn conninfo(primary: &Address, slot: &str) -> String {
    format!("{} password={}", place(primary, slot), primary.password)
}

fn place(primary: &Address, slot: &str) -> String {
    let Address { host, port, user, .. } = primary;
    format!("host={host} port={port} user={user} application_name={slot}")
}

/// What differs from the defaults, with the caller's own lines last.
fn configuration(settings: &Settings) -> String {
    let mut lines: Vec<(&str, &str)> = vec![
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
        ("timezone", "UTC"),
        ("log_timezone", "UTC"),
        // Many tests, each with a pool of its own, share a server.
        ("max_connections", "200"),
        ("shared_buffers", "32MB"),
        // In the data folder, where nothing stays behind after a kill; not in /dev/shm.
        ("dynamic_shared_memory_type", "mmap"),
        // Replicas look for their primary again at once, not after five seconds.
        ("wal_retrieve_retry_interval", "100ms"),
    ];
    if !settings.durable {
        // Commits still reach the kernel before they are answered: nothing is lost to a kill.
        lines.extend([("fsync", "off"), ("full_page_writes", "off")]);
    }
    lines.extend(settings.configuration.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    lines.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{name} = '{}'", value.replace('\'', "''"));
        text
    })
}
