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
        let password = password::fresh();
        let members: [(Redis, u16); 3] =
            array::from_fn(|_| until("two ports", PATIENCE, || member(&password)));
        let (first, first_bus) = &members[0];
        for (index, (server, _)) in members.iter().enumerate() {
            let (from, to) = (SLOTS * index / 3, SLOTS * (index + 1) / 3 - 1);
            server.cli(&["CLUSTER", "ADDSLOTSRANGE", &from.to_string(), &to.to_string()]);
            server.cli(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]);
        }
        for (server, _) in &members[1..] {
            let [port, bus] = [first.port(), *first_bus].map(|port| port.to_string());
            server.cli(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        }
        let cluster = Self { servers: members.map(|(server, _)| server) };
        until("the members to know one another", PATIENCE, || {
            cluster.servers.iter().all(knows_everything).then_some(())
        });
        cluster
    }

    /// The member that has a key.
    pub fn owner(&self, key: &str) -> &Redis {
        let slot: usize = self.servers[0].cli(&["CLUSTER", "KEYSLOT", key]).parse().expect("a slot");
        let last = |index: usize| SLOTS * (index + 1) / 3 - 1;
        let owner = (0..3).find(|index| slot <= last(*index));
        &self.servers[owner.expect("every slot has an owner")]
    }
}

/// A server that is in no cluster yet, and the port of the cluster's own traffic; none if a port was taken.
fn member(password: &str) -> Option<(Redis, u16)> {
    let bus = port::free();
    let lines = [("cluster-enabled", "yes".to_owned()), ("cluster-port", bus.to_string())];
    let configuration = lines.map(|(name, value)| (name.to_owned(), value)).into();
    let settings = RedisSettings { configuration, ..RedisSettings::default() };
    let text = data::configuration(&settings, password);
    Some((Redis::on(Folder::private(), port::free(), Kind::Server, password, &text)?, bus))
}

fn knows_everything(server: &Redis) -> bool {
    let info = server.cli(&["CLUSTER", "INFO"]);
    ["cluster_state:ok", "cluster_slots_ok:16384", "cluster_known_nodes:3"]
        .iter()
        .all(|line| info.contains(line))
}
