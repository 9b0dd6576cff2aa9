//! Three primaries that share the keys.

use std::array;

use super::{PATIENCE, Redis, RedisSettings, data, launch::Kind};
use crate::{folder::Folder, password, port, until};

/// How many slots the keys are spread over.
const SLOTS: usize = 16_384;

/// A Redis Cluster of three primaries, a third of the slots each, without replicas.
#[derive(Debug)]
pub struct RedisCluster {
    /// Its members.
    pub servers: [Redis; 3],
}

impl RedisCluster {
    /// A cluster that is ready for every key.
    pub fn start() -> Self {
        Self::with(&RedisSettings::default())
    }

    /// The same with settings for its members.
    pub fn with(settings: &RedisSettings) -> Self {
        let password = password::fresh();
        let members: [(Redis, u16); 3] =
            array::from_fn(|_| until("two ports", PATIENCE, || member(settings, &password)));
        let (first, first_bus) = &members[0];
        for (index, (server, _)) in members.iter().enumerate() {
            server.cli(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]);
        }
        for (server, _) in &members[1..] {
            let [port, bus] = [first.announced(), *first_bus].map(|port| port.to_string());
            server.cli(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        }
        let cluster = Self { servers: members.map(|(server, _)| server) };
        cluster.share_slots();
        cluster
    }

    /// Gives each a third of the slots, which nobody has. Returns when all know one another.
    fn share_slots(&self) {
        for (index, server) in self.servers.iter().enumerate() {
            let (from, to) = (SLOTS * index / 3, SLOTS * (index + 1) / 3 - 1);
            server.cli(&["CLUSTER", "ADDSLOTSRANGE", &from.to_string(), &to.to_string()]);
        }
        until("the members to know one another", PATIENCE, || {
            self.servers.iter().all(|server| knows_everything(server, 3)).then_some(())
        });
    }

    /// A server more, which knows the others and has no slots.
    pub fn join(&self) -> Redis {
        let first = &self.servers[0];
        let (settings, password) = (RedisSettings::default(), &first.address().password);
        let (joined, bus) = until("two ports", PATIENCE, || member(&settings, password));
        let [port, bus] = [joined.announced(), bus].map(|port| port.to_string());
        first.cli(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        until("the members to know the new one", PATIENCE, || {
            let all = self.servers.iter().chain([&joined]);
            all.into_iter().all(|server| knows_everything(server, 4)).then_some(())
        });
        joined
    }

    /// Gives the slot of a key, in which there is nothing, to another member. Returns when all know.
    pub fn move_slot(&self, key: &str) {
        let owner = self.owner(key);
        let to = self.servers.iter().find(|server| server.port() != owner.port()).expect("there are three");
        self.begin_to_move(key, to).finish();
    }

    /// Begins to give the slot of a key, in which there is nothing, to another member. Until that is done its owner sends
    /// everybody there.
    pub fn begin_to_move<'a>(&'a self, key: &str, to: &'a Redis) -> MovingSlot<'a> {
        let (slot, owner) = (self.servers[0].cli(&["CLUSTER", "KEYSLOT", key]), self.owner(key));
        let [from_id, to_id] = [owner, to].map(|server| server.cli(&["CLUSTER", "MYID"]));
        to.cli(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]);
        owner.cli(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]);
        MovingSlot { cluster: self, owner, to, slot }
    }

    /// The member that has a key at first.
    pub fn owner(&self, key: &str) -> &Redis {
        let slot: usize = self.servers[0].cli(&["CLUSTER", "KEYSLOT", key]).parse().expect("a slot");
        let last = |index: usize| SLOTS * (index + 1) / 3 - 1;
        let owner = (0..3).find(|index| slot <= last(*index));
        &self.servers[owner.expect("every slot has an owner")]
    }
}

/// A slot that has begun to move, and has not got there.
#[derive(Debug)]
pub struct MovingSlot<'a> {
    cluster: &'a RedisCluster,
    owner: &'a Redis,
    to: &'a Redis,
    slot: String,
}

impl MovingSlot<'_> {
    /// It is there. Returns when all know.
    pub fn finish(self) {
        let Self { cluster, owner, to, slot } = self;
        let id = to.cli(&["CLUSTER", "MYID"]);
        for server in [to, owner] {
            server.cli(&["CLUSTER", "SETSLOT", &slot, "NODE", &id]);
        }
        let moving = format!("[{slot}->-");
        until("all to know", PATIENCE, || {
            let nodes = cluster.servers.each_ref().map(|server| server.cli(&["CLUSTER", "NODES"]));
            let knows = |nodes: &String| {
                let has = |line: &str| line.contains(&id) && line.split(' ').any(|word| word == slot);
                !nodes.contains(&moving) && nodes.lines().any(has)
            };
            nodes.iter().all(knows).then_some(())
        });
    }
}

/// A server that is in no cluster yet, and the port of the cluster's own traffic; none if a port was taken.
fn member(settings: &RedisSettings, password: &str) -> Option<(Redis, u16)> {
    let bus = port::free();
    let lines = [("cluster-enabled", "yes".to_owned()), ("cluster-port", bus.to_string())];
    let mut settings = settings.clone();
    settings.configuration.extend(lines.map(|(name, value)| (name.to_owned(), value)));
    let ports = (port::free(), settings.tls_port());
    let text = data::configuration(&settings, password, ports.1);
    Some((Redis::on(Folder::private(), ports, Kind::Server, password, &text)?, bus))
}

fn knows_everything(server: &Redis, members: usize) -> bool {
    let info = server.cli(&["CLUSTER", "INFO"]);
    let known = format!("cluster_known_nodes:{members}");
    ["cluster_state:ok", "cluster_slots_ok:16384", &known].iter().all(|line| info.contains(line))
}
