//! The folder of a server, and the watcher that removes both.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::Read as _,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use crate::{account::Account, disk::SmallDisk};

/// Why a shell script: a process that outlives us has to do the work, and all of it needs signals and file locks
/// only. The other ways out are worse. `PR_SET_PDEATHSIG` belongs to the *thread* that started the server, so it would
/// kill the server when a runtime's idle thread ends, and it reaches no backend that lost its postmaster;
/// setting it in the child takes unsafe code besides.
const WATCHER: &str = include_str!("watch.sh");

/// A folder in which a server runs. When the last holder of its lease is gone, so are server and folder.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    account: Account,
    lease: Option<File>,
    watcher: Option<Child>,
    /// What is mounted in it for its server alone.
    disk: Option<SmallDisk>,
}

impl Folder {
    /// A folder of our own, with a lease that nobody else has. It ends with this value.
    pub(crate) fn private() -> Self {
        let account = Account::for_servers();
        Self::leased(make(account), account)
    }

    /// The same at a place that the caller chose, where nothing is yet.
    pub(crate) fn named(path: &Path) -> Self {
        let account = Account::for_servers();
        let made = DirBuilder::new().mode(0o700).create(path);
        made.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        account.own(path);
        let mut visit = Command::new("true");
        account.apply(visit.current_dir(path));
        let reached = visit.status();
        let problem = "is out of reach of the account that runs the servers";
        assert!(reached.is_ok(), "{} {problem}: {reached:?}", path.display());
        Self::leased(path.to_owned(), account)
    }

    fn leased(path: PathBuf, account: Account) -> Self {
        // First ours, then the watcher's: it must not find the lease free.
        let lease = hold(&path.join("lease"));
        let watcher = watch(&path, &path.join("lease"), Duration::ZERO, account);
        Self { path, account, lease: Some(lease), watcher: Some(watcher), disk: None }
    }

    /// From now on the folder stays when its processes end.
    pub(crate) fn keep(&self) {
        fs::write(self.path.join("keep"), "").expect("a file can be written");
    }

    /// A folder that ends when a lease that others have too has been free for a while, not with this value. The
    /// caller holds that lease.
    pub(crate) fn shared(lease: &Path, linger: Duration) -> Self {
        let account = Account::for_servers();
        let path = make(account);
        reap(watch(&path, lease, linger, account));
        Self { path, account, lease: None, watcher: None, disk: None }
    }

    /// With a disk that the server sees, and nobody else.
    pub(crate) fn with(mut self, disk: SmallDisk) -> Self {
        self.disk = Some(disk);
        self
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the server keeps its data. It has to work in it: that is how the watcher knows its processes.
    pub(crate) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    pub(crate) fn account(&self) -> Account {
        self.account
    }

    /// A command that runs in the folder as the servers' account, with nothing to read.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.path).stdin(Stdio::null());
        self.account.apply(&mut command);
        command
    }

    /// The same for the server itself, which sees the small disk.
    pub(crate) fn server(&self, program: &Path) -> Command {
        let Some(disk) = &self.disk else { return self.command(program) };
        let mut command = disk.command(program);
        command.current_dir(&self.path).stdin(Stdio::null());
        command
    }

    /// Gives the lease back. If this was the only one, server and folder are gone when this returns.
    pub(crate) fn close(&mut self) {
        self.lease = None;
        if let Some(mut watcher) = self.watcher.take() {
            let _ = watcher.wait();
        }
    }

    /// The log of everything that runs here, to append to.
    pub(crate) fn log(&self) -> File {
        let log = OpenOptions::new().create(true).append(true).open(self.log_path());
        log.expect("the log can be opened")
    }

    /// What it says so far.
    pub(crate) fn log_text(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_path()).unwrap_or_default()).into_owned()
    }

    fn log_path(&self) -> PathBuf {
        self.path.join("log")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.close();
    }
}

/// Reaps a child that may outlive us, in case it does not.
pub(crate) fn reap(mut child: Child) {
    thread::spawn(move || child.wait());
}

/// A new folder for the account alone.
fn make(account: Account) -> PathBuf {
    let folder = tempfile::Builder::new().prefix("activity-testkit-").tempdir();
    let path = folder.expect("a temporary folder can be made").keep();
    account.own(&path);
    path
}

/// Opens a lease anew. A lock belongs to the opening, not to the process.
fn open(lease: &Path) -> File {
    let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(lease);
    file.expect("the lease can be opened")
}

/// A shared lock on a lease. It ends with the file. While a watcher takes a server down, it waits.
pub(crate) fn hold(lease: &Path) -> File {
    let file = open(lease);
    file.lock_shared().expect("the lease can be locked");
    file
}

/// Starts the watcher of a folder, and waits until it watches.
fn watch(folder: &Path, lease: &Path, linger: Duration, account: Account) -> Child {
    // In a file, because all of it would stand in every list of processes otherwise.
    let script = folder.join("watch.sh");
    fs::write(&script, WATCHER).expect("the watcher's script can be written");
    account.own(&script);
    let mut command = Command::new("sh");
    command.arg(script).arg(folder).arg(linger.as_secs_f64().to_string());
    command.current_dir("/").stdin(open(lease)).stdout(Stdio::piped()).stderr(Stdio::null());
    account.apply(&mut command);
    let mut watcher = command.spawn().expect("sh can be started");
    let mut said = String::new();
    let mut stdout = watcher.stdout.take().expect("it is piped");
    stdout.read_to_string(&mut said).expect("a pipe can be read");
    assert!(said == "watching\n", "flock, find and ipcrm are needed to clean up after servers");
    watcher
}
