//! Which clients changed.

use activity_domain::error::Invalid;
use activity_domain::id::{ClientId, Fingerprint};
use activity_domain::port::{CHANGES_KEPT_SECONDS, Changes};
use activity_domain::time::Timestamp;
use diesel::dsl::min;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::error::{Failure, corrupt};
use crate::schema::{auth_change, auth_version};
use crate::statement::statement;

/// Changes in one answer.
const PAGE: i64 = 1_000;

statement! {
    /// Gives out the next version, which nobody else does until this is committed.
    Note<'a> { client: &'a [u8] => Binary, at: i64 => BigInt } -> () =
        "WITH next AS (UPDATE auth_version SET version = version + 1 RETURNING version) \
         INSERT INTO auth_change (version, client, at) SELECT version, $1, $2 FROM next"
}

/// Lists a change; to be called last in its transaction, because all others wait for it from then on.
pub(crate) async fn note(c: &mut AsyncPgConnection, id: &ClientId, at: Timestamp) -> QueryResult<()> {
    let client = Fingerprint::of(id).0;
    Note { client: &client, at: at.as_micros() }.execute(c).await.map(|_| ())
}

async fn last(c: &mut AsyncPgConnection) -> QueryResult<i64> {
    auth_version::table.select(auth_version::version).first(c).await
}

pub(crate) async fn since(c: &mut AsyncPgConnection, version: u64) -> Result<Changes, Failure> {
    let last = last(c).await?;
    let asked = i64::try_from(version).unwrap_or(i64::MAX);
    if asked == last {
        return Ok(Changes::Since { clients: Vec::new(), version, more: false });
    }
    let oldest: Option<i64> = auth_change::table.select(min(auth_change::version)).first(c).await?;
    if asked > last || asked + 1 < oldest.unwrap_or(last + 1) {
        return Ok(Changes::TooOld { version: last.cast_unsigned() });
    }
    let rows: Vec<(i64, Vec<u8>)> = auth_change::table
        .filter(auth_change::version.gt(asked))
        .order(auth_change::version)
        .limit(PAGE)
        .select((auth_change::version, auth_change::client))
        .load(c)
        .await?;
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

/// Forgets old changes. Every younger one stays with all that follow it, so that no gap opens behind the
/// oldest.
pub(crate) async fn forget(c: &mut AsyncPgConnection, now: Timestamp) -> QueryResult<()> {
    let kept_from = now.plus_seconds(-CHANGES_KEPT_SECONDS).as_micros();
    let old = auth_change::table.filter(auth_change::at.lt(kept_from)).select(auth_change::version).limit(1);
    if old.first::<i64>(c).await.optional()?.is_none() {
        return Ok(());
    }
    let young = auth_change::table.filter(auth_change::at.ge(kept_from)).select(min(auth_change::version));
    let first: i64 = match young.first::<Option<i64>>(c).await? {
        Some(first) => first,
        // What is listed meanwhile has a higher version.
        None => last(c).await? + 1,
    };
    diesel::delete(auth_change::table.filter(auth_change::version.lt(first))).execute(c).await?;
    Ok(())
}
