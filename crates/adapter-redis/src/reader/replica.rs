//! Which server is a replica, as the Sentinels say.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, RedisError, Value};

use super::servers::{Way, one};
use crate::link::Login;

/// The Sentinels, and what they call the primary.
pub(super) struct Watchers {
    pub hosts: Vec<(String, u16)>,
    pub master_name: String,
    pub login: Login,
}

/// A connection to a replica that is one. Different callers come to different ones.
pub(super) async fn connection(watchers: &Watchers, way: &Way) -> Result<MultiplexedConnection, RedisError> {
    let mut last = RedisError::from((ErrorKind::Client, "there is no replica"));
    for (host, port) in known(watchers, way).await? {
        match replica(&host, port, way).await {
            Ok(Some(connection)) => return Ok(connection),
            Ok(None) => {}
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Where the first Sentinel that answers says that replicas are, those left out that it has given up.
async fn known(watchers: &Watchers, way: &Way) -> Result<Vec<(String, u16)>, RedisError> {
    let way = Way { tls: way.tls.clone(), login: watchers.login.clone() };
    let mut last = RedisError::from((ErrorKind::Client, "there is no Sentinel"));
    for (host, port) in shuffled(watchers.hosts.clone()) {
        match ask(&host, port, &watchers.master_name, &way).await {
            Ok(replicas) => {
                return Ok(shuffled(replicas.iter().filter_map(place).collect()));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn ask(
    host: &str,
    port: u16,
    master_name: &str,
    way: &Way,
) -> Result<Vec<HashMap<String, String>>, RedisError> {
    let mut sentinel = one(host, port, way).await?;
    redis::cmd("SENTINEL").arg("REPLICAS").arg(master_name).query_async(&mut sentinel).await
}

/// Host and port of a replica that is not known to be down.
fn place(replica: &HashMap<String, String>) -> Option<(String, u16)> {
    let flags = replica.get("flags")?;
    let is_down = flags.split(',').any(|flag| matches!(flag, "s_down" | "o_down" | "disconnected"));
    let port = replica.get("port")?.parse().ok()?;
    (!is_down).then(|| Some((replica.get("ip")?.clone(), port)))?
}

/// A connection to a server, if it is a replica.
async fn replica(host: &str, port: u16, way: &Way) -> Result<Option<MultiplexedConnection>, RedisError> {
    let mut connection = one(host, port, way).await?;
    let role: Vec<Value> = redis::cmd("ROLE").query_async(&mut connection).await?;
    let is_replica = matches!(role.first(), Some(Value::BulkString(role)) if role == b"slave");
    Ok(is_replica.then_some(connection))
}

/// The same beginning somewhere else, each time.
fn shuffled<T>(mut all: Vec<T>) -> Vec<T> {
    if let Some(first) = RandomState::new().hash_one(0).checked_rem(all.len() as u64) {
        all.rotate_left(usize::try_from(first).unwrap_or(0));
    }
    all
}

#[cfg(test)]
mod tests {
    use activity_testkit::Redis;

    use super::*;

    #[test]
    fn what_is_down_is_no_place() {
        let of = |flags: &str| {
            let fields = [("ip", "10.0.0.1"), ("port", "6379"), ("flags", flags)];
            place(&fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
        };
        assert_eq!(of("slave"), Some(("10.0.0.1".to_owned(), 6379)));
        for down in ["slave,s_down", "s_down,slave,disconnected", "o_down"] {
            assert_eq!(of(down), None, "{down}");
        }
        assert_eq!(place(&HashMap::new()), None);
    }

    #[tokio::test]
    async fn what_has_become_a_primary_is_not_read() {
        let (server, other) = (Redis::start(), Redis::start());
        let password = Some(server.address().password.clone());
        let way = Way { tls: None, login: Login { password, ..Login::default() } };
        let is_replica = async || replica("127.0.0.1", server.port(), &way).await.unwrap().is_some();
        assert!(!is_replica().await);
        server.cli(&["REPLICAOF", "127.0.0.1", &other.port().to_string()]);
        assert!(is_replica().await);
        server.cli(&["REPLICAOF", "NO", "ONE"]);
        assert!(!is_replica().await);
    }

    #[test]
    fn all_are_there_wherever_it_begins() {
        assert!(shuffled(Vec::<u8>::new()).is_empty());
        let mut firsts = [false; 3];
        while firsts.contains(&false) {
            let mut all = shuffled(vec![0, 1, 2]);
            firsts[all[0]] = true;
            all.sort_unstable();
            assert_eq!(all, [0, 1, 2]);
        }
    }
}
