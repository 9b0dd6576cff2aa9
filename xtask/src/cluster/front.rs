//! nginx in front of the instances.

use std::{fmt::Write as _, time::Duration};

use activity_testkit::Program;

use super::{
    part::{Other, Part},
    place::Place,
};
use crate::{nginx, process::Outcome};

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
    program.give("nginx.conf", &configuration(port, instances));
    program.start();
    Ok(Box::new(Other { name: NAME.to_owned(), port, program, patience: Duration::from_secs(5) }))
}

/// Round robin. What an instance has begun to answer, or may have taken, is not offered to another one: whoever sends
/// events with ids may repeat them himself. Bodies are bounded by the server.
fn configuration(port: u16, instances: &[u16]) -> String {
    let servers = instances.iter().fold(String::new(), |mut text, port| {
        let _ = writeln!(text, "        server 127.0.0.1:{port} max_fails=1 fail_timeout=1s;");
        text
    });
    format!(
        r#"daemon off;
pid nginx.pid;
worker_processes 2;
error_log stderr warn;
events {{
    worker_connections 1024;
}}
http {{
    log_format instances '$remote_addr [$time_iso8601] "$request" $status $upstream_addr $request_time';
    access_log access.log instances;
    client_body_temp_path temp-body;
    proxy_temp_path temp-proxy;
    fastcgi_temp_path temp-fastcgi;
    uwsgi_temp_path temp-uwsgi;
    scgi_temp_path temp-scgi;
    server_tokens off;
    client_max_body_size 0;
    upstream instances {{
{servers}        keepalive 32;
    }}
    map $http_upgrade $connection_header {{
        default upgrade;
        '' '';
    }}
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header Connection $connection_header;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_connect_timeout 1s;
    proxy_read_timeout 60s;
    proxy_next_upstream error timeout;
    proxy_next_upstream_tries {tries};
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://instances;
        }}
        # Streams: what an instance sends goes out at once, and may be long in coming.
        location ~ ^/api/(usage/stream|ws)$ {{
            proxy_pass http://instances;
            proxy_buffering off;
            proxy_read_timeout 1h;
            proxy_send_timeout 1h;
        }}
    }}
}}
"#,
        tries = instances.len()
    )
}
