//! Gateways as processes, with the files that we give to operators.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use activity_testkit::{Program, free_port};
use reqwest::{Method, RequestBuilder};

use crate::behind::Behind;
use crate::support::{Node, until};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Nginx,
    Caddy,
}

/// A gateway that is ready.
pub struct Front {
    port: u16,
    http: reqwest::Client,
    program: Program,
    _folder: tempfile::TempDir,
}

impl Front {
    pub async fn start(kind: Kind, tracker: &Node, behind: &Behind) -> Self {
        let port = free_port();
        let parent = tempfile::tempdir().unwrap();
        // The account that runs it has to get there.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(parent.path(), open).unwrap();
        let folder = parent.path().join("gateway");
        let tracker_port = tracker.url.borrow().rsplit(':').next().unwrap().to_owned();
        let places = [("8080", tracker_port), ("9000", behind.port.to_string()), ("8081", port.to_string())];
        let configuration = |file: &str| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/gateways").join(file);
            let text = fs::read_to_string(path).unwrap();
            places.iter().fold(text, |text, (from, to)| {
                let (from, to) = (format!("127.0.0.1:{from}"), format!("127.0.0.1:{to}"));
                assert!(text.contains(&from), "{file} has no {from}");
                text.replace(&from, &to)
            })
        };
        let mut program = match kind {
            Kind::Nginx => nginx(&folder, &configuration("nginx.conf")),
            Kind::Caddy => caddy(&folder, &configuration("Caddyfile")),
        };
        program.start();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
        let mut front = Self { port, http, program, _folder: parent };
        front.ready().await;
        front
    }

    /// Without a key nobody passes, but there is an answer.
    async fn ready(&mut self) {
        until("the gateway", Duration::from_secs(20), async || {
            assert!(self.program.is_running(), "{}", self.program.log());
            let answer = self.http.get(format!("http://127.0.0.1:{}/", self.port)).send().await.ok()?;
            (answer.status() == 401).then_some(())
        })
        .await;
    }

    pub fn call(&self, method: Method, path: &str, key: &str) -> RequestBuilder {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        self.http.request(method, url).header("x-api-key", key)
    }
}

fn find(name: &str) -> PathBuf {
    let folders = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    let mut files = folders.iter().map(|folder| Path::new(folder).join(name));
    files
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("{name} is missing; cargo xtask test installs it"))
}

fn nginx(folder: &Path, server: &str) -> Program {
    let prefix = folder.to_owned();
    let program = Program::in_folder(folder, &find("nginx"), move |command| {
        command.args(["-e", "stderr", "-c", "nginx.conf", "-p"]).arg(&prefix);
    });
    program.give("server.conf", server);
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("    {name}_temp_path temp-{name};\n"))
        .concat();
    program.give(
        "nginx.conf",
        &format!(
            "daemon off;\npid nginx.pid;\nworker_processes 2;\nerror_log stderr warn;\nevents {{}}\nhttp {{\n    access_log off;\n{temporary}    include server.conf;\n}}\n"
        ),
    );
    program
}

fn caddy(folder: &Path, sites: &str) -> Program {
    let home = folder.to_owned();
    let program = Program::in_folder(folder, &find("caddy"), move |command| {
        command.args(["run", "--config", "Caddyfile", "--adapter", "caddyfile"]).env("HOME", &home);
    });
    program.give("Caddyfile", &format!("{{\n\tadmin off\n}}\n{sites}"));
    program
}
