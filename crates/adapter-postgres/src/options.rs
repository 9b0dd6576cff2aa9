//! Where the database is, and how long to wait for it.

use std::fmt;
use std::time::Duration;

use activity_domain::error::Invalid;
use activity_domain::hygiene::DEFAULT_MAX_ENDPOINTS;
use tokio_postgres::Config;

/// One server of the database.
#[derive(Clone)]
pub struct Server(pub(crate) Config);

impl Server {
    /// From a URL, `postgres://user:password@host:port/database`, or from `host=... port=...`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let config = text.parse::<Config>();
        // What was given may hold a password, so it is not repeated.
        let bad =
            |error| Invalid::new(format!("must be as in postgres://user:password@host:5432/name ({error})"));
        config.map(Self).map_err(bad)
    }

    /// From its parts.
    pub fn of(host: &str, port: u16, user: &str, password: Option<&str>, database: &str) -> Self {
        let mut config = Config::new();
        config.host(host).port(port).user(user).dbname(database);
        if let Some(password) = password {
            config.password(password);
        }
        Self(config)
    }

    /// A replica of this server: the same database and user at another address.
    #[must_use]
    pub fn replica(&self, host: &str, port: u16) -> Self {
        let mut config = Config::new();
        config.host(host).port(port);
        if let Some(user) = self.0.get_user() {
            config.user(user);
        }
        if let Some(password) = self.0.get_password() {
            config.password(password);
        }
        if let Some(database) = self.0.get_dbname() {
            config.dbname(database);
        }
        Self(config)
    }
}

/// Never the password.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Hosts and ports, as far as they are given.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports = self.0.get_ports();
        for (index, host) in self.0.get_hosts().iter().enumerate() {
            let port = ports.get(index).or(ports.last()).copied().unwrap_or(5432);
            let separator = if index > 0 { ", " } else { "" };
            match host {
                tokio_postgres::config::Host::Tcp(name) => write!(f, "{separator}{name}:{port}")?,
                #[cfg(unix)]
                tokio_postgres::config::Host::Unix(path) => {
                    write!(f, "{separator}{}:{port}", path.display())?;
                }
            }
        }
        Ok(())
    }
}

/// How a store is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// The server that takes writes.
    pub primary: Server,
    /// Servers that follow it.
    pub replicas: Vec<Server>,
    /// The most connections for batches, upkeep and changes of clients.
    pub writers: u32,
    /// The most connections to each server for questions.
    pub readers: u32,
    /// How long a question waits for a connection.
    pub reader_wait: Duration,
    /// How long a write waits for a connection.
    pub writer_wait: Duration,
    /// After this, a question is given up with its connection. The server puts an end to a statement after ten
    /// seconds; this is for one that does not answer at all.
    pub reader_limit: Duration,
    /// The same of a write.
    pub writer_limit: Duration,
    /// How many endpoints of each client and day are counted by name.
    pub max_endpoints: usize,
}

impl Options {
    /// The usual, for a server.
    pub fn new(primary: Server) -> Self {
        Self {
            primary,
            replicas: Vec::new(),
            writers: 6,
            readers: 10,
            reader_wait: Duration::from_secs(1),
            writer_wait: Duration::from_secs(5),
            reader_limit: Duration::from_secs(20),
            writer_limit: Duration::from_mins(1),
            max_endpoints: DEFAULT_MAX_ENDPOINTS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_without_its_password() {
        let server = Server::parse("postgres://ada:secret@db.example:6000/activity").unwrap();
        assert_eq!(format!("{server} {server:?}"), "db.example:6000 db.example:6000");
        let replica = server.replica("db2.example", 6001);
        assert_eq!(replica.to_string(), "db2.example:6001");
        assert_eq!(replica.0.get_password(), Some(&b"secret"[..]));
        assert_eq!((replica.0.get_user(), replica.0.get_dbname()), (Some("ada"), Some("activity")));
        let error = Server::parse("postgres://ada:secret@db.example:port/activity").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
