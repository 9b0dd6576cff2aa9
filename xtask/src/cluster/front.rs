//! nginx in front of the instances.

use std::{fs, time::Duration};

use activity_testkit::Program;

use super::{
    part::{Other, Part},
    place::Place,
};
use crate::{nginx, process::Outcome, workspace};

/// The part's name.
pub const NAME: &str = "nginx";

/// Starts it on a port, before instances on others.
pub fn start(place: &Place, port: u16, instances: &[u16]) -> Outcome<Box<dyn Part>> {
    let folder = place.path(NAME);
    let prefix = folder.clone();
    let mut program = Program::in_folder(&folder, &nginx::program()?, move |command| {
        // Its own default is a log that only root may write to.
        command.args(["-e", "stderr", "-c", "nginx.conf", "-p"]).arg(&prefix);
    });
    program.give("nginx.conf", &configuration(port, instances)?);
    program.start();
    Ok(Box::new(Other { name: NAME.to_owned(), port, program, patience: Duration::from_secs(5) }))
}

/// The file that we give to operators, in a frame, with our addresses.
fn configuration(port: u16, instances: &[u16]) -> Outcome<String> {
    let file = workspace::root().join("deploy/nginx/activity-tracker.conf");
    let mut text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let servers = (1..).zip(instances).map(|(number, port)| (format!("server-{number}:8080"), *port));
    for (place, port) in servers.chain([("listen 80;".to_owned(), port)]) {
        let (listen, end) = if place.starts_with("listen") { ("listen ", ";") } else { ("", "") };
        if !text.contains(&place) {
            return Err(format!("{} has no {place}", file.display()).into());
        }
        text = text.replace(&place, &format!("{listen}127.0.0.1:{port}{end}"));
    }
    Ok(format!("{FRAME}{text}}}\n"))
}

/// What stands around it in a system.
const FRAME: &str = "\
daemon off;
pid nginx.pid;
worker_processes 2;
error_log stderr warn;
events {
    worker_connections 1024;
}
http {
    log_format instances '$remote_addr [$time_iso8601] \"$request\" $status $upstream_addr $request_time';
    access_log access.log instances;
    client_body_temp_path temp-body;
    proxy_temp_path temp-proxy;
    fastcgi_temp_path temp-fastcgi;
    uwsgi_temp_path temp-uwsgi;
    scgi_temp_path temp-scgi;
";
