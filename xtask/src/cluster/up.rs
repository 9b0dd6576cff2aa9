//! `cargo xtask cluster up`: starts a holder, or has the one that is there start what has ended, and waits until
//! everything is ready.

use std::{
    env,
    fs::{self, File, Permissions},
    net::{Ipv4Addr, TcpListener},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{
    Up, front, instance,
    place::{Found, Place, Row, Wish},
    postgres, redis,
    secrets::{self, ADMIN},
    status::states,
};
use crate::{
    nginx,
    process::{self, Outcome},
    run,
};

/// Time for everything to be ready; far more than it needs.
const PATIENCE: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(50);

/// Returns when all parts are ready.
pub fn up(place: &Place, options: &Up) -> Outcome {
    let folder = place.folder().display();
    match place.look()? {
        Found::Nothing => start(place, options)?,
        Found::Held => again(place)?,
        Found::Left => {
            let advice = "`cargo xtask cluster down` removes it";
            return Err(format!("{folder} is what is left of a cluster; {advice}").into());
        }
        Found::Foreign => return Err(format!("{folder} is not empty and no cluster's").into()),
    }
    let rows = wait_ready(place)?;
    print(place, &rows);
    Ok(())
}

/// Starts a holder, and waits until it has started all parts.
fn start(place: &Place, options: &Up) -> Outcome {
    let port = options.port;
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .map_err(|error| format!("nginx cannot listen on port {port}: {error}; --port chooses another"))?;
    crate::postgres::ensure()?;
    crate::redis::ensure()?;
    nginx::ensure()?;
    let server = options.server.clone().map_or_else(run::build, Ok)?;
    place.make()?;
    let program = place.path(instance::PROGRAM);
    fs::copy(&server, &program).map_err(|error| format!("{}: {error}", server.display()))?;
    fs::set_permissions(program, Permissions::from_mode(0o755))?;
    let mut holder = holder(place, port)?;
    let begun = Instant::now();
    while place.told().is_none() {
        if holder.try_wait()?.is_some() {
            return Err(format!("it does not start:\n{}", last_words(place)).into());
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("it takes too long to start:\n{}", last_words(place)).into());
        }
        thread::sleep(POLL);
    }
    Ok(())
}

/// A process that outlives us, and whom Ctrl-C on our terminal does not reach.
fn holder(place: &Place, port: u16) -> Outcome<Child> {
    let log = File::create(place.path("log"))?;
    let mut command = process::of_its_own(Command::new(env::current_exe()?));
    command.args(["cluster", "hold", "--port", &port.to_string(), "--folder"]).arg(place.folder());
    // What goes wrong is told in a line; where in the code is of no help to whoever reads it.
    command.current_dir("/").process_group(0).env("RUST_BACKTRACE", "0");
    Ok(command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?)
}

/// Has the holder start what has ended.
fn again(place: &Place) -> Outcome {
    place.wish(Wish::Start)?;
    let begun = Instant::now();
    while place.wished() == Some(Wish::Start) {
        if place.look()? != Found::Held {
            return Err(format!("it has ended:\n{}", last_words(place)).into());
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("the holder does not react:\n{}", last_words(place)).into());
        }
        thread::sleep(POLL);
    }
    Ok(())
}

/// Waits until all parts are well: Sentinels know each other some seconds after the instances are ready.
fn wait_ready(place: &Place) -> Outcome<Vec<Row>> {
    let begun = Instant::now();
    loop {
        let rows = place.told().unwrap_or_default();
        if let Some(ended) = rows.iter().find(|row| row.pid.is_none()) {
            let said = last_lines(&place.path(&ended.name).join("log"));
            return Err(format!("{} has ended:\n{said}", ended.name).into());
        }
        let Some(trouble) = trouble(place, &rows) else { return Ok(rows) };
        if place.look()? != Found::Held {
            return Err(format!("it has ended:\n{}", last_words(place)).into());
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("it does not get ready; {trouble}").into());
        }
        thread::sleep(POLL);
    }
}

/// What is not ready yet.
fn trouble(place: &Place, rows: &[Row]) -> Option<String> {
    let states = rows.iter().zip(states(place, rows));
    states.into_iter().find_map(|(row, state)| state.err().map(|why| format!("{}: {why}", row.name)))
}

/// The end of what the holder said.
fn last_words(place: &Place) -> String {
    last_lines(&place.path("log"))
}

/// The end of a log.
fn last_lines(log: &Path) -> String {
    let text = String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// Where everything is.
fn print(place: &Place, rows: &[Row]) {
    println!("The cluster in {} is ready.", place.folder().display());
    for row in rows {
        let way_in = match row.name.as_str() {
            front::NAME => format!("http://127.0.0.1:{0}   http://127.0.0.1:{0}/api-docs", row.port),
            name if name.starts_with("server-") => format!("http://127.0.0.1:{}", row.port),
            name if redis::is_one(name) => redis::shell_line(place, row),
            _ => postgres::shell_line(place, row.port),
        };
        println!("  {:<10} {way_in}", row.name);
    }
    println!("  admin key  {}", secrets::file(place, ADMIN).display());
    println!(
        "Logs are in the parts' folders there. `cargo xtask cluster status` looks at it, `down` ends it."
    );
}
