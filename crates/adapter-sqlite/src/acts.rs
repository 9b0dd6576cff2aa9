//! What admins did.

use activity_domain::act::{ACTS_KEPT_SECONDS, Act, ActQuery, Action, Entry, RequestId, Signature};
use activity_domain::error::{Invalid, StoreError};
use activity_domain::id::ClientId;
use activity_domain::port::{ActLog, Read};
use activity_domain::time::Timestamp;
use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use crate::error::{Failure, corrupt};
use crate::schema::act;
use crate::store::SqliteStore;

/// Acts forgotten in one transaction.
const STEP: i64 = 1_000;

#[async_trait]
impl ActLog for SqliteStore {
    async fn note(&self, by: &Signature, act: &Act) -> Result<(), StoreError> {
        let (by, act) = (by.clone(), act.clone());
        self.write(move |c| Ok(write_down(c, Some(&by), || act)?)).await
    }

    async fn acts(&self, query: &ActQuery, _: Read) -> Result<Vec<Entry>, StoreError> {
        let query = query.clone();
        self.read(move |c| find(c, &query)).await
    }
}

/// Writes an act down, if there is a signature; to be called in the transaction of what was done.
pub(crate) fn write_down(
    c: &mut SqliteConnection,
    by: Option<&Signature>,
    act: impl FnOnce() -> Act,
) -> QueryResult<()> {
    let Some(by) = by else { return Ok(()) };
    let act = act();
    diesel::insert_into(act::table)
        .values((
            act::at.eq(by.at.as_micros()),
            act::actor.eq(by.actor.as_str()),
            act::request.eq(by.request.as_ref().map(RequestId::as_str)),
            act::action.eq(act.action.as_str()),
            act::target.eq(act.target.as_ref().map(ClientId::as_str)),
            act::differences.eq(act.write_differences()),
        ))
        .execute(c)?;
    Ok(())
}

type Row = (i64, i64, String, Option<String>, String, Option<String>, String);

fn find(c: &mut SqliteConnection, query: &ActQuery) -> Result<Vec<Entry>, Failure> {
    let mut found = act::table
        .filter(act::at.ge(query.from.as_micros()).and(act::at.lt(query.to.as_micros())))
        .order(act::no.desc())
        .limit(i64::try_from(query.limit).unwrap_or(i64::MAX))
        .into_boxed();
    if let Some(before) = query.before {
        found = found.filter(act::no.lt(i64::try_from(before).unwrap_or(i64::MAX)));
    }
    if let Some(actor) = &query.actor {
        found = found.filter(act::actor.eq(actor.as_str().to_owned()));
    }
    if let Some(target) = &query.target {
        found = found.filter(act::target.eq(target.as_str().to_owned()));
    }
    if let Some(action) = query.action.map(Action::as_str) {
        found = found.filter(act::action.eq(action));
    }
    let rows: Vec<Row> = found.load(c)?;
    rows.into_iter().map(|row| Ok(parse(row)?)).collect()
}

fn parse((no, at, actor, request, action, target, differences): Row) -> Result<Entry, StoreError> {
    let read = || -> Result<Entry, Invalid> {
        let by = Signature {
            actor: ClientId::parse(&actor)?,
            at: Timestamp::from_micros(at)?,
            request: request.as_deref().map(RequestId::parse).transpose()?,
        };
        let act = Act::read(&action, target.as_deref(), &differences)?;
        Ok(Entry { no: no.cast_unsigned(), by, act })
    };
    read().map_err(|error| corrupt("act", "a column", &no, &error))
}

/// Forgets acts of long ago.
pub(crate) fn forget(c: &mut SqliteConnection, now: Timestamp) -> QueryResult<()> {
    let kept_from = now.plus_seconds(-ACTS_KEPT_SECONDS).as_micros();
    let old = act::table.filter(act::at.lt(kept_from)).select(act::no).order(act::no).limit(STEP);
    let old: Vec<i64> = old.load(c)?;
    if !old.is_empty() {
        diesel::delete(act::table.filter(act::no.eq_any(old))).execute(c)?;
    }
    Ok(())
}
