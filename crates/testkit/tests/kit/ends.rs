//! Servers end with the process that uses them, even when that is killed. The process that gets killed here is this
//! test binary once more, with a role to play.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use activity_testkit::{Database, Postgres, Redis, RedisSentinel, Shared, until};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const ROLE: &str = "ACTIVITY_TESTKIT_ROLE";
const SOON: Duration = Duration::from_secs(40);

/// Passes at once, unless it was started by [`Victim::start`].
#[test]
fn victim() {
    let Ok(role) = env::var(ROLE) else { return };
    match role.as_str() {
        "idle" => {
            let server = Postgres::start();
            wait_for_the_end(&server.sql(PROCESSES));
        }
        "frozen" => {
            let server = Postgres::start();
            let processes = server.sql(PROCESSES);
            server.freeze();
            wait_for_the_end(&processes);
        }
        "shared" => {
            let database = Database::empty_on(Shared::join_at(&env::temp_dir(), Duration::ZERO));
            wait_for_the_end(&database.sql(PROCESSES));
        }
        "redis" => {
            let (frozen, group) = (Redis::start(), RedisSentinel::start());
            let all = group.servers.iter().chain(&group.sentinels).chain([&frozen]);
            let infos = all.map(|server| server.cli(&["INFO", "server"]));
            let pids: Vec<String> = infos.map(|info| field(&info, "process_id:")).collect();
            frozen.freeze();
            wait_for_the_end(&pids.join("\n"));
        }
        _ => panic!("there is no role {role}"),
    }
}

/// All processes of a server, and at last the postmaster.
const PROCESSES: &str = "select pid from pg_stat_activity where pid <> pg_backend_pid();
     select split_part(pg_read_file('postmaster.pid'), E'\\n', 1)";

/// What `INFO` says behind a name.
fn field(info: &str, name: &str) -> String {
    info.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned()
}

/// Tells the test the processes of our servers, apart from what the test runner says.
fn wait_for_the_end(processes: &str) -> ! {
    for line in processes.lines().chain(["ready"]) {
        eprintln!("victim: {line}");
    }
    loop {
        std::thread::park();
    }
}

/// A process with servers.
struct Victim {
    /// Everything that it makes is in here.
    folder: TempDir,
    process: Child,
}

impl Victim {
    fn start(role: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Like /tmp: the account of the servers makes and removes folders of its own.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["ends::victim", "--exact", "--nocapture"]);
        command.env("TMPDIR", folder.path()).env(ROLE, role).stdout(Stdio::null()).stderr(Stdio::piped());
        Self { process: command.spawn().unwrap(), folder }
    }

    /// Waits until it has its servers. Returns their processes.
    fn processes(&mut self) -> Vec<u32> {
        let lines = BufReader::new(self.process.stderr.take().unwrap()).lines().map(Result::unwrap);
        let mut said = lines.filter_map(|line| line.strip_prefix("victim: ").map(str::to_owned));
        let processes = said.by_ref().take_while(|line| line != "ready");
        let processes: Vec<u32> = processes.map(|line| line.parse().unwrap()).collect();
        assert!(processes.len() > 3, "a server has several processes, not only {processes:?}");
        assert!(processes.iter().all(|pid| lives(*pid)));
        processes
    }

    /// kill -9.
    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Nothing may stay of it.
    fn leaves_nothing(self, processes: &[u32]) {
        for pid in processes {
            until("the servers to end", SOON, || (!lives(*pid)).then_some(()));
        }
        until("the folders to go", SOON, || servers(self.folder.path()).is_empty().then_some(()));
        let path = self.folder.path().to_str().unwrap().to_owned();
        until("everybody who knows the folder to end", SOON, || mentions(&path).is_empty().then_some(()));
    }
}

/// The folders of servers in a folder.
fn servers(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("activity-testkit-")).collect()
}

/// Whether a process is there and no zombie.
fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, fields)| !fields.starts_with(['Z', 'X']))
}

/// The processes that have the text in their command lines.
fn mentions(text: &str) -> Vec<i32> {
    let names = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().file_name());
    let pids = names.filter_map(|name| name.to_str()?.parse().ok());
    let line = |pid: &i32| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    pids.filter(|pid| String::from_utf8_lossy(&line(pid)).contains(text)).collect()
}

#[test]
fn nothing_survives_a_killed_parent() {
    let mut victim = Victim::start("idle");
    let processes = victim.processes();
    victim.kill();
    victim.leaves_nothing(&processes);
}

#[test]
fn no_redis_survives_a_killed_parent() {
    let mut victim = Victim::start("redis");
    let processes = victim.processes();
    assert_eq!(processes.len(), 6);
    victim.kill();
    victim.leaves_nothing(&processes);
}

#[test]
fn nothing_frozen_survives_a_killed_parent() {
    let mut victim = Victim::start("frozen");
    let processes = victim.processes();
    victim.kill();
    victim.leaves_nothing(&processes);
}

#[test]
fn a_shared_server_does_not_survive_its_last_user() {
    let mut victim = Victim::start("shared");
    let processes = victim.processes();
    victim.kill();
    victim.leaves_nothing(&processes);
}

#[test]
fn a_shared_server_survives_the_process_that_started_it() {
    let mut victim = Victim::start("shared");
    let processes = victim.processes();
    let ours = Database::empty_on(Shared::join_at(victim.folder.path(), Duration::ZERO));
    victim.kill();
    // A watcher that does not see us would be through by then.
    let end = Instant::now() + Duration::from_millis(500);
    while Instant::now() < end {
        let server: Vec<u32> = ours.sql(PROCESSES).lines().map(|pid| pid.parse().unwrap()).collect();
        assert_eq!(server.last(), processes.last(), "it is another server");
    }
    drop(ours);
    victim.leaves_nothing(&processes);
}

#[test]
fn nothing_survives_a_parent_that_was_killed_in_initdb() {
    let mut victim = Victim::start("idle");
    let folder = victim.folder.path().to_owned();
    until("initdb to begin", SOON, || {
        servers(&folder).iter().any(|name| folder.join(name).join("data/PG_VERSION").exists()).then_some(())
    });
    victim.kill();
    victim.leaves_nothing(&[]);
}

#[test]
fn a_server_without_its_watcher_ends_when_it_is_dropped() {
    let server = Postgres::start();
    let processes: Vec<u32> = server.sql(PROCESSES).lines().map(|pid| pid.parse().unwrap()).collect();
    let data = PathBuf::from(server.sql("show data_directory"));
    let folder = data.parent().unwrap();
    let script = folder.join("watch.sh");
    let watcher = mentions(script.to_str().unwrap());
    assert_eq!(watcher.len(), 1, "{watcher:?}");
    kill_process(Pid::from_raw(watcher[0]).unwrap(), Signal::KILL).unwrap();
    drop(server);
    for pid in processes {
        until("the server to end", SOON, || (!lives(pid)).then_some(()));
    }
    fs::remove_dir_all(folder).unwrap();
}
