//! Where Redis is, if instances are to share limits.

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use activity_adapter_redis::{Options, WithoutRedis};
use activity_domain::error::Invalid;

use super::database::{addresses, port};
use super::parse::{self, switch};
use super::reader::Reader;
use super::values::Host;

const URL: &str = "REDIS_URL";
const HOST: &str = "REDIS_HOST";
const SENTINELS: &str = "REDIS_SENTINEL_HOSTS";
const CLUSTER: &str = "REDIS_CLUSTER_HOSTS";
const READ_HOST: &str = "REDIS_READ_HOST";
/// Each of them says where Redis is.
const PLACES: [&str; 4] = [URL, HOST, SENTINELS, CLUSTER];
/// Where Redis and Sentinels listen unless somebody says otherwise.
const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26_379;

/// Milliseconds that an answer may take.
const TIMEOUTS: RangeInclusive<u64> = 10..=60_000;

/// What instances share besides the database.
#[derive(Debug, Clone)]
pub struct RedisSettings {
    /// Where it is.
    pub options: Options,
    /// Where cached answers are read, if that is not where they are written.
    pub read_end: Option<(String, u16)>,
    /// What an instance does while it is lost.
    pub without: WithoutRedis,
    /// Whether busy clients' limits are spent by leases.
    pub has_leases: bool,
}

/// Whether Redis was asked for, rightly or not.
pub(super) fn is_wanted(reader: &Reader) -> bool {
    PLACES.iter().any(|name| reader.is_given(name))
}

/// Takes all of them; relative files from a folder on. `None`: there is none, or a problem is noted.
pub(super) fn read(reader: &mut Reader, folder: &Path) -> Option<RedisSettings> {
    contradictions(reader);
    let by_url = reader.optional(URL, |text| Options::parse(text.trim()));
    let host = reader.optional(HOST, host);
    let port = reader.required("REDIS_PORT", port).unwrap_or(PORT);
    let user = reader.optional("REDIS_USER", text);
    let password = reader.optional("REDIS_PASSWORD", text);
    let sentinels = reader.optional(SENTINELS, |text| some_addresses(text, SENTINEL_PORT));
    let master_name = reader.required("REDIS_SENTINEL_MASTER_NAME", text).unwrap_or_default();
    let sentinel_user = reader.optional("REDIS_SENTINEL_USER", text);
    let sentinel_password = reader.optional("REDIS_SENTINEL_PASSWORD", text);
    let cluster = reader.optional(CLUSTER, |text| some_addresses(text, PORT));
    let has_tls = reader.required("REDIS_TLS", switch);
    if has_tls == Some(false) && by_url.is_none() {
        // Whoever names whom to trust would not send passwords in clear.
        reader.contradiction("REDIS_TLS_CA_FILE", "must not be set without REDIS_TLS=true");
    }
    let authorities = reader.optional("REDIS_TLS_CA_FILE", parse::path).map(|file| folder.join(file));
    let without = reader.required("RATE_LIMIT_WITHOUT_REDIS", without_redis);
    let patience = reader.required("REDIS_TIMEOUT_MS", timeout);
    let has_leases = reader.required("RATE_LIMIT_LEASES", switch);
    let read_host = reader.optional(READ_HOST, self::host);
    let read_port = reader.required("REDIS_READ_PORT", self::port).unwrap_or(PORT);
    let read_end = read_host.map(|host| (host, read_port));
    let by_sentinels = || {
        let options = Options::sentinel(sentinels?, &master_name);
        Some(match sentinel_password {
            Some(password) => options.with_sentinel_login(sentinel_user.as_deref(), &password),
            None => options,
        })
    };
    let by_host = host.map(|host| Options::one(&host, port));
    let by_parts = by_host.or_else(by_sentinels).or_else(|| cluster.map(Options::cluster));
    let by_parts = by_parts.map(|options| match password {
        Some(password) => options.with_login(user.as_deref(), &password),
        None => options,
    });
    let by_parts = by_parts.map(|options| match has_tls {
        Some(true) => options.with_tls(authorities),
        _ => options,
    });
    let options = by_url.or(by_parts)?.with_patience(patience?);
    Some(RedisSettings { options, read_end, without: without?, has_leases: has_leases? })
}

/// Notes settings that speak of another Redis than the rest, or of none.
fn contradictions(reader: &mut Reader) {
    let places: Vec<&str> = PLACES.into_iter().filter(|name| reader.is_given(name)).collect();
    for (first, name) in places.iter().skip(1).map(|name| (places[0], name)) {
        reader.contradiction(
            name,
            &format!("must not be set beside {first}, which says already where Redis is"),
        );
    }
    let has = |name: &str| places.contains(&name);
    let parts = [
        ("REDIS_PORT", has(HOST)),
        ("REDIS_USER", has(HOST) || has(SENTINELS) || has(CLUSTER)),
        ("REDIS_PASSWORD", has(HOST) || has(SENTINELS) || has(CLUSTER)),
        ("REDIS_SENTINEL_MASTER_NAME", has(SENTINELS)),
        ("REDIS_SENTINEL_USER", has(SENTINELS)),
        ("REDIS_SENTINEL_PASSWORD", has(SENTINELS)),
        ("REDIS_TLS", has(HOST) || has(SENTINELS) || has(CLUSTER)),
        ("REDIS_TLS_CA_FILE", has(HOST) || has(SENTINELS) || has(CLUSTER)),
    ];
    for (name, _) in parts.into_iter().filter(|(_, has_place)| !has_place) {
        if reader.is_given(name) {
            let reason = if has(URL) {
                "must not be set beside REDIS_URL, which says it already"
            } else {
                "must not be set without the server that it is about, such as REDIS_HOST"
            };
            reader.contradiction(name, reason);
        }
    }
    if has(CLUSTER) && reader.is_given(READ_HOST) {
        reader
            .contradiction(READ_HOST, "must not be set beside REDIS_CLUSTER_HOSTS: no server has all of it");
    }
    if reader.is_given("REDIS_READ_PORT") && !reader.is_given(READ_HOST) {
        reader.contradiction(
            "REDIS_READ_PORT",
            "must not be set without REDIS_READ_HOST, the server that it is about",
        );
    }
    if reader.is_given("REDIS_SENTINEL_USER") && !reader.is_given("REDIS_SENTINEL_PASSWORD") && !has(URL) {
        reader.contradiction("REDIS_SENTINEL_USER", "must not be set without REDIS_SENTINEL_PASSWORD");
    }
    if reader.is_given("REDIS_USER") && !reader.is_given("REDIS_PASSWORD") && !has(URL) {
        reader.contradiction("REDIS_USER", "must not be set without REDIS_PASSWORD");
    }
}

fn timeout(text: &str) -> Result<Duration, Invalid> {
    let millis = text.parse().ok().filter(|millis| TIMEOUTS.contains(millis));
    millis.map(Duration::from_millis).ok_or_else(|| Invalid::new("must be a number from 10 to 60000"))
}

fn host(text: &str) -> Result<String, Invalid> {
    let host = Host::parse(text).map(|host| host.to_string());
    host.map_err(|_| Invalid::new("must be an IP address or a host name without a port"))
}

fn some_addresses(text: &str, default: u16) -> Result<Vec<(String, u16)>, Invalid> {
    let all = addresses(text, default)?;
    if all.is_empty() { Err(Invalid::new("must name a server")) } else { Ok(all) }
}

fn text(text: &str) -> Result<String, Invalid> {
    if text.contains(['\0', '\r', '\n']) {
        return Err(Invalid::new("must be one line"));
    }
    Ok(text.to_owned())
}

fn without_redis(text: &str) -> Result<WithoutRedis, Invalid> {
    match text {
        "share" => Ok(WithoutRedis::Share),
        "full" => Ok(WithoutRedis::Full),
        "closed" => Ok(WithoutRedis::Closed),
        _ => Err(Invalid::new("must be share, full or closed")),
    }
}
