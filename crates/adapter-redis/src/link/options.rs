//! Where Redis is, and how to get in.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use activity_domain::error::Invalid;
use fred::types::config::{Config, Server, ServerConfig};
use rustls::ClientConfig;

use super::library::ANSWER;
use super::tls::Trust;

/// What a connection is called in the log, unless told otherwise.
const NAMELESS: &str = "redis";

/// As whom.
#[derive(Clone, Default)]
pub(crate) struct Login {
    pub user: Option<String>,
    pub password: Option<String>,
    pub database: u8,
}

/// Where, for those who connect by other means.
pub(crate) enum Place {
    Sentinel { hosts: Vec<(String, u16)>, master_name: String, login: Login },
    Elsewhere,
}

/// One server, a primary that Sentinels name, or a cluster.
#[derive(Clone)]
pub struct Options {
    servers: Servers,
    user: Option<String>,
    password: Option<String>,
    database: Option<u8>,
    /// How to know a server by its certificate; `None`: no TLS.
    trust: Option<Trust>,
    patience: Duration,
    /// What the connection is for, in the log.
    name: &'static str,
}

#[derive(Clone)]
enum Servers {
    One(String, u16),
    Sentinel {
        hosts: Vec<(String, u16)>,
        master_name: String,
        user: Option<String>,
        password: Option<String>,
    },
    Cluster(Vec<(String, u16)>),
}

impl Options {
    /// From a URL, `redis://user:password@host:6379/0`; `rediss://` is with TLS, and `sslrootcert` then names a PEM file
    /// of authorities in place of the platform's.
    pub fn parse(url: &str) -> Result<Self, Invalid> {
        // What was given may hold a password, so it is not repeated.
        let bad = |reason: &str| {
            Invalid::new(format!("must be as in redis://user:password@host:6379/0 ({reason})"))
        };
        let (plain, trust) = take_tls(url).map_err(bad)?;
        let config = Config::from_url_centralized(&plain).map_err(|_| bad("it cannot be read"))?;
        let Some(server) = config.server.hosts().into_iter().next().filter(|server| !server.host.is_empty())
        else {
            return Err(bad("it names no host"));
        };
        Ok(Self {
            servers: Servers::One(server.host.to_string(), server.port),
            user: config.username.filter(|user| !user.is_empty()),
            password: config.password,
            database: config.database,
            trust,
            patience: ANSWER,
            name: NAMELESS,
        })
    }

    /// One server, without TLS.
    pub fn one(host: &str, port: u16) -> Self {
        Self::plain(Servers::One(host.to_owned(), port))
    }

    /// The primary that Sentinels call by this name.
    pub fn sentinel(hosts: Vec<(String, u16)>, master_name: &str) -> Self {
        let master_name = master_name.to_owned();
        Self::plain(Servers::Sentinel { hosts, master_name, user: None, password: None })
    }

    /// A cluster, by some of its members.
    pub fn cluster(hosts: Vec<(String, u16)>) -> Self {
        Self::plain(Servers::Cluster(hosts))
    }

    fn plain(servers: Servers) -> Self {
        Self {
            servers,
            user: None,
            password: None,
            database: None,
            trust: None,
            patience: ANSWER,
            name: NAMELESS,
        }
    }

    /// As a user of its access list, or as the default one, with a password.
    #[must_use]
    pub fn with_login(mut self, user: Option<&str>, password: &str) -> Self {
        self.user = user.map(str::to_owned);
        self.password = Some(password.to_owned());
        self
    }

    /// With a password for the Sentinels themselves.
    #[must_use]
    pub fn with_sentinel_login(mut self, name: Option<&str>, secret: &str) -> Self {
        if let Servers::Sentinel { user, password, .. } = &mut self.servers {
            *user = name.map(str::to_owned);
            *password = Some(secret.to_owned());
        }
        self
    }

    /// With TLS. Authorities are in a PEM file; without one, those of the platform are trusted.
    #[must_use]
    pub fn with_tls(mut self, authorities: Option<PathBuf>) -> Self {
        self.trust = Some(Trust::new(authorities));
        self
    }

    /// With so much time for an answer; a tenth of a second otherwise.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// With a name for the log: what the connection is for.
    #[must_use]
    pub fn with_name(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// Who is trusted, where TLS is asked for, or why it is not possible.
    pub(crate) fn tls(&self) -> Result<Option<Arc<ClientConfig>>, String> {
        self.trust.as_ref().map(|trust| trust.rustls().map(Arc::new)).transpose()
    }

    pub(crate) fn login(&self) -> Login {
        let (user, password) = (self.user.clone(), self.password.clone());
        Login { user, password, database: self.database.unwrap_or(0) }
    }

    pub(crate) fn place(&self) -> Place {
        match &self.servers {
            Servers::Sentinel { hosts, master_name, user, password } => {
                let login = Login { user: user.clone(), password: password.clone(), database: 0 };
                Place::Sentinel { hosts: hosts.clone(), master_name: master_name.clone(), login }
            }
            Servers::One(..) | Servers::Cluster(_) => Place::Elsewhere,
        }
    }

    /// Where each of the Sentinels is, and what they call the primary.
    pub(super) fn sentinels(&self) -> Option<(Vec<Self>, &str)> {
        let Servers::Sentinel { hosts, master_name, user, password } = &self.servers else { return None };
        let one = |(host, port): &(String, u16)| Self {
            servers: Servers::One(host.clone(), *port),
            user: user.clone(),
            password: password.clone(),
            database: None,
            trust: self.trust.clone(),
            patience: self.patience,
            name: self.name,
        };
        Some((hosts.iter().map(one).collect(), master_name))
    }

    /// Whether the keys are spread over several servers.
    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.servers, Servers::Cluster(_))
    }

    /// As the client library takes it, or why TLS is not possible.
    pub(super) fn config(&self) -> Result<Config, String> {
        Ok(Config {
            // Otherwise it gives up for good where Redis is not there yet.
            fail_fast: false,
            username: self.user.clone(),
            password: self.password.clone(),
            database: self.database,
            server: self.servers.config(),
            tls: self.trust.as_ref().map(Trust::config).transpose()?,
            ..Config::default()
        })
    }
}

impl Servers {
    fn config(&self) -> ServerConfig {
        let all = |hosts: &[(String, u16)]| {
            hosts.iter().map(|(host, port)| Server::new(host.as_str(), *port)).collect()
        };
        match self {
            Self::One(host, port) => ServerConfig::new_centralized(host.as_str(), *port),
            Self::Sentinel { hosts, master_name, user, password } => ServerConfig::Sentinel {
                hosts: all(hosts),
                service_name: master_name.clone(),
                username: user.clone(),
                password: password.clone(),
            },
            Self::Cluster(hosts) => ServerConfig::new_clustered(hosts.clone()),
        }
    }
}

/// A URL without what it says about TLS, which the library would read differently.
fn take_tls(url: &str) -> Result<(String, Option<Trust>), &'static str> {
    let (rest, has_tls) = match (url.strip_prefix("redis://"), url.strip_prefix("rediss://")) {
        (Some(rest), _) => (rest, false),
        (_, Some(rest)) => (rest, true),
        _ => return Err("it begins otherwise"),
    };
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut authorities = None;
    for (key, value) in query
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| part.split_once('=').unwrap_or((part, "")))
    {
        match key {
            "sslrootcert" if has_tls => authorities = Some(PathBuf::from(value)),
            "sslrootcert" => return Err("sslrootcert is for rediss://"),
            _ => return Err("it has a parameter that is not known"),
        }
    }
    Ok((format!("redis://{place}"), has_tls.then(|| Trust::new(authorities))))
}

/// Never a password.
impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |hosts: &[(String, u16)]| {
            hosts.iter().map(|(host, port)| format!("{host}:{port}")).collect::<Vec<_>>().join(",")
        };
        match &self.servers {
            Servers::One(host, port) => write!(f, "{host}:{port}"),
            Servers::Sentinel { hosts, master_name, .. } => {
                write!(f, "{master_name} of Sentinels {}", list(hosts))
            }
            Servers::Cluster(hosts) => write!(f, "cluster of {}", list(hosts)),
        }?;
        f.write_str(if self.trust.is_some() { " with TLS" } else { "" })
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_and_as_whom() {
        let options = Options::parse("redis://me:p%40ss@cache.lan:7000/3").unwrap();
        assert_eq!(options.to_string(), "cache.lan:7000");
        let login = (options.user.as_deref(), options.password.as_deref(), options.database);
        assert_eq!(login, (Some("me"), Some("p@ss"), Some(3)));
        assert!(options.trust.is_none());
        assert_eq!(Options::parse("redis://:x@h").unwrap().to_string(), "h:6379");
        assert_eq!(Options::parse("redis://:x@h").unwrap().user, None);
        let with_tls = Options::parse("rediss://h?sslrootcert=/etc/ca.pem").unwrap();
        assert_eq!(with_tls.to_string(), "h:6379 with TLS");
    }

    #[test]
    fn a_bad_url_is_told_without_its_password() {
        for bad in [
            "",
            "h:6379",
            "http://:hunter2@h",
            "redis://:hunter2@",
            "redis://:hunter2@h:99999",
            "redis://:hunter2@h?ssl=1",
            "redis://:hunter2@h?sslrootcert=x",
        ] {
            let error = Options::parse(bad).expect_err(bad).to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn what_is_shown_has_no_password() {
        let hosts = vec![("a".to_owned(), 1), ("b".to_owned(), 2)];
        let options = Options::sentinel(hosts, "tracker").with_login(Some("me"), "hunter2");
        let shown = format!("{:?}", options.with_sentinel_login(None, "hunter3"));
        assert_eq!(shown, "tracker of Sentinels a:1,b:2");
    }
}
