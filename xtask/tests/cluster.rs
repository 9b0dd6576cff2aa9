//! A cluster from beginning to end: it answers through nginx, goes on without an instance, and leaves nothing.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests too")]

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use activity_testkit::{free_port, is_busy, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

const SOON: Duration = Duration::from_mins(1);
const XTASK: &str = env!("CARGO_BIN_EXE_xtask");

/// A cluster in a folder of its own, which ends with the test.
struct Cluster {
    port: u16,
    home: TempDir,
}

impl Cluster {
    fn up() -> Self {
        let home = tempfile::tempdir().unwrap();
        // The account of the servers has to get there.
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o711)).unwrap();
        let mut cluster = Self { port: 0, home };
        let server = server();
        loop {
            cluster.port = free_port();
            let port = cluster.port.to_string();
            let output = cluster.run("up", &["--port", &port, "--server", server.to_str().unwrap()]);
            // Somebody may take a port that was free before the part does.
            if !String::from_utf8_lossy(&output.stderr).contains("ddress already in use") {
                succeeded(&output);
                return cluster;
            }
            succeeded(&cluster.run("down", &[]));
        }
    }

    fn folder(&self) -> PathBuf {
        self.home.path().join("cluster")
    }

    fn run(&self, act: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(XTASK);
        command.args(["cluster", act, "--folder"]).arg(self.folder()).args(arguments);
        command.output().unwrap()
    }

    /// Process and port of a part.
    fn part(&self, name: &str) -> (String, u16) {
        let parts = fs::read_to_string(self.folder().join("parts")).unwrap();
        let line = parts.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let (pid, port) = line.unwrap().split_once(' ').unwrap();
        (pid.to_owned(), port.parse().unwrap())
    }

    /// kill -9, as seen by the holder.
    fn kill(&self, part: &str) {
        signal_kill(&self.part(part).0);
        until("the end of it", SOON, || (self.part(part).0 == "-").then_some(()));
    }

    fn admin_key(&self) -> String {
        fs::read_to_string(self.folder().join("secrets/admin_key")).unwrap().trim().to_owned()
    }

    /// Records an event by way of nginx, which has to be taken.
    fn record(&self, key: &str) {
        let event = json!({ "endpoint": "/orders", "method": "GET", "statusCode": 200 });
        let (status, body) = send(self.port, "POST", "/api/logs", key, &event);
        assert_eq!((status, &body["accepted"]), (202, &json!(1)), "{body}");
    }

    /// What usage by day sums up to.
    fn counted(&self) -> u64 {
        let (status, body) =
            send(self.port, "GET", "/api/usage/daily?days=2", &self.admin_key(), &Value::Null);
        assert_eq!(status, 200, "{body}");
        body["data"].as_array().unwrap().iter().map(|row| row["requestCount"].as_u64().unwrap()).sum()
    }

    /// How many events the instances at these addresses took by way of nginx, once it has told of so many.
    fn shares_of(&self, total: usize) -> Option<BTreeMap<String, usize>> {
        let log = fs::read_to_string(self.folder().join("nginx/access.log")).unwrap();
        let mut shares: BTreeMap<String, usize> = BTreeMap::new();
        for line in log.lines().filter(|line| line.contains("POST /api/logs") && line.contains(" 202 ")) {
            *shares.entry(line.split(' ').nth_back(1).unwrap().to_owned()).or_default() += 1;
        }
        (shares.values().sum::<usize>() == total).then_some(shares)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.run("down", &[]);
    }
}

/// The server lies beside xtask: whoever builds the tests of the workspace builds it as well.
fn server() -> PathBuf {
    let server = Path::new(XTASK).with_file_name("activity-tracker");
    assert!(server.is_file(), "there is no server: build the workspace (cargo build --workspace)");
    server
}

fn succeeded(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn signal_kill(pid: &str) {
    kill_process(Pid::from_raw(pid.parse().unwrap()).unwrap(), Signal::KILL).unwrap();
}

fn send(port: u16, method: &str, path: &str, key: &str, body: &Value) -> (u16, Value) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let head = format!("{method} {path} HTTP/1.0\r\nHost: x\r\nX-API-Key: {key}\r\n");
    let length = body.len();
    write!(stream, "{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

/// The processes that have the text in their command lines.
fn mentions(text: &str) -> Vec<String> {
    let names = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let line = |pid: &String| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    names.filter(|pid| String::from_utf8_lossy(&line(pid)).replace('\0', " ").contains(text)).collect()
}

#[test]
fn it_goes_on_without_an_instance_and_leaves_nothing() {
    let cluster = Cluster::up();
    let status = succeeded(&cluster.run("status", &[]));
    assert!(status.contains("takes writes"), "{status}");
    assert_eq!((status.matches("bytes behind").count(), status.matches("ready").count()), (2, 3), "{status}");

    let wish = json!({ "name": "shop", "email": "shop@example.org", "rateLimit": 1_000_000 });
    let (code, shop) = send(cluster.port, "POST", "/api/register", &cluster.admin_key(), &wish);
    assert_eq!(code, 201, "{shop}");
    let key = shop["apiKey"].as_str().unwrap();
    let ports = ["server-1", "server-2"].map(|name| format!("127.0.0.1:{}", cluster.part(name).1));
    let mut recorded = 0;
    let mut record = |count| {
        for _ in 0..count {
            cluster.record(key);
        }
        recorded += count;
        recorded
    };
    record(10);
    // nginx writes its log after the answer.
    let shares = |total| until("nginx's log", SOON, || cluster.shares_of(total));
    let both = shares(10);
    assert!(ports.iter().all(|port| both[port] >= 3), "{both:?}");

    cluster.kill("server-1");
    record(20);
    assert_eq!(shares(30)[&ports[1]], both[&ports[1]] + 20);
    let output = cluster.run("status", &[]);
    let status = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success() && status.matches("has ended").count() == 1, "{status}");

    succeeded(&cluster.run("up", &[]));
    let all = record(10);
    until("all of it to be counted, also what the killed one had", SOON, || {
        (cluster.counted() == all).then_some(())
    });
    let folder = cluster.folder();
    succeeded(&cluster.run("down", &[]));
    assert!(!folder.exists() && mentions(folder.to_str().unwrap()).is_empty());
    assert!(TcpStream::connect(("127.0.0.1", cluster.port)).is_err());
}

#[test]
fn it_goes_on_without_the_primary_of_redis() {
    let cluster = Cluster::up();
    let status = succeeded(&cluster.run("status", &[]));
    for (expected, count) in
        [("primary, followed by 1", 1), ("replica, follows", 1), ("3 Sentinels can replace the primary", 3)]
    {
        assert_eq!(status.matches(expected).count(), count, "{status}");
    }
    let wish = json!({ "name": "shop", "email": "shop@example.org", "rateLimit": 1_000_000 });
    let (code, shop) = send(cluster.port, "POST", "/api/register", &cluster.admin_key(), &wish);
    assert_eq!(code, 201, "{shop}");
    let key = shop["apiKey"].as_str().unwrap();
    let record = |count: usize| (0..count).for_each(|_| cluster.record(key));
    record(10);
    cluster.kill("redis-1");
    record(10);
    until("the other one to be primary", SOON, || {
        let output = cluster.run("status", &[]);
        let status = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = status.lines().find(|line| line.starts_with("redis-2")).unwrap().to_owned();
        line.contains("primary, followed by").then_some(())
    });
    record(10);
    succeeded(&cluster.run("up", &[]));
    until("all of it to be well", SOON, || cluster.run("status", &[]).status.success().then_some(()));
    record(10);
    until("all of it to be counted", SOON, || (cluster.counted() == 40).then_some(()));
}

#[test]
fn nothing_outlives_its_holder() {
    let cluster = Cluster::up();
    let folder = cluster.folder();
    let holder = mentions(&format!("cluster hold --port {}", cluster.port));
    assert_eq!(holder.len(), 1, "{holder:?}");
    let parts = ["primary", "replica-1", "redis-1", "sentinel-3", "server-1", "server-2", "nginx"];
    let pids = parts.map(|name| cluster.part(name).0);
    signal_kill(&holder[0]);
    for pid in pids {
        until("the parts to end", SOON, || {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_none_or(|(_, fields)| fields.starts_with(['Z', 'X'])).then_some(())
        });
    }
    let output = cluster.run("status", &[]);
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("does not run"));
    succeeded(&cluster.run("down", &[]));
    assert!(!folder.exists() && !is_busy(cluster.home.path()));
}
