//! Where a Redis server is and how to get in.

use std::net::Ipv4Addr;

use super::resp;

/// What a client needs in order to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisAddress {
    /// Always the loopback address.
    pub host: Ipv4Addr,
    /// Where it listens.
    pub port: u16,
    /// Who connects; `default` may do everything.
    pub user: String,
    /// Made up for this server, so that other users of the machine do not get in.
    pub password: String,
}

impl RedisAddress {
    /// For the default user.
    pub(super) fn new(port: u16, password: String) -> Self {
        Self { host: Ipv4Addr::LOCALHOST, port, user: "default".to_owned(), password }
    }

    /// As a connection URL. None of its parts needs escaping.
    pub fn url(&self) -> String {
        let Self { host, port, user, password } = self;
        format!("redis://{user}:{password}@{host}:{port}")
    }

    /// Another port of this machine that leads to the server: a proxy's.
    #[must_use]
    pub fn at(&self, port: u16) -> Self {
        Self { port, ..self.clone() }
    }

    /// Another user, with the same password.
    #[must_use]
    pub fn of(&self, user: &str) -> Self {
        Self { user: user.to_owned(), ..self.clone() }
    }

    /// Runs a command on a connection of its own. Returns the answer as text: a line for each element of a list, an
    /// empty one for what is not there.
    pub fn cli(&self, command: &[&str]) -> String {
        self.try_cli(command).unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    /// The same, or what the server says about why not. It gives up after a minute.
    pub fn try_cli(&self, command: &[&str]) -> Result<String, String> {
        resp::run(self, command)
    }
}
