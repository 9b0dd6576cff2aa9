//! What may be changed about a client.

use super::{Client, ClientLimits, ClientName, Email, RateLimit, Role};

/// What to change about a client. What is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClientChange {
    /// Another display name.
    pub name: Option<ClientName>,
    /// Another address; no other client may have it.
    pub email: Option<Email>,
    /// Another limit.
    pub rate_limit: Option<RateLimit>,
    /// Other limits besides that one.
    pub limits: Option<ClientLimits>,
    /// Another role.
    pub role: Option<Role>,
    /// Whether it is let in.
    pub is_active: Option<bool>,
}

impl ClientChange {
    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Changes a client.
    pub fn apply(&self, client: &mut Client) {
        fn set<T: Clone>(to: &mut T, wanted: Option<&T>) {
            if let Some(wanted) = wanted {
                to.clone_from(wanted);
            }
        }
        set(&mut client.name, self.name.as_ref());
        if self.email.is_some() {
            client.email.clone_from(&self.email);
        }
        set(&mut client.rate_limit, self.rate_limit.as_ref());
        set(&mut client.limits, self.limits.as_ref());
        set(&mut client.role, self.role.as_ref());
        set(&mut client.is_active, self.is_active.as_ref());
    }
}
