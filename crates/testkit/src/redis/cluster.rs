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
            let (from, to) = (SLOTS * index / 3, SLOTS * (index + 1) / 3 - 1);
            server.cli(&["CLUSTER", "ADDSLOTSRANGE", &from.to_string(), &to.to_string()]);
            server.cli(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]);
        }
        for (server, _) in &members[1..] {
            let [port, bus] = [first.announced(), *first_bus].map(|port| port.to_string());
            server.cli(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        }
        let cluster = Self { servers: members.map(|(server, _)| server) };
        until("the members to know one another", PATIENCE, || {
            cluster.servers.iter().all(knows_everything).then_some(())
        });
        cluster
    }

    /// Gives the slot of a key, in which there is nothing, to another member. Returns when all know.
    pub fn move_slot(&self, key: &str) {
        let slot = self.servers[0].cli(&["CLUSTER", "KEYSLOT", key]);
        let owner = self.owner(key);
        let to = self.servers.iter().find(|server| server.port() != owner.port()).expect("there are three");
        let [from_id, to_id] = [owner, to].map(|server| server.cli(&["CLUSTER", "MYID"]));
        to.cli(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]);
        owner.cli(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]);
        for server in [to, owner] {
            server.cli(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]);
        }
        let moved = format!("[{slot}->-");
        until("all to know", PATIENCE, || {
            let nodes = self.servers.each_ref().map(|server| server.cli(&["CLUSTER", "NODES"]));
            let knows = |nodes: &String| {
                let has = |line: &str| line.contains(&to_id) && line.split(' ').any(|word| word == slot);
                !nodes.contains(&moved) && nodes.lines().any(has)
            };
            nodes.iter().all(knows).then_some(())
        });
    }

    /// The member that has a key at first.
    pub fn owner(&self, key: &str) -> &Redis {
        let slot: usize = self.servers[0].cli(&["CLUSTER", "KEYSLOT", key]).parse().expect("a slot");
        let last = |index: usize| SLOTS * (index + 1) / 3 - 1;
        let owner = (0..3).find(|index| slot <= last(*index));
        &self.servers[owner.expect("every slot has an owner")]
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

fn knows_everything(server: &Redis) -> bool {
    let info = server.cli(&["CLUSTER", "INFO"]);
    ["cluster_state:ok", "cluster_slots_ok:16384", "cluster_known_nodes:3"]
        .iter()
        .all(|line| info.contains(line))
}
