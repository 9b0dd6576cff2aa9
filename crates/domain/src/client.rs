//! Clients: who records, and what they may do.

use std::fmt;

use crate::error::Invalid;
use crate::id::ClientId;
use crate::redact::holds_secret;
use crate::time::Timestamp;

mod limits;

pub use limits::{ClientLimit, ClientLimits, EndpointPrefix, InvalidLimits, LimitName};
mod change;

pub use change::ClientChange;

/// What a client may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// A consumer of the owner's API: records and sees its own activity.
    Client,
    /// A gateway or back end: records for any client, reads any client's usage, manages nothing.
    Service,
    /// Everything.
    Admin,
}

impl Role {
    /// The role's name in requests, answers and stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Service => "service",
            Self::Admin => "admin",
        }
    }

    /// Reads a role's name.
    pub fn parse(name: &str) -> Result<Self, Invalid> {
        [Self::Client, Self::Service, Self::Admin]
            .into_iter()
            .find(|role| role.as_str() == name)
            .ok_or_else(|| Invalid::new("must be one of client, service, admin"))
    }
}

/// A client's display name: 1 to 100 characters, no control characters, not blank.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientName(String);

impl ClientName {
    /// Takes a name; blanks around it are dropped.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > 100 || text.chars().any(char::is_control) {
            return Err(Invalid::new("must be 1 to 100 characters without control characters"));
        }
        refuse_secrets(text)?;
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Names and addresses are shown to others and kept in clear, so a key that was pasted into the wrong
/// field must not get there.
fn refuse_secrets(text: &str) -> Result<(), Invalid> {
    if holds_secret(text) { Err(Invalid::new("must not contain an API key or a token")) } else { Ok(()) }
}

/// An email address, in lower case. It is checked for shape only: whether it works, only a message can tell.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

impl Email {
    /// Takes an address.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let bad = || Invalid::new("must be an email address, such as ada@example.org");
        refuse_secrets(text)?;
        let text = text.trim().to_lowercase();
        let (local, domain) = text.rsplit_once('@').ok_or_else(bad)?;
        let plain = |part: &str| {
            !part.is_empty() && !part.chars().any(|c| c.is_whitespace() || c.is_control() || c == '@')
        };
        let labels = domain.split('.').all(|label| !label.is_empty());
        if text.len() > 254 || !plain(local) || !plain(domain) || !labels || !domain.contains('.') {
            return Err(bad());
        }
        Ok(Self(text))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An address is personal: logs and debug output do not get it.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(..)")
    }
}

/// How many events a client may record in one window: 1 to 1,000,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RateLimit(u32);

impl RateLimit {
    /// Takes a limit.
    pub fn parse(limit: i64) -> Result<Self, Invalid> {
        match u32::try_from(limit) {
            Ok(limit @ 1..=1_000_000_000) => Ok(Self(limit)),
            _ => Err(Invalid::new("must be between 1 and 1000000000")),
        }
    }

    /// The number of events.
    pub fn get(self) -> u32 {
        self.0
    }
}

/// Someone who calls the owner's API.
#[derive(Debug, Clone, PartialEq)]
pub struct Client {
    /// Its id.
    pub id: ClientId,
    /// Its display name.
    pub name: ClientName,
    /// Its address; clients that an import made have none. No two clients share one.
    pub email: Option<Email>,
    /// What it may do.
    pub role: Role,
    /// Its limit.
    pub rate_limit: RateLimit,
    /// Its other limits.
    pub limits: ClientLimits,
    /// A deactivated client is let in nowhere.
    pub is_active: bool,
    /// When it was registered.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emails_are_checked_for_shape() {
        assert_eq!(Email::parse(" Ada@Example.ORG ").unwrap().as_str(), "ada@example.org");
        for bad in ["", "ada", "@x.org", "ada@", "ada@org", "a b@x.org", "a@b@x.org", "a@x..org"] {
            assert!(Email::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_not_blank() {
        for bad in ["", "  ", "a\nb", &"x".repeat(101)] {
            assert!(ClientName::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(ClientName::parse(" Ada ").unwrap().as_str(), "Ada");
    }

    #[test]
    fn neither_takes_a_key_or_a_token() {
        let key = format!("atk_abcdefghijkm_{}_0123abcd", "5".repeat(64));
        for secret in [key.as_str(), "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"] {
            assert!(ClientName::parse(&format!("x{secret}")).unwrap_err().0.contains("API key"));
            assert!(Email::parse(&format!("{secret}@example.org")).unwrap_err().0.contains("API key"));
        }
    }
}
