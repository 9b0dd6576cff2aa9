//! A primary with a replica, and the Sentinels that make the replica primary when it is lost.

use std::{array, path::Path};

use super::{PATIENCE, Redis, RedisSettings, data, launch::Kind};
use crate::{folder::Folder, password, port, until};

/// What clients ask Sentinels.
const ASKS: &str = "+sentinel|get-master-addr-by-name +sentinel|sentinels +sentinel|replicas";

/// Two servers, one of which is the primary, and three Sentinels. Two of the three have to agree that the primary is
/// gone, after a second of silence.
#[derive(Debug)]
pub struct RedisSentinel {
    /// The servers. At first the first is the primary.
    pub servers: [Redis; 2],
    /// Who watches. They have a password of their own, and [`RedisSentinel::USER`].
    pub sentinels: [Redis; 3],
}

impl RedisSentinel {
    /// What the Sentinels call the primary.
    pub const MASTER_NAME: &str = "tracker";

    /// A user of the Sentinels, with their password, who may ask what clients ask.
    pub const USER: &str = "asker";

    /// All of it, ready.
    pub fn start() -> Self {
        Self::with(&RedisSettings::default())
    }

    /// The same with settings for the servers.
    pub fn with(settings: &RedisSettings) -> Self {
        Self::set_up(settings, |_| Folder::private())
    }

    /// The same in folders of that folder: `redis-1` and `redis-2`, `sentinel-1` to `sentinel-3`.
    pub fn in_folder(folder: &Path, settings: &RedisSettings) -> Self {
        Self::set_up(settings, |name| Folder::named(&folder.join(name)))
    }

    fn set_up(settings: &RedisSettings, place: impl Fn(&str) -> Folder) -> Self {
        let password = password::fresh();
        let server = |name: &str| Redis::server(place(name), settings, password.clone());
        let servers = [server("redis-1"), server("redis-2")];
        let primary = &servers[0];
        servers[1].cli(&["REPLICAOF", "127.0.0.1", &primary.announced().to_string()]);
        until("the replica to follow", PATIENCE, || {
            servers[1].cli(&["INFO", "replication"]).contains("master_link_status:up").then_some(())
        });
        let sentinels =
            until("three ports", PATIENCE, || sentinels(settings, primary, servers[1].announced(), &place));
        let all = Self { servers, sentinels };
        until("the Sentinels to see everything", PATIENCE, || all.sees_everything().then_some(()));
        all
    }

    /// The server that the Sentinels call primary, by its place among the servers.
    pub fn primary(&self) -> usize {
        let port = self.primary_port();
        self.servers.iter().position(|server| server.announced() == port).expect("it is one of ours")
    }

    /// Where the primary listens, as the Sentinels say.
    pub fn primary_port(&self) -> u16 {
        let answer = self.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", Self::MASTER_NAME]);
        answer.lines().nth(1).and_then(|port| port.parse().ok()).expect("host and port")
    }

    /// kill -9 of the primary. Returns its place among the servers.
    pub fn kill_primary(&mut self) -> usize {
        let primary = self.primary();
        self.servers[primary].kill();
        primary
    }

    /// Waits until another server than this one is the primary.
    pub fn wait_for_another_than(&self, old: usize) {
        until("another primary", PATIENCE, || {
            let primary = self.primary();
            (primary != old && role(&self.servers[primary]) == "master").then_some(())
        });
    }

    /// Has the Sentinels make the replica primary, while the primary lives. Returns when it is.
    pub fn failover(&self) {
        let old = self.primary();
        // They refuse while they do not know the replica well enough.
        until("the Sentinels to begin", PATIENCE, || {
            self.try_ask(&["SENTINEL", "FAILOVER", Self::MASTER_NAME]).ok()
        });
        self.wait_for_another_than(old);
    }

    /// Whether each Sentinel knows the replica and the other two.
    fn sees_everything(&self) -> bool {
        let sees = |sentinel: &Redis| {
            let known = sentinel.cli(&["SENTINEL", "MASTER", Self::MASTER_NAME]);
            let has = |name: &str, value: &str| known.contains(&format!("{name}\n{value}\n"));
            has("num-slaves", "1") && has("num-other-sentinels", "2") && has("flags", "master")
        };
        self.sentinels.iter().all(sees)
    }

    fn ask(&self, command: &[&str]) -> String {
        self.try_ask(command).unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    /// Asks the first Sentinel that answers.
    fn try_ask(&self, command: &[&str]) -> Result<String, String> {
        let answers = self.sentinels.iter().map(|sentinel| sentinel.try_cli(command));
        answers.reduce(Result::or).expect("there are three")
    }
}

/// `master` or `slave`; nothing if it does not answer.
fn role(server: &Redis) -> String {
    server.try_cli(&["ROLE"]).unwrap_or_default().lines().next().unwrap_or_default().to_owned()
}

/// Three Sentinels that know one another, unless somebody takes one of their ports.
fn sentinels(
    settings: &RedisSettings,
    primary: &Redis,
    replica: u16,
    place: &impl Fn(&str) -> Folder,
) -> Option<[Redis; 3]> {
    let ports: [_; 3] = array::from_fn(|_| (port::free(), settings.tls_port()));
    let announced = ports.map(|(port, tls)| tls.unwrap_or(port));
    let (ids, password) = (array::from_fn(|_| id()), password::fresh());
    let sentinel = |me: usize| {
        let mut lines = configuration(primary, replica, me, announced, &ids, &password);
        lines.extend(data::tls(settings, ports[me].1));
        let folder = place(&format!("sentinel-{}", me + 1));
        Redis::on(folder, ports[me], Kind::Sentinel, &password, &data::text(&lines))
    };
    Some([sentinel(0)?, sentinel(1)?, sentinel(2)?])
}

/// They are told about the replica and one another, because finding out takes seconds.
fn configuration(
    primary: &Redis,
    replica: u16,
    me: usize,
    ports: [u16; 3],
    ids: &[String; 3],
    password: &str,
) -> Vec<(&'static str, String)> {
    let name = RedisSentinel::MASTER_NAME;
    let mut lines = vec![
        ("bind", "127.0.0.1".to_owned()),
        ("dir", "data".to_owned()),
        ("requirepass", password.to_owned()),
        ("user", format!("{} on >{password} resetchannels -@all {ASKS}", RedisSentinel::USER)),
        ("sentinel", format!("myid {}", ids[me])),
        ("sentinel", format!("sentinel-pass {password}")),
        ("sentinel", format!("monitor {name} 127.0.0.1 {} 2", primary.announced())),
        ("sentinel", format!("auth-pass {name} {}", primary.address().password)),
        ("sentinel", format!("down-after-milliseconds {name} 1000")),
        ("sentinel", format!("failover-timeout {name} 5000")),
        ("sentinel", format!("known-replica {name} 127.0.0.1 {replica}")),
    ];
    for other in (0..3).filter(|other| *other != me) {
        lines.push(("sentinel", format!("known-sentinel {name} 127.0.0.1 {} {}", ports[other], ids[other])));
    }
    lines
}

/// What a Sentinel is known by: 40 hexadecimal digits.
fn id() -> String {
    let mut id = password::fresh() + &password::fresh();
    id.truncate(40);
    id
}
