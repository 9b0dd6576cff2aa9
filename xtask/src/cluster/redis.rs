//! Redis: a primary with a replica, and the Sentinels that make the replica primary when it is lost.

use activity_testkit::{Redis, RedisAddress, RedisSentinel, RedisSettings};

use super::{
    part::Part,
    place::{Place, Row},
    secrets::{self, REDIS, SENTINEL},
};
use crate::process::Outcome;

/// One of the servers, or a Sentinel.
struct Member {
    name: String,
    server: Redis,
}

/// The servers, primary first, and then the Sentinels.
pub fn start(place: &Place) -> Outcome<Vec<Box<dyn Part>>> {
    let RedisSentinel { servers, sentinels } =
        RedisSentinel::in_folder(place.folder(), &RedisSettings::default());
    secrets::keep(place, REDIS, &servers[0].address().password)?;
    secrets::keep(place, SENTINEL, &sentinels[0].address().password)?;
    let servers = (1..).zip(servers).map(|(number, server)| (format!("redis-{number}"), server));
    let sentinels = (1..).zip(sentinels).map(|(number, server)| (format!("sentinel-{number}"), server));
    let members = servers.chain(sentinels);
    Ok(members.map(|(name, server)| Box::new(Member { name, server }) as Box<dyn Part>).collect())
}

impl Part for Member {
    fn name(&self) -> &str {
        &self.name
    }

    fn port(&self) -> u16 {
        self.server.port()
    }

    fn pid(&mut self) -> Option<u32> {
        self.server.process_id()
    }

    fn start_again(&mut self) {
        self.server.start_again();
    }

    fn stop(&mut self, keep: bool) {
        if keep {
            self.server.keep_folder();
        }
        if self.server.is_running() {
            self.server.stop();
        }
    }
}

/// Settings of the program for these members, whichever of them is the primary.
pub fn settings(place: &Place, members: &[Box<dyn Part>]) -> Outcome<Vec<(&'static str, String)>> {
    let sentinels = members.iter().filter(|member| is_sentinel(member.name()));
    let hosts: Vec<String> = sentinels.map(|sentinel| format!("127.0.0.1:{}", sentinel.port())).collect();
    Ok(vec![
        ("REDIS_SENTINEL_HOSTS", hosts.join(",")),
        ("REDIS_SENTINEL_MASTER_NAME", RedisSentinel::MASTER_NAME.to_owned()),
        ("REDIS_SENTINEL_PASSWORD", secrets::read(place, SENTINEL)?),
        ("REDIS_PASSWORD", secrets::read(place, REDIS)?),
    ])
}

/// Whether a part is of these.
pub fn is_one(name: &str) -> bool {
    name.starts_with("redis-") || is_sentinel(name)
}

fn is_sentinel(name: &str) -> bool {
    name.starts_with("sentinel-")
}

fn secret(name: &str) -> &'static str {
    if is_sentinel(name) { SENTINEL } else { REDIS }
}

/// How a member does: well, or not.
pub fn state(place: &Place, row: &Row) -> Result<String, String> {
    let password = secrets::read(place, secret(&row.name)).map_err(|error| error.to_string())?;
    let address =
        RedisAddress { host: [127, 0, 0, 1].into(), port: row.port, user: "default".to_owned(), password };
    if is_sentinel(&row.name) {
        return address.try_cli(&["SENTINEL", "CKQUORUM", RedisSentinel::MASTER_NAME]).map(|said| {
            let usable = said.split(' ').nth(1).unwrap_or("no").to_owned();
            format!("{usable} Sentinels can replace the primary")
        });
    }
    let said = address.try_cli(&["INFO", "replication"])?;
    let field = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("?").trim();
    match (field("role:"), field("master_link_status:")) {
        ("master", _) => Ok(format!("primary, followed by {}", field("connected_slaves:"))),
        (_, "up") => Ok("replica, follows the primary".to_owned()),
        _ => Err("replica, and does not hear its primary".to_owned()),
    }
}

/// What a person types to get in.
pub fn shell_line(place: &Place, row: &Row) -> String {
    let file = secrets::file(place, secret(&row.name));
    format!("REDISCLI_AUTH=$(cat {}) redis-cli -p {}", file.display(), row.port)
}
