//! Instances of the server, each with its own data folder, and secrets that they share.

use std::time::Duration;

use activity_testkit::{Program, free_port};

use super::{
    part::{Other, Part},
    place::Place,
    secrets::{self, ADMIN, ENCRYPTION, JWT},
};
use crate::process::Outcome;

/// How many there are.
const INSTANCES: usize = 2;
/// The server stops in order within ten seconds.
const PATIENCE: Duration = Duration::from_secs(12);
/// The program, in the cluster's folder: what is built meanwhile does not change it.
pub const PROGRAM: &str = "activity-tracker";

/// Starts them, with what they have to know of the others.
pub fn start(place: &Place, others: &[(&'static str, String)]) -> Outcome<Vec<Box<dyn Part>>> {
    let mut settings = others.to_vec();
    for (name, secret) in [("ADMIN_API_KEY", ADMIN), ("JWT_SECRET", JWT), ("ENCRYPTION_KEY", ENCRYPTION)] {
        settings.push((name, secrets::make(place, secret)?));
    }
    for (name, value) in
        [("APP_ENV", "production"), ("LOG_FORMAT", "json"), ("TRUSTED_PROXIES", "127.0.0.1/32")]
    {
        settings.push((name, value.to_owned()));
    }
    let mut ports: Vec<u16> = Vec::new();
    while ports.len() < INSTANCES {
        let port = free_port();
        if !ports.contains(&port) {
            ports.push(port);
        }
    }
    let instances = (1..).zip(ports).map(|(number, port)| instance(place, number, port, &settings));
    Ok(instances.collect())
}

fn instance(place: &Place, number: usize, port: u16, settings: &[(&'static str, String)]) -> Box<dyn Part> {
    let name = format!("server-{number}");
    let mut settings = settings.to_vec();
    settings.extend([("DATA_DIR", "data".to_owned()), ("PORT", port.to_string())]);
    let mut program = Program::in_folder(&place.path(&name), &place.path(PROGRAM), move |command| {
        command.arg("serve").envs(settings.iter().map(|(name, value)| (name, value)));
    });
    program.start();
    Box::new(Other { name, port, program, patience: PATIENCE })
}
