//! Where the database is, and how long to wait for it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use activity_domain::error::Invalid;
use activity_domain::hygiene::DEFAULT_MAX_ENDPOINTS;
use activity_domain::service::Emails;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use crate::fingerprints::Fingerprint;
use crate::tls::Trust;

/// One server of the database, or several of which one takes writes.
#[derive(Clone)]
pub struct Server {
    config: Config,
    /// How to know it by its certificate; `None`: no TLS.
    trust: Option<Arc<Trust>>,
}

impl Server {
    /// From a URL, `postgres://user:password@host:port/database?sslmode=require`. Its parameters are those of
    /// `tokio_postgres`, and:
    ///
    /// - `sslmode`: `require`, `verify-ca` and `verify-full` all mean TLS with a server whose certificate is good
    ///   for its name; `disable`, `allow` and `prefer` mean none, for what may be left out protects nobody. None is
    ///   the default.
    /// - `sslrootcert`: a PEM file of authorities in place of the platform's.
    pub fn parse(url: &str) -> Result<Self, Invalid> {
        // What was given may hold a password, so it is not repeated.
        let bad = |reason: &str| {
            Invalid::new(format!("must be as in postgres://user:password@host:5432/name ({reason})"))
        };
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(bad("it begins otherwise"));
        }
        let (plain, mode, authorities) = take_tls(url);
        let config: Config = plain.parse().map_err(|error: tokio_postgres::Error| bad(&error.to_string()))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(bad("it names no host"));
        }
        let server = Self::plain(config);
        match mode.as_deref() {
            None | Some("disable" | "allow" | "prefer") => Ok(server),
            Some("require" | "verify-ca" | "verify-full") => Ok(server.with_tls(authorities)),
            Some(_) => Err(bad("sslmode is none of disable, require, verify-full")),
        }
    }

    /// From its parts, without TLS.
    pub fn of(host: &str, port: u16, user: &str, password: Option<&str>, database: &str) -> Self {
        let mut config = Config::new();
        config.host(host).port(port).user(user).dbname(database);
        if let Some(password) = password {
            config.password(password);
        }
        Self::plain(config)
    }

    fn plain(mut config: Config) -> Self {
        config.ssl_mode(SslMode::Disable);
        Self { config, trust: None }
    }

    /// With TLS. Authorities are in a PEM file; without one, those of the platform are trusted.
    #[must_use]
    pub fn with_tls(mut self, authorities: Option<PathBuf>) -> Self {
        self.config.ssl_mode(SslMode::Require);
        self.trust = Some(Trust::new(authorities));
        self
    }

    /// A replica of this server: the same database, user and trust at another address.
    #[must_use]
    pub fn replica(&self, host: &str, port: u16) -> Self {
        let mut config = Config::new();
        config.host(host).port(port).ssl_mode(self.config.get_ssl_mode());
        if let Some(user) = self.config.get_user() {
            config.user(user);
        }
        if let Some(password) = self.config.get_password() {
            config.password(password);
        }
        if let Some(database) = self.config.get_dbname() {
            config.dbname(database);
        }
        Self { config, trust: self.trust.clone() }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn trust(&self) -> Option<&Trust> {
        self.trust.as_deref()
    }
}

/// Takes the parameters about TLS out of a URL.
fn take_tls(url: &str) -> (String, Option<String>, Option<PathBuf>) {
    let Some((path, query)) = url.split_once('?') else { return (url.to_owned(), None, None) };
    let (mut mode, mut authorities, mut others) = (None, None, Vec::new());
    for part in query.split('&') {
        match form_urlencoded::parse(part.as_bytes()).next() {
            Some((key, value)) if key == "sslmode" => mode = Some(value.into_owned()),
            Some((key, value)) if key == "sslrootcert" => authorities = Some(PathBuf::from(value.as_ref())),
            _ => others.push(part),
        }
    }
    (format!("{path}?{}", others.join("&")), mode, authorities)
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
        let ports = self.config.get_ports();
        for (index, host) in self.config.get_hosts().iter().enumerate() {
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
    /// Secrets that all instances have to share.
    pub secrets: Vec<Fingerprint>,
    /// How emails are kept.
    pub emails: Emails,
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
            secrets: Vec::new(),
            emails: Emails::Plain,
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
        assert_eq!(replica.config.get_password(), Some(&b"secret"[..]));
        assert_eq!((replica.config.get_user(), replica.config.get_dbname()), (Some("ada"), Some("activity")));
        for bad in [
            "postgres://ada:secret@db.example:port/activity",
            "host=db.example password=secret",
            "postgres:///secret",
        ] {
            let error = Server::parse(bad).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn tls_is_there_or_not() {
        let server = |query: &str| Server::parse(&format!("postgres://ada@db.example/activity{query}"));
        for plain in ["", "?", "?sslmode=disable", "?sslmode=prefer&connect_timeout=3"] {
            assert!(server(plain).unwrap().trust.is_none(), "{plain}");
        }
        for tls in ["?sslmode=require", "?connect_timeout=3&sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem"]
        {
            let server = server(tls).unwrap();
            assert!(server.trust.is_some() && server.replica("db2.example", 1).trust.is_some(), "{tls}");
            assert_eq!(server.config.get_ssl_mode(), SslMode::Require);
        }
        assert!(server("?sslmode=sometimes").is_err());
    }
}
