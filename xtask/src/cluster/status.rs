//! `cargo xtask cluster status`: what each part is and how it does.

use super::{
    place::{Found, Place, Row},
    postgres, ready, redis,
};
use crate::process::Outcome;

/// A server of Postgres answers this with whether it is a standby, and how far its log goes.
const WHERE: &str = "select pg_is_in_recovery(), \
    (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end) - '0/0'::pg_lsn";

/// Prints a row for each part. It is an error if one is not well.
pub fn status(place: &Place) -> Outcome {
    let folder = place.folder().display();
    match place.look()? {
        Found::Held => {}
        Found::Left => {
            return Err(format!("it does not run; {folder} is what is left of it").into());
        }
        Found::Nothing | Found::Foreign => return Err(format!("there is no cluster in {folder}").into()),
    }
    let rows = place.told().ok_or("it is being started")?;
    let states = states(place, &rows);
    println!("{:<10} {:>8} {:>6}  state", "part", "pid", "port");
    for (row, state) in rows.iter().zip(&states) {
        let pid = row.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
        let state = state.as_ref().unwrap_or_else(|bad| bad);
        println!("{:<10} {pid:>8} {:>6}  {state}", row.name, row.port);
    }
    match states.iter().filter(|state| state.is_err()).count() {
        0 => Ok(()),
        bad => Err(format!("{bad} of {} parts are not well", states.len()).into()),
    }
}

/// How each part does: well, or not.
pub fn states(place: &Place, rows: &[Row]) -> Vec<Result<String, String>> {
    let positions: Vec<Option<(bool, i64)>> = rows.iter().map(|row| position(place, row)).collect();
    let written = positions.iter().flatten().filter(|(is_standby, _)| !is_standby).map(|(_, at)| *at).max();
    let state = |(row, position): (&Row, &Option<(bool, i64)>)| {
        if row.pid.is_none() {
            return Err("has ended".to_owned());
        }
        if redis::is_one(&row.name) {
            return redis::state(place, row);
        }
        if !is_postgres(row) {
            return ready::ask(row.port).map(|()| "ready".to_owned());
        }
        match position {
            None => Err("does not answer".to_owned()),
            Some((false, _)) => Ok("takes writes".to_owned()),
            Some((true, at)) => match written {
                Some(written) => Ok(format!("standby, {} bytes behind", (written - at).max(0))),
                None => Err("standby, and no primary answers".to_owned()),
            },
        }
    };
    rows.iter().zip(&positions).map(state).collect()
}

fn is_postgres(row: &Row) -> bool {
    row.name == "primary" || row.name.starts_with("replica-")
}

/// Whether a server of Postgres is a standby, and how far it is; nothing if it does not answer.
fn position(place: &Place, row: &Row) -> Option<(bool, i64)> {
    if !is_postgres(row) || row.pid.is_none() {
        return None;
    }
    let answer = postgres::superuser(place, row.port).ok()?.try_sql(WHERE).ok()?;
    let (is_standby, at) = answer.split_once('|')?;
    Some((is_standby == "t", at.parse().ok()?))
}
