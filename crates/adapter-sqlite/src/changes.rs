//! Which clients changed.

use activity_domain::error::Invalid;
use activity_domain::id::{ClientId, Fingerprint};
use activity_domain::port::{CHANGES_KEPT_SECONDS, Changes};
use activity_domain::time::Timestamp;
use diesel::dsl::{max, min};
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use crate::error::{Failure, corrupt};
use crate::schema::auth_change;

/// Changes in one answer.
const PAGE: i64 = 1_000;

/// Lists a change; to be called in its transaction.
pub(crate) fn note(c: &mut SqliteConnection, id: &ClientId, at: Timestamp) -> QueryResult<()> {
    let client = Fingerprint::of(id).0;
    diesel::insert_into(auth_change::table)
        .values((auth_change::client.eq(client.as_slice()), auth_change::at.eq(at.as_micros())))
        .execute(c)?;
    Ok(())
}

pub(crate) fn since(c: &mut SqliteConnection, version: u64) -> Result<Changes, Failure> {
    let bounds = auth_change::table.select((min(auth_change::version), max(auth_change::version)));
    let (oldest, last): (Option<i64>, Option<i64>) = bounds.get_result(c)?;
    let (oldest, last) = (oldest.unwrap_or(1), last.unwrap_or(0));
    let asked = i64::try_from(version).unwrap_or(i64::MAX);
    if asked > last || asked + 1 < oldest {
        return Ok(Changes::TooOld { version: last.cast_unsigned() });
    }
    let rows: Vec<(i64, Vec<u8>)> = auth_change::table
        .filter(auth_change::version.gt(asked))
        .order(auth_change::version)
        .limit(PAGE)
        .select((auth_change::version, auth_change::client))
        .load(c)?;
    let reached = rows.last().map_or(asked, |(version, _)| *version);
    let clients = rows.into_iter().map(|(version, client)| {
        let bytes = client
            .try_into()
            .map_err(|_| corrupt("auth_change", "client", &version, &Invalid::new("is not 32 bytes long")))?;
        Ok(Fingerprint(bytes))
    });
    let clients = clients.collect::<Result<_, Failure>>()?;
    Ok(Changes::Since { clients, version: reached.cast_unsigned(), more: reached < last })
}

/// Forgets old changes. The newest stays whatever its age, for it has the version; and so does every
/// younger one with all that follow it, so that no gap opens behind the oldest.
pub(crate) fn forget(c: &mut SqliteConnection, now: Timestamp) -> QueryResult<()> {
    let kept_from = now.plus_seconds(-CHANGES_KEPT_SECONDS).as_micros();
    let young = auth_change::table.filter(auth_change::at.ge(kept_from)).select(min(auth_change::version));
    let first: Option<i64> = match young.get_result(c)? {
        Some(first) => Some(first),
        None => auth_change::table.select(max(auth_change::version)).get_result(c)?,
    };
    let old = auth_change::table.filter(auth_change::version.lt(first.unwrap_or(0)));
    diesel::delete(old).execute(c)?;
    Ok(())
}
