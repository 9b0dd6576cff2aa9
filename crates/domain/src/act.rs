//! What admins did: the entries of a log that is only added to.

use crate::client::{Client, ClientChange, ClientLimit};
use crate::error::Invalid;
use crate::id::{ClientId, KeyId};
use crate::key::KeyRecord;
use crate::time::Timestamp;

mod action;
mod difference;

pub use action::{Action, RequestId};
pub use difference::Difference;

/// How long acts are kept: two years.
pub const ACTS_KEPT_SECONDS: i64 = 730 * 86_400;

/// Who does something, when, and in which request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The admin.
    pub actor: ClientId,
    /// When.
    pub at: Timestamp,
    /// The request; `None` for the command line, whose actor is whoever may use it.
    pub request: Option<RequestId>,
}

/// What was done, to whom. It holds no name, no email and no secret: so there is nothing to be forgotten when
/// its client is erased, and nobody need ever touch it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// What was done.
    pub action: Action,
    /// The client that it was done to, if there is one.
    pub target: Option<ClientId>,
    /// What is different since.
    pub differences: Vec<Difference>,
}

/// An act as the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number, by which entries are in order; never given out twice.
    pub no: u64,
    /// Whose act it is.
    pub by: Signature,
    /// The act.
    pub act: Act,
}

/// Which entries are asked for. They come newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActQuery {
    /// From this instant on.
    pub from: Timestamp,
    /// Before this instant.
    pub to: Timestamp,
    /// By this admin.
    pub actor: Option<ClientId>,
    /// To this client.
    pub target: Option<ClientId>,
    /// Of this kind.
    pub action: Option<Action>,
    /// With a lower number than this.
    pub before: Option<u64>,
    /// At most so many.
    pub limit: usize,
}

impl Act {
    /// An act that changes no field of a client.
    pub fn new(action: Action, target: Option<ClientId>) -> Self {
        Self { action, target, differences: Vec::new() }
    }

    fn to(action: Action, target: &ClientId, differences: impl IntoIterator<Item = Difference>) -> Self {
        let differences = differences.into_iter().collect();
        Self { action, target: Some(target.clone()), differences }
    }

    /// A client was registered, with its first key or none.
    pub fn registered(client: &Client, key: Option<&KeyRecord>) -> Self {
        let fields = [("role", role(client)), ("rateLimit", rate_limit(client))];
        let fields = fields.into_iter().map(|(field, after)| Difference::new(field, None, Some(after)));
        let key = key.map(|key| made(&key.id));
        Self::to(Action::ClientRegister, &client.id, fields.chain(key))
    }

    /// A client was changed. What is as it was before is left out; a name or an email is told to have been given,
    /// without its values.
    pub fn changed(before: &Client, after: &Client, change: &ClientChange) -> Self {
        let given = [("name", change.name.is_some()), ("email", change.email.is_some())];
        let given = given.into_iter().filter(|(_, is_given)| *is_given);
        let given = given.map(|(field, _)| Difference::new(field, None, None));
        let of: [(&str, Text); 4] =
            [("rateLimit", rate_limit), ("limits", limits), ("role", role), ("isActive", is_active)];
        let fields = of.into_iter().map(|(field, of)| (field, of(before), of(after)));
        let fields = fields.filter(|(_, before, after)| before != after);
        let fields = fields.map(|(field, b, a)| Difference::new(field, Some(b), Some(a)));
        Self::to(Action::ClientChange, &after.id, given.chain(fields))
    }

    /// A client was erased.
    pub fn erased(client: &ClientId) -> Self {
        Self::new(Action::ClientErase, Some(client.clone()))
    }

    /// A client was given a key; with an overlap, its older keys end at that instant.
    pub fn issued(client: &ClientId, key: &KeyRecord, overlap: Option<Timestamp>) -> Self {
        let at = |field, at: Option<Timestamp>| {
            at.map(|at: Timestamp| Difference::new(field, None, Some(at.to_string())))
        };
        let ends = [at("expiresAt", key.expires_at), at("olderKeysEndAt", overlap)];
        let differences = [made(&key.id)].into_iter().chain(ends.into_iter().flatten());
        Self::to(Action::KeyIssue, client, differences)
    }

    /// A key was taken from a client.
    pub fn revoked(client: &ClientId, key: &KeyId) -> Self {
        let gone = Difference::new("keyId", Some(key.as_str().to_owned()), None);
        Self::to(Action::KeyRevoke, client, [gone])
    }

    /// With what it was about, where that is no field of a client.
    #[must_use]
    pub fn about(mut self, field: &'static str, value: &str) -> Self {
        self.differences.push(Difference::new(field, None, Some(value.to_owned())));
        self
    }

    /// The differences as stores keep them, a line for each.
    pub fn write_differences(&self) -> String {
        let lines: Vec<String> = self.differences.iter().map(Difference::line).collect();
        lines.join("\n")
    }

    /// An act as a store has kept it.
    pub fn read(action: &str, target: Option<&str>, differences: &str) -> Result<Self, Invalid> {
        Ok(Self {
            action: Action::parse(action)?,
            target: target.map(ClientId::parse).transpose()?,
            differences: differences.lines().map(Difference::parse).collect::<Result<_, _>>()?,
        })
    }
}

/// How a field of a client is told.
type Text = fn(&Client) -> String;

fn made(key: &KeyId) -> Difference {
    Difference::new("keyId", None, Some(key.as_str().to_owned()))
}

fn role(client: &Client) -> String {
    client.role.as_str().to_owned()
}

fn rate_limit(client: &Client) -> String {
    client.rate_limit.get().to_string()
}

fn is_active(client: &Client) -> String {
    client.is_active.to_string()
}

/// `burst=10/60s, exports=5/3600s at /export (shadow)`
fn limits(client: &Client) -> String {
    let one = |limit: &ClientLimit| {
        let place = limit.endpoint.as_ref().map_or_else(String::new, |path| format!(" at {}", path.as_str()));
        let shadow = if limit.shadow { " (shadow)" } else { "" };
        let (name, most, window) = (limit.name.as_str(), limit.limit.get(), limit.window.seconds());
        format!("{name}={most}/{window}s{place}{shadow}")
    };
    client.limits.as_slice().iter().map(one).collect::<Vec<_>>().join(", ")
}
