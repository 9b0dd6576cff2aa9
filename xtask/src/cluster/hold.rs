//! The holder: starts all parts, owns them, and does what is wished until it is that they end.

use std::{thread, time::Duration};

use super::{
    front, instance,
    part::Part,
    place::{Place, Row, Wish},
    postgres, redis,
};
use crate::process::Outcome;

/// How often it looks at the parts and at what is wished.
const ROUND: Duration = Duration::from_millis(100);

/// Starts the parts and stays until they are to end. Should it end before, watchers end them.
pub fn hold(place: &Place, port: u16) -> Outcome {
    let _held = place.hold()?;
    let mut parts = start(place, port)?;
    let mut told = Vec::new();
    loop {
        let rows: Vec<Row> = parts.iter_mut().map(|part| part.row()).collect();
        if rows != told {
            place.tell(&rows)?;
            told = rows;
        }
        match place.wished() {
            None => thread::sleep(ROUND),
            Some(Wish::Start) => {
                start_again(&mut parts);
                place.tell(&parts.iter_mut().map(|part| part.row()).collect::<Vec<_>>())?;
                place.grant()?;
            }
            Some(Wish::Stop { keep }) => {
                stop(parts, keep);
                return place.grant();
            }
        }
    }
}

/// The topology. A part is told where those before it are.
fn start(place: &Place, port: u16) -> Outcome<Vec<Box<dyn Part>>> {
    let mut parts = postgres::start(place)?;
    let shared = redis::start(place)?;
    let mut settings = postgres::settings(place, &ports(&parts))?;
    settings.extend(redis::settings(place, &shared)?);
    parts.extend(shared);
    let instances = instance::start(place, &settings)?;
    let front = front::start(place, port, &ports(&instances))?;
    parts.extend(instances);
    parts.push(front);
    Ok(parts)
}

fn ports(parts: &[Box<dyn Part>]) -> Vec<u16> {
    parts.iter().map(|part| part.port()).collect()
}

fn start_again(parts: &mut [Box<dyn Part>]) {
    for part in parts {
        if part.pid().is_none() {
            eprintln!("{} has ended and is started again", part.name());
            part.start_again();
        }
    }
}

/// Ends them, the last one first: nobody is left without those whom he needs.
fn stop(parts: Vec<Box<dyn Part>>, keep: bool) {
    for mut part in parts.into_iter().rev() {
        eprintln!("{} ends", part.name());
        part.stop(keep);
    }
}
