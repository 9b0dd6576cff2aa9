//! Where a server is and how to get in.

use std::net::Ipv4Addr;

use super::psql;

/// What a client needs in order to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Always the loopback address.
    pub host: Ipv4Addr,
    /// Where it listens.
    pub port: u16,
    /// A superuser.
    pub user: String,
    /// Made up for this server, so that other users of the machine do not get in.
    pub password: String,
    /// The database.
    pub database: String,
}

impl Address {
    /// The database that every server has, for its superuser.
    pub(crate) fn new(port: u16, password: String) -> Self {
        let name = || "postgres".to_owned();
        Self { host: Ipv4Addr::LOCALHOST, port, user: name(), password, database: name() }
    }

    /// As a connection URL. None of its parts needs escaping.
    pub fn url(&self) -> String {
        let Self { host, port, user, password, database } = self;
        format!("postgres://{user}:{password}@{host}:{port}/{database}")
    }

    /// Another port of this machine that leads to the server: a proxy's.
    #[must_use]
    pub fn at(&self, port: u16) -> Self {
        Self { port, ..self.clone() }
    }

    /// Another database of the server.
    #[must_use]
    pub fn of(&self, database: &str) -> Self {
        Self { database: database.to_owned(), ..self.clone() }
    }

    /// Runs SQL there by way of `psql`, each statement in a transaction of its own unless it says otherwise.
    /// Returns the rows as lines, with `|` between columns.
    pub fn sql(&self, sql: &str) -> String {
        self.try_sql(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The same, or what `psql` says about why not. It gives up after a minute.
    pub fn try_sql(&self, sql: &str) -> Result<String, String> {
        psql::run(self, sql)
    }
}
