//! A private PostgreSQL server.

mod address;
mod cluster;
mod data;
mod launch;
mod programs;
mod psql;
mod replay;
mod shared;

use std::{path::Path, process::Child, time::Duration};

use rustix::process::{Pid, Signal};

pub use address::Address;
pub use cluster::PostgresCluster;
use launch::Failed;
use programs::Programs;
pub use shared::{Database, Shared};

use crate::{disk::SmallDisk, folder::Folder, processes, until};

/// Time for a start or stop; far more than it needs, so that a busy machine fails no test.
const PATIENCE: Duration = Duration::from_mins(1);

/// How the server is set up.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Whether commits wait for the disk, as in production. Without it, data survives a kill all the same,
    /// though not a power failure, and everything is faster.
    pub durable: bool,
    /// Further lines for `postgresql.conf`, the last of a name counts.
    pub configuration: Vec<(String, String)>,
}

/// How the server is asked to stop: what the modes of `pg_ctl stop` are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It waits for its clients to leave.
    Smart,
    /// It ends their transactions and sessions, then writes everything down.
    Fast,
    /// It leaves at once; the next start recovers.
    Immediate,
}

/// A PostgreSQL server in a folder of its own. It ends, and its data with it, when this is dropped or the
/// process of the test is gone.
#[derive(Debug)]
pub struct Postgres {
    programs: Programs,
    address: Address,
    /// The postmaster, while it runs.
    process: Option<Child>,
    folder: Folder,
}

impl Postgres {
    /// Whether its programs are on this machine. Nothing else here works without them.
    pub fn is_installed() -> bool {
        Programs::look().is_some()
    }

    /// A server that is ready, without regard for power failures.
    pub fn start() -> Self {
        Self::with(&Settings::default())
    }

    /// A server that is ready.
    pub fn with(settings: &Settings) -> Self {
        Self::set_up(Folder::private(), settings)
    }

    /// The same in a folder that is made there: one where people look for it.
    pub fn in_folder(folder: &Path, settings: &Settings) -> Self {
        Self::set_up(Folder::named(folder), settings)
    }

    fn set_up(folder: Folder, settings: &Settings) -> Self {
        let programs = Programs::find();
        let password = data::create(&folder, &programs, settings);
        Self::of(folder, programs, password)
    }

    /// A server with a tablespace `small`, for which there are so many bytes and no more. Where nobody lets us
    /// mount such a disk, `None`. It cannot be started again: the disk is gone with the server.
    pub fn with_small_disk(bytes: u64) -> Option<Self> {
        let programs = Programs::find();
        let folder = Folder::private();
        let disk = SmallDisk::within(folder.path(), bytes, folder.account())?;
        let place = disk.place().display().to_string();
        let folder = folder.with(disk);
        let password = data::create(&folder, &programs, &Settings::default());
        let server = Self::of(folder, programs, password);
        server.sql(&format!("create tablespace small location '{place}'"));
        Some(server)
    }

    /// A ready server for a data folder that nobody has started yet.
    fn of(folder: Folder, programs: Programs, password: String) -> Self {
        let (process, port) = launch::anywhere(&folder, &programs);
        Self { programs, address: Address::new(port, password), process: Some(process), folder }
    }

    /// Where and as whom to connect.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The URL of the database `postgres`, for its superuser.
    pub fn url(&self) -> String {
        self.address.url()
    }

    /// Runs SQL in the database `postgres`; see [`Address::sql`].
    pub fn sql(&self, sql: &str) -> String {
        self.address.sql(sql)
    }

    /// The same, or what `psql` says about why not. It gives up after a minute.
    pub fn try_sql(&self, sql: &str) -> Result<String, String> {
        self.address.try_sql(sql)
    }

    /// What the server said since its first start.
    pub fn log(&self) -> String {
        self.folder.log_text()
    }

    /// Stops it. It has to be running.
    pub fn stop(&mut self, how: Stop) {
        let signal = match how {
            Stop::Smart => Signal::TERM,
            Stop::Fast => Signal::INT,
            Stop::Immediate => Signal::QUIT,
        };
        processes::signal(self.pid(), signal);
        let process = self.process.as_mut().expect("it was running");
        let mut ended = || process.try_wait().expect("a child can be waited for");
        until("PostgreSQL to stop", PATIENCE, &mut ended);
        self.process = None;
    }

    /// kill -9 of the postmaster and all its children in one instant, as when the machine goes away.
    pub fn kill(&mut self) {
        let all = processes::freeze(self.pid());
        for pid in &all {
            processes::signal(*pid, Signal::KILL);
        }
        let mut process = self.process.take().expect("it was running");
        process.wait().expect("a child can be waited for");
        all.into_iter().for_each(processes::gone);
    }

    /// Starts it again, after [`Postgres::stop`] or [`Postgres::kill`], or when it has ended by itself, on the same
    /// port and data.
    pub fn start_again(&mut self) {
        assert!(!self.is_running(), "it is running already");
        // Those that lost their postmaster notice it and end.
        let data = self.folder.data();
        until("what is left of it", PATIENCE, || processes::working_in(&data).is_empty().then_some(()));
        let process = until("the old port", PATIENCE, || {
            match launch::launch(&self.folder, &self.programs, self.address.port) {
                Ok(process) => Some(process),
                Err(Failed::PortTaken) => None,
                Err(Failed::Otherwise) => panic!("PostgreSQL does not start again:\n{}", self.log()),
            }
        });
        self.process = Some(process);
    }

    /// Freezes all its processes (SIGSTOP): connections stay open and nobody answers.
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

    /// The number of its first process, while it runs.
    pub fn process_id(&mut self) -> Option<u32> {
        self.is_running().then(|| self.process.as_ref().map(Child::id)).flatten()
    }

    /// From now on its folder stays when it ends.
    pub fn keep_folder(&self) {
        self.folder.keep();
    }

    /// The postmaster, which has to be running.
    fn pid(&self) -> Pid {
        Pid::from_child(self.process.as_ref().expect("PostgreSQL is running"))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.folder.close();
        // It has ended by now, unless somebody has killed its watcher.
        if self.is_running() {
            self.thaw();
            processes::signal(self.pid(), Signal::QUIT);
        }
        // It is reaped here, because not every system has an init that reaps orphans.
        if let Some(mut process) = self.process.take() {
            let _ = process.wait();
        }
    }
}
