//! Errors in the domain's terms.
//!
//! What the database says is told apart by SQLSTATE as far as the driver hands it on: it keeps the kind of
//! the broken constraint, serialization failures and lost connections, and nothing of the rest. What it does
//! not tell apart counts as passing (locks, time-outs, deadlocks, a full disk, a server that shuts down), for
//! nearly all of it is: statements are sound, and the schema is of the right version. Rows are judged in the
//! database itself, where the SQLSTATE is at hand: `insert_activity_one_by_one`.

use std::fmt::Display;

use activity_domain::error::{Invalid, StoreError};
use diesel::result::{DatabaseErrorKind, Error};

/// A failure on a connection, which takes its transaction back.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Diesel's.
    Diesel(Error),
    /// Ours.
    Store(StoreError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Diesel(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Store(error) => error,
            Failure::Diesel(error) => store_error(&error),
        }
    }
}

fn store_error(error: &Error) -> StoreError {
    use DatabaseErrorKind::{CheckViolation, NotNullViolation, RestrictViolation};
    match error {
        Error::SerializationError(_) | Error::DeserializationError(_) => {
            StoreError::Corrupt { place: "a column".into(), reason: error.to_string() }
        }
        Error::NotFound => StoreError::Refused("a row that the schema begins with is missing".into()),
        Error::DatabaseError(CheckViolation | NotNullViolation | RestrictViolation, _) => {
            StoreError::Refused(error.to_string())
        }
        // Two at once may break other constraints, and then one of them has to come again.
        _ => StoreError::Unavailable(error.to_string()),
    }
}

/// A transaction that was taken back: for a reason that its caller is to know, or by a failure.
#[derive(Debug)]
pub(crate) enum Refusal<E> {
    /// The reason.
    Because(E),
    /// The failure.
    Failed(Failure),
}

impl<E> From<Error> for Refusal<E> {
    fn from(error: Error) -> Self {
        Self::Failed(error.into())
    }
}

impl<E> From<Failure> for Refusal<E> {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// What a transaction may end with instead of an answer.
pub(crate) trait Ending: From<Error> + Send + 'static {
    /// What callers are told.
    type Told: From<StoreError> + Send + 'static;

    fn told(self) -> Self::Told;
}

impl Ending for Failure {
    type Told = StoreError;

    fn told(self) -> StoreError {
        self.into()
    }
}

impl<E: From<StoreError> + Send + 'static> Ending for Refusal<E> {
    type Told = E;

    fn told(self) -> E {
        match self {
            Self::Because(reason) => reason,
            Self::Failed(failure) => StoreError::from(failure).into(),
        }
    }
}

/// The name of the constraint that a row would have broken by being the second of its kind.
pub(crate) fn taken(error: &Error) -> Option<&str> {
    match error {
        Error::DatabaseError(DatabaseErrorKind::UniqueViolation, told) => told.constraint_name(),
        _ => None,
    }
}

/// Whether a row fell into a day that has no partition, which the database calls a broken CHECK, without a
/// name.
pub(crate) fn is_missing_day(error: &Error) -> bool {
    matches!(error, Error::DatabaseError(DatabaseErrorKind::CheckViolation, told) if told.constraint_name().is_none())
}

/// Whether a row's key is there already.
pub(crate) fn is_known_row(error: &Error) -> bool {
    matches!(error, Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _))
}

/// Whether a statement may have failed because of a row that it was to insert, and not because of where the
/// database is.
pub(crate) fn may_be_a_row(error: &Error) -> bool {
    use DatabaseErrorKind::{CheckViolation, NotNullViolation, Unknown};
    matches!(error, Error::DatabaseError(CheckViolation | NotNullViolation | Unknown, _))
}

/// A stored value that does not parse, with its place.
pub(crate) fn corrupt(table: &str, column: &str, key: &dyn Display, error: &Invalid) -> StoreError {
    let place = format!("{table}.{column} of {key}");
    StoreError::Corrupt { place, reason: error.to_string() }
}

/// The database cannot be had.
pub(crate) fn out_of_reach(error: &dyn Display) -> StoreError {
    StoreError::Unavailable(error.to_string())
}
