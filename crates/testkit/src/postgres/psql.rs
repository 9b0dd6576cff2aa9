//! SQL by way of `psql`, so that the kit needs no driver.

use std::{
    io::Write,
    process::{Command, Stdio},
    thread,
};

use super::{Address, Programs};

/// Runs SQL. Returns the rows, or what `psql` says about why not.
pub(crate) fn run(address: &Address, sql: &str) -> Result<String, String> {
    // `timeout`, because psql waits for ever for a server that is frozen.
    let mut command = Command::new("timeout");
    command.arg("60").arg(Programs::find().path("psql"));
    command.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"]);
    command.envs([("PGPASSWORD", address.password.as_str()), ("PGCONNECT_TIMEOUT", "10")]);
    command.args(["--host", &address.host.to_string(), "--port", &address.port.to_string()]);
    command.args(["--username", &address.user, "--dbname", &address.database]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().expect("psql can be started");
    let mut stdin = process.stdin.take().expect("it is piped");
    let output = thread::scope(|scope| {
        // Beside the reading, because either pipe may fill. An error means that psql has given up.
        scope.spawn(move || {
            let _ = stdin.write_all(sql.as_bytes());
        });
        process.wait_with_output().expect("psql can be waited for")
    });
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    match output.status.code() {
        Some(0) => Ok(text(&output.stdout)),
        Some(124) => Err("no answer within a minute".to_owned()),
        _ => Err(text(&output.stderr)),
    }
}
