//! The real program as a process, with a folder and an environment of its own.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;

use super::until;

/// Time for a start; far more than it needs, so that a busy machine fails no test.
const START: Duration = Duration::from_secs(10);

/// A server that can be killed and started again on the same data. It ends with the test.
pub struct Node {
    folder: TempDir,
    settings: BTreeMap<&'static str, String>,
    process: Option<Child>,
    /// Where it answers; another port after each start.
    pub url: watch::Sender<String>,
    /// Talks to it.
    pub http: reqwest::Client,
}

impl Node {
    /// A server that is not running yet.
    pub fn new(settings: &[(&'static str, &str)]) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            settings: settings.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
            process: None,
            url: watch::Sender::default(),
            http: reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap(),
        }
    }

    /// A server that is ready.
    pub async fn started(settings: &[(&'static str, &str)]) -> Self {
        let mut node = Self::new(settings);
        node.start().await;
        node
    }

    /// One of its own settings.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(String::as_str)
    }

    /// Changes a setting, for the next start.
    pub fn set(&mut self, name: &'static str, value: &str) {
        self.settings.insert(name, value.to_owned());
    }

    /// A file or folder in its working directory, which also holds its data.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program with this node's settings and nothing else from outside.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_activity-tracker"));
        command.env_clear().current_dir(self.folder.path()).stdin(Stdio::null());
        for name in ["PATH", "HOME"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command.env("DATA_DIR", self.path("data")).env("PORT", "0").envs(&self.settings);
        command
    }

    /// Runs a subcommand to its end. Returns whether it went well and all that it said.
    pub fn run(&self, arguments: &[&str]) -> (bool, String) {
        let output = self.command().args(arguments).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    /// Starts the process without waiting for it.
    pub fn spawn(&mut self) {
        assert!(self.process.is_none(), "it is running already");
        let _ = fs::remove_file(self.path("data/server.url"));
        let log = OpenOptions::new().create(true).append(true).open(self.path("log")).unwrap();
        self.process = Some(self.command().stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
    }

    /// Starts it and waits until it is ready. Returns how long that took.
    pub async fn start(&mut self) -> Duration {
        let start = Instant::now();
        self.spawn();
        self.ready(START).await;
        start.elapsed()
    }

    /// Waits until it is ready, once it was spawned.
    pub async fn ready(&mut self, within: Duration) {
        let file = self.path("data/server.url");
        until("a ready server", within, async || {
            let ended = self.process.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "it ended with {ended:?}: {}", self.log());
            let url = fs::read_to_string(&file).ok()?;
            let answer = self.http.get(format!("{url}/readyz")).send().await.ok()?;
            answer.status().is_success().then(|| self.url.send_replace(url))
        })
        .await;
    }

    /// Its process, which has to be running.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    /// A line of /proc/PID/status, such as `VmRSS`, in bytes.
    pub fn memory(&self, line: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|text| text.strip_prefix(line)).unwrap();
        line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
    }

    /// kill -9.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        kill_process(Pid::from_child(self.process.as_ref().unwrap()), Signal::TERM).unwrap();
    }

    /// Waits for it to end by itself.
    pub async fn exit(&mut self, within: Duration) -> ExitStatus {
        let process = self.process.as_mut().unwrap();
        let status = until("the end of the process", within, async || process.try_wait().unwrap()).await;
        self.process = None;
        status
    }

    /// SIGTERM, a clean exit, and what the server then said about everything that it had accepted.
    pub async fn stop(&mut self) -> Value {
        self.terminate();
        let status = self.exit(Duration::from_secs(10)).await;
        assert!(status.success(), "{status}: {}", self.log());
        let log = self.log();
        let last = log.lines().last().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|error| panic!("the last line is {last:?}: {error}"))
    }

    /// Everything that it said since the first start.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.path("log")).unwrap()).into_owned()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}
