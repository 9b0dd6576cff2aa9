//! Errors in the domain's terms.

use activity_domain::error::{Invalid, StoreError};
use diesel::result::{DatabaseErrorKind, Error};

/// A failure inside a closure that runs on a connection.
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
            Failure::Diesel(error @ (Error::SerializationError(_) | Error::DeserializationError(_))) => {
                Self::Corrupt { place: "a column".into(), reason: error.to_string() }
            }
            // Everything else that SQLite says of a sound statement passes: busy, full, I/O.
            Failure::Diesel(error) => Self::Unavailable(error.to_string()),
        }
    }
}

/// Whether a statement failed because of the row that it was to insert.
pub(crate) fn is_row_refused(error: &Error) -> bool {
    use DatabaseErrorKind::{CheckViolation, ForeignKeyViolation, NotNullViolation};
    matches!(error, Error::DatabaseError(CheckViolation | ForeignKeyViolation | NotNullViolation, _))
        || matches!(error, Error::SerializationError(_))
}

/// A stored value that does not parse, with its place.
pub(crate) fn corrupt(table: &str, column: &str, key: &dyn std::fmt::Display, error: &Invalid) -> StoreError {
    let place = format!("{table}.{column} of {key}");
    StoreError::Corrupt { place, reason: error.to_string() }
}
