//! Ranges of instants in queries.

use activity_domain::time::Timestamp;

use crate::problem::{At, Problem};

const DEFAULT_HOURS: i64 = 24;

/// An instant in a query.
pub(super) fn instant(text: Option<&str>, pointer: &str) -> Result<Option<Timestamp>, Problem> {
    text.map(Timestamp::parse).transpose().at(pointer)
}

/// `from` and `to`, half-open: the last 24 hours by default, or the 24 hours up to `to`.
pub(super) fn range(
    from: Option<&str>,
    to: Option<&str>,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), Problem> {
    let to = instant(to, "?to")?.unwrap_or(now);
    let from = instant(from, "?from")?.unwrap_or(to.plus_seconds(-3_600 * DEFAULT_HOURS));
    if from >= to {
        return Err(Problem::invalid("?from", "must be before `to`"));
    }
    Ok((from, to))
}
