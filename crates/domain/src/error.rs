//! Errors that say what the caller may do.

use thiserror::Error;

/// A value that does not fit its type. The message finishes the sentence "this value ...".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Invalid(pub String);

impl Invalid {
    /// An error with this reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// A store failed to do what a port promises.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    /// Out of reach, overloaded or timed out: the same call may succeed later.
    #[error("the store does not answer: {0}")]
    Unavailable(String),
    /// A row that cannot be turned into a domain value; repeating the call will not help.
    #[error("the store holds a value that cannot be read: {place}: {reason}")]
    Corrupt {
        /// Table, column and key.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The store refuses the statement itself; repeating the call will not help.
    #[error("the store refuses: {0}")]
    Refused(String),
}

impl StoreError {
    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// A client could not be added.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InsertError {
    /// Another client has this email.
    #[error("another client has this email")]
    EmailTaken,
    /// Another client has this id, or another key this digest or id.
    #[error("another client has this id or key")]
    IdTaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A client could not be changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UpdateError {
    /// Another client has this email.
    #[error("another client has this email")]
    EmailTaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A client could not be given another key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AddKeyError {
    /// There is no such client.
    #[error("there is no such client")]
    NoSuchClient,
    /// The client has as many live keys as it may have.
    #[error("the client has too many keys")]
    TooMany,
    /// Another key has this digest or id.
    #[error("another key has this id")]
    IdTaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Activities could not be made durable; nothing of them will be stored.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RecordError {
    /// The spool has reached its bound and must drain first.
    #[error("the spool is full")]
    Full,
    /// The spool's disk does not take the data at present.
    #[error("the spool cannot be written: {0}")]
    Failing(String),
    /// The node is shutting down.
    #[error("the spool is closed")]
    Closed,
}

/// Why a caller is not let in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AccessError {
    /// The key or token is not known, revoked or expired.
    #[error("the key or token is not valid")]
    Unknown,
    /// The client exists and is switched off.
    #[error("this client is deactivated")]
    Deactivated,
    /// It cannot be found out at present.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Sealed bytes that do not open.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unopened {
    /// They were sealed with a key that is not among ours; this is what it is known by.
    #[error("the key that it was sealed with is missing: {0}")]
    NoKey(String),
    /// They are damaged, or were sealed for another place.
    #[error("it is damaged or belongs elsewhere")]
    Altered,
}

/// Something that helps is out of reach, such as what instances share. It never fails a request by
/// itself: the caller goes on with less, a limiter with the instance's own share of a limit.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("goes on with less: {0}")]
pub struct Degraded(pub String);
