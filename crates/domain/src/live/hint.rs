//! Something changed: whoever cares looks for itself at what it is now.

use crate::id::ClientId;

use super::Scope;

/// What changed. Hints may come twice, too often or not at all: what they tell of can always be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Hint {
    /// Events of this client were stored, and so its usage changed.
    Usage(ClientId),
    /// Clients or keys changed.
    Clients,
    /// This client was erased: a feed that hears of it shows nothing of it any more.
    Erased(ClientId),
    /// Something was stored where others took it for closed.
    Late,
}

/// Which hints somebody wants.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum About {
    /// That usage changed, of anybody in a scope.
    Usage(Scope),
    /// That clients or keys changed.
    Clients,
    /// That something was stored late.
    Late,
}
