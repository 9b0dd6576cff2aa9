//! Where Postgres is, if it is to be the store.

use activity_adapter_postgres::Server;
use activity_domain::error::Invalid;

use super::reader::Reader;
use super::values::Host;

const URL: &str = "DATABASE_URL";
const HOST: &str = "DATABASE_HOST";
const REPLICAS: &str = "DATABASE_READ_REPLICAS";
/// What a URL says itself, and what says nothing without a host.
const PARTS: [&str; 4] = ["DATABASE_PORT", "DATABASE_USER", "DATABASE_PASSWORD", "DATABASE_NAME"];
/// Where Postgres listens unless somebody says otherwise.
const PORT: u16 = 5432;
/// Each replica is asked four times a second how it is.
const MOST: usize = 16;

/// The database that instances share.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    /// Takes writes.
    pub primary: Server,
    /// Follow it.
    pub replicas: Vec<Server>,
}

/// Whether Postgres was asked for, rightly or not.
pub(super) fn is_wanted(reader: &Reader) -> bool {
    reader.is_given(URL) || reader.is_given(HOST)
}

/// Takes all of them. `None`: there is none, or a problem is noted.
pub(super) fn read(reader: &mut Reader) -> Option<DatabaseSettings> {
    contradictions(reader);
    let by_url = reader.optional(URL, |text| Server::parse(text.trim()));
    let host = reader.optional(HOST, host);
    let port = reader.required("DATABASE_PORT", port).unwrap_or(PORT);
    let user = reader.required("DATABASE_USER", text).unwrap_or_default();
    let password = reader.optional("DATABASE_PASSWORD", text);
    let name = reader.required("DATABASE_NAME", text).unwrap_or_default();
    let by_parts = host.map(|host| Server::of(&host, port, &user, password.as_deref(), &name));
    let replicas = reader.optional(REPLICAS, |text| addresses(text, PORT)).unwrap_or_default();
    let primary = by_url.or(by_parts)?;
    let replicas = replicas.iter().map(|(host, port)| primary.replica(host, *port)).collect();
    Some(DatabaseSettings { primary, replicas })
}

/// Notes settings that speak of another database than the rest, or of none.
fn contradictions(reader: &mut Reader) {
    let given = |reader: &Reader, names: &[&'static str]| -> Vec<&'static str> {
        names.iter().copied().filter(|name| reader.is_given(name)).collect()
    };
    if reader.is_given(URL) {
        for name in given(reader, &[&[HOST], &PARTS[..]].concat()) {
            reader.contradiction(name, "must not be set beside DATABASE_URL, which says it already");
        }
    } else if !reader.is_given(HOST) {
        for name in given(reader, &PARTS) {
            reader.contradiction(name, "must not be set without DATABASE_HOST, the server that it is about");
        }
        for name in given(reader, &[REPLICAS]) {
            let reason = "must not be set without the server that they follow: DATABASE_URL or DATABASE_HOST";
            reader.contradiction(name, reason);
        }
    }
}

/// `DATABASE_HOST`: as `HOST`, or the folder of a socket.
fn host(text: &str) -> Result<String, Invalid> {
    if text.starts_with('/') && !text.contains(char::is_whitespace) {
        return Ok(text.to_owned());
    }
    let host = Host::parse(text).map(|host| host.to_string());
    host.map_err(|_| {
        Invalid::new("must be an IP address, a host name without a port, or a folder with a socket")
    })
}

pub(super) fn port(text: &str) -> Result<u16, Invalid> {
    text.parse().ok().filter(|port| *port > 0).ok_or_else(|| Invalid::new("must be a port from 1 to 65535"))
}

/// A name or password, which may have anything in it but what ends a text for Postgres.
fn text(text: &str) -> Result<String, Invalid> {
    if text.contains('\0') { Err(Invalid::new("must not have a NUL in it")) } else { Ok(text.to_owned()) }
}

/// Several servers, and the port of those that are named without one.
pub(super) fn addresses(text: &str, default: u16) -> Result<Vec<(String, u16)>, Invalid> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let all: Vec<_> = parts.map(|part| address(part, default)).collect::<Result<_, _>>()?;
    if all.len() > MOST {
        return Err(Invalid::new(format!("must name at most {MOST} servers")));
    }
    Ok(all)
}

/// A host with or without a port; an IPv6 address with a port stands in brackets.
fn address(item: &str, default: u16) -> Result<(String, u16), Invalid> {
    let bad = || Invalid::new("must be a comma separated list such as db2:5432, 10.0.0.7, [fd00::7]:5432");
    let (host, port) = match item.rsplit_once(':') {
        // Without brackets, the colons are all its own.
        Some((before, _)) if before.contains(':') && !before.ends_with(']') => (item, default),
        Some((before, number)) => (before, port(number).map_err(|_| bad())?),
        None => (item, default),
    };
    Ok((Host::parse(host).map_err(|_| bad())?.to_string(), port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn replicas_are_hosts_with_or_without_ports() {
        let list = addresses("db2:6000, db3,10.0.0.7:1 ,[fd00::7]:6001,[fd00::8],fd00::9,", PORT).unwrap();
        let expected = [
            ("db2", 6_000),
            ("db3", PORT),
            ("10.0.0.7", 1),
            ("fd00::7", 6_001),
            ("fd00::8", PORT),
            ("fd00::9", PORT),
        ];
        assert_eq!(list, expected.map(|(host, port)| (host.to_owned(), port)));
        for bad in
            ["db2:", "db2:0", "db2:65536", "db2:port", ":5432", "[fd00::7", "fd00::7]:1", "a b", "db2/x"]
        {
            assert!(addresses(bad, PORT).is_err(), "{bad}");
        }
        assert!(
            addresses(&["db"; 16].join(","), PORT).is_ok() && addresses(&["db"; 17].join(","), PORT).is_err()
        );
    }

    #[test]
    fn a_host_may_be_a_folder() {
        for good in ["db.example", "::1", "10.0.0.1", "/var/run/postgresql"] {
            assert_eq!(host(good), Ok(good.to_owned()));
        }
        for bad in ["db:5432", "postgres://db", "a b", "/a b", ""] {
            assert!(host(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn junk_never_panics(junk in "(\\PC|[\\[\\]:,.a0]){0,40}") {
            let _ = (addresses(&junk, PORT), host(&junk), port(&junk), text(&junk));
        }
    }
}
