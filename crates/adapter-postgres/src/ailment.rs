//! What may be wrong with a server, in words that anybody may read: health is open to everybody, and what the
//! server says itself names users, hosts and databases. That is for the log.

use std::fmt;

use tokio_postgres::error::SqlState;

/// What is wrong. Displays as the end of a sentence that begins with the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ailment {
    /// There is no connection to it, or none that works.
    Away,
    /// It is there and says nothing.
    Silent,
    /// It does not let us in.
    NoEntry,
    /// It has no database of the name.
    NoDatabase,
    /// It has as many connections as it takes.
    Crowded,
    /// It is just starting, stopping, or restoring itself.
    Changing,
    /// It can be read only.
    ReadOnly,
    /// Its schema was not looked at yet, or does not fit.
    NotReady,
    /// It is a replica and has not replayed enough.
    Behind,
    /// It was to be a replica.
    NoReplica,
    /// It was not asked yet.
    Unknown,
}

impl Ailment {
    /// What an attempt to connect ended with.
    pub(crate) fn of(error: &tokio_postgres::Error) -> Self {
        let Some(code) = error.code() else { return Self::Away };
        match *code {
            SqlState::INVALID_PASSWORD
            | SqlState::INVALID_AUTHORIZATION_SPECIFICATION
            | SqlState::INSUFFICIENT_PRIVILEGE => Self::NoEntry,
            SqlState::INVALID_CATALOG_NAME => Self::NoDatabase,
            SqlState::TOO_MANY_CONNECTIONS => Self::Crowded,
            SqlState::CANNOT_CONNECT_NOW | SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN => {
                Self::Changing
            }
            _ => Self::Away,
        }
    }

    /// Whether connections that there are already will not work either.
    pub(crate) fn is_for_all(self) -> bool {
        !matches!(self, Self::NoEntry | Self::NoDatabase | Self::Crowded)
    }
}

impl fmt::Display for Ailment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Away => "cannot be reached",
            Self::Silent => "does not answer in time",
            Self::NoEntry => "refuses the user or the password",
            Self::NoDatabase => "does not have the database",
            Self::Crowded => "takes no more connections",
            Self::Changing => "is starting or stopping",
            Self::ReadOnly => "can only be read",
            Self::NotReady => "was reached, but its schema is not ready",
            Self::Behind => "is behind",
            Self::NoReplica => "is no replica",
            Self::Unknown => "was not asked yet",
        })
    }
}
