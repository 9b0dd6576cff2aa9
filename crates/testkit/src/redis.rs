//! A private Redis server.

mod address;
mod cluster;
mod data;
mod launch;
mod monitor;
mod resp;
mod sentinel;
mod tls;

use std::{process::Child, time::Duration};

use rustix::process::{Pid, Signal};

pub use address::RedisAddress;
pub use cluster::RedisCluster;
use launch::{Failed, Kind};
pub use monitor::{RedisCommand, RedisMonitor};
pub use sentinel::RedisSentinel;
pub use tls::RedisTls;

use crate::{folder::Folder, processes, until};

/// Time for a start or stop; far more than it needs, so that a busy machine fails no test.
const PATIENCE: Duration = Duration::from_mins(1);

/// How the server is set up.
#[derive(Debug, Clone, Default)]
pub struct RedisSettings {
    /// Whether it writes down each command before it answers. Without it a stop forgets everything.
    pub durable: bool,
    /// A user besides the default one, and what that one may do (`~* &* +@all`). Its password is the server's.
    pub user: Option<(String, String)>,
    /// Further lines for `redis.conf`, the last of a name counts.
    pub configuration: Vec<(String, String)>,
    /// With TLS, on a port of its own.
    pub tls: Option<RedisTls>,
}

impl RedisSettings {
    /// A free port for TLS, if there is to be any.
    fn tls_port(&self) -> Option<u16> {
        self.tls.as_ref().map(|_| crate::port::free())
    }
}

/// A Redis server in a folder of its own. It ends, and its data with it, when this is dropped or the process of
/// the test is gone.
#[derive(Debug)]
pub struct Redis {
    kind: Kind,
    address: RedisAddress,
    /// Where it takes TLS, if it does.
    tls_port: Option<u16>,
    /// While it runs.
    process: Option<Child>,
    folder: Folder,
}

impl Redis {
    /// A server that is ready, and keeps its data in memory only.
    pub fn start() -> Self {
        Self::with(&RedisSettings::default())
    }

    /// A server that is ready.
    pub fn with(settings: &RedisSettings) -> Self {
        Self::server(Folder::private(), settings, crate::password::fresh())
    }

    /// A ready server, on ports that nobody else takes.
    fn server(folder: Folder, settings: &RedisSettings, password: String) -> Self {
        let (kind, tls_port) = (Kind::Server, settings.tls_port());
        let folder = data::set_up(folder, &data::configuration(settings, &password, tls_port));
        let (process, port) = launch::anywhere(&folder, kind, &password);
        Self { kind, address: RedisAddress::new(port, password), tls_port, process: Some(process), folder }
    }

    /// A ready server on these ports, or none if somebody else has one.
    fn on(
        folder: Folder,
        (port, tls_port): (u16, Option<u16>),
        kind: Kind,
        password: &str,
        configuration: &str,
    ) -> Option<Self> {
        let folder = data::set_up(folder, configuration);
        let process = match launch::launch(&folder, kind, port, password) {
            Ok(process) => process,
            Err(Failed::PortTaken) => return None,
            Err(Failed::Otherwise) => panic!("Redis does not start:\n{}", folder.log_text()),
        };
        let address = RedisAddress::new(port, password.to_owned());
        Some(Self { kind, address, tls_port, process: Some(process), folder })
    }

    /// Where to connect, as the default user.
    pub fn address(&self) -> &RedisAddress {
        &self.address
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.address.port
    }

    /// Where it takes TLS. It was asked for.
    pub fn tls_port(&self) -> u16 {
        self.tls_port.expect("the server has TLS")
    }

    /// Where servers and Sentinels expect each other: by TLS, if it has that.
    fn announced(&self) -> u16 {
        self.tls_port.unwrap_or(self.address.port)
    }

    /// The URL for the default user, who may do everything.
    pub fn url(&self) -> String {
        self.address.url()
    }

    /// Runs a command; see [`RedisAddress::cli`].
    pub fn cli(&self, command: &[&str]) -> String {
        self.address.cli(command)
    }

    /// The same, or what the server says about why not. It gives up after a minute.
    pub fn try_cli(&self, command: &[&str]) -> Result<String, String> {
        self.address.try_cli(command)
    }

    /// Listens to all commands that it runs from now on.
    pub fn monitor(&self) -> RedisMonitor {
        RedisMonitor::start(&self.address)
    }

    /// Keeps commands of clients waiting for so long, while the server is alive and its port open.
    pub fn client_pause(&self, pause: Duration) {
        self.cli(&["CLIENT", "PAUSE", &pause.as_millis().to_string(), "ALL"]);
    }

    /// What the server said since its first start.
    pub fn log(&self) -> String {
        self.folder.log_text()
    }

    /// Stops it (SIGTERM). It has to be running.
    pub fn stop(&mut self) {
        processes::signal(self.pid(), Signal::TERM);
        let process = self.process.as_mut().expect("it was running");
        until("Redis to stop", PATIENCE, || process.try_wait().expect("a child can be waited for"));
        self.process = None;
    }

    /// kill -9.
    pub fn kill(&mut self) {
        processes::signal(self.pid(), Signal::KILL);
        let mut process = self.process.take().expect("it was running");
        process.wait().expect("a child can be waited for");
    }

    /// Starts it again, after [`Redis::stop`] or [`Redis::kill`], on the same port and folder.
    pub fn start_again(&mut self) {
        assert!(!self.is_running(), "it is running already");
        let process = until("the old port", PATIENCE, || {
            match launch::launch(&self.folder, self.kind, self.address.port, &self.address.password) {
                Ok(process) => Some(process),
                Err(Failed::PortTaken) => None,
                Err(Failed::Otherwise) => panic!("Redis does not start again:\n{}", self.log()),
            }
        });
        self.process = Some(process);
    }

    /// Freezes it (SIGSTOP): connections stay open and nobody answers.
    pub fn freeze(&self) {
        processes::freeze(self.pid());
    }

    /// Lets a frozen server go on (SIGCONT).
    pub fn thaw(&self) {
        processes::thaw(self.pid());
    }

    /// Whether it was started and neither stopped nor killed by us, nor ended by itself.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.try_wait().is_ok_and(|ended| ended.is_none()))
    }

    /// The number of its process, while it runs.
    pub fn process_id(&mut self) -> Option<u32> {
        self.is_running().then(|| self.process.as_ref().map(Child::id)).flatten()
    }

    /// From now on its folder stays when it ends.
    pub fn keep_folder(&self) {
        self.folder.keep();
    }

    /// Its process, which has to be running.
    fn pid(&self) -> Pid {
        Pid::from_child(self.process.as_ref().expect("Redis is running"))
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.folder.close();
        // It has ended by now, unless somebody has killed its watcher.
        if self.is_running() {
            processes::signal(self.pid(), Signal::KILL);
        }
        // It is reaped here, because not every system has an init that reaps orphans.
        if let Some(mut process) = self.process.take() {
            let _ = process.wait();
        }
    }
}
