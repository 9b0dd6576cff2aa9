//! nginx in front of nodes, with the file that we give to operators.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use activity_testkit::{Program, free_port};
use tokio::sync::watch;

use super::{Node, until};

/// One that is ready. It ends with the test.
pub struct Front {
    /// Where it answers.
    pub url: watch::Sender<String>,
    /// Talks to it.
    pub http: reqwest::Client,
    program: Program,
    folder: PathBuf,
    _parent: tempfile::TempDir,
}

impl Front {
    /// Starts it before two nodes, which stay on their ports.
    pub async fn start(nodes: &[Node; 2]) -> Self {
        let port = free_port();
        let parent = tempfile::tempdir().unwrap();
        // The account that runs it has to get there.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(parent.path(), open).unwrap();
        let folder = parent.path().join("nginx");
        let prefix = folder.clone();
        let mut program = Program::in_folder(&folder, &nginx(), move |command| {
            command.args(["-e", "stderr", "-c", "nginx.conf", "-p"]).arg(&prefix);
        });
        let places = [
            ("listen 80;", format!("listen 127.0.0.1:{port};")),
            ("server-1:8080", address(&nodes[0])),
            ("server-2:8080", address(&nodes[1])),
        ];
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/nginx/activity-tracker.conf");
        let text = places.iter().fold(fs::read_to_string(file).unwrap(), |text, (from, to)| {
            assert!(text.contains(from), "there is no {from}");
            text.replace(from, to)
        });
        program.give("server.conf", &text);
        program.give("nginx.conf", FRAME);
        program.start();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
        let url = watch::Sender::new(format!("http://127.0.0.1:{port}"));
        let front = Self { url, http, program, folder, _parent: parent };
        until("nginx", Duration::from_secs(20), async || {
            let answer = front.http.get(front.at("/livez")).send().await.ok()?;
            (answer.status() == 200).then_some(())
        })
        .await;
        front
    }

    /// The address of a path.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", *self.url.borrow())
    }

    /// How many requests a node has answered by itself, without another one having been asked before.
    pub fn answered(&self, node: &Node) -> usize {
        let log = fs::read_to_string(self.folder.join("access.log")).unwrap_or_default();
        let own = format!("{} ", address(node));
        log.lines().filter(|line| line.starts_with(&own)).count()
    }

    /// Requests that it answered with 500 or above, and what it said.
    pub fn troubles(&self) -> String {
        let log = fs::read_to_string(self.folder.join("access.log")).unwrap_or_default();
        let failed = log.lines().filter(|line| line.contains("status=5"));
        failed.chain(self.program.log().lines()).collect::<Vec<_>>().join("\n")
    }
}

/// A node's host and port.
fn address(node: &Node) -> String {
    node.url.borrow().trim_start_matches("http://").to_owned()
}

fn nginx() -> PathBuf {
    let folders = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    let mut files = folders.iter().map(|folder| Path::new(folder).join("nginx"));
    files
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("nginx is missing; cargo xtask test installs it"))
}

/// What stands around it in a system.
const FRAME: &str = "\
daemon off;
pid nginx.pid;
worker_processes 2;
error_log stderr warn;
events {}
http {
    log_format upstream '$upstream_addr status=$status $request_method $uri $upstream_status $request_time $time_iso8601';
    access_log access.log upstream;
    client_body_temp_path temp-body;
    proxy_temp_path temp-proxy;
    fastcgi_temp_path temp-fastcgi;
    uwsgi_temp_path temp-uwsgi;
    scgi_temp_path temp-scgi;
    include server.conf;
}
";
