//! Audit trails. The statement that inserts one is always the same, as with [`crate::row`], so that diesel
//! takes it from its cache.

use activity_domain::activity::Activity;
use activity_domain::audit::Sealed;
use activity_domain::rollup::ClientNo;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary};
use diesel::sqlite::{Sqlite, SqliteConnection};

use crate::error::{Failure, corrupt};
use crate::log::Key;
use crate::schema::activity_body;

struct Body<'a> {
    at: i64,
    client: i64,
    id: &'a [u8],
    audit: &'a [u8],
}

/// Inserts what an activity has; its row has to be there already.
pub(crate) fn insert(c: &mut SqliteConnection, client: ClientNo, a: &Activity) -> QueryResult<()> {
    let Some(audit) = a.audit.as_ref().map(Sealed::as_bytes) else { return Ok(()) };
    let body = Body { at: a.at.as_micros(), client: client.0.cast_signed(), id: a.id.0.as_bytes(), audit };
    body.execute(c).map(|_| ())
}

/// What was kept of the activity with this key.
pub(crate) fn of(c: &mut SqliteConnection, (at, client, id): &Key) -> Result<Option<Sealed>, Failure> {
    let row = activity_body::table.find((*at, *client, id)).select(activity_body::audit);
    let bytes: Option<Vec<u8>> = row.get_result(c).optional()?;
    let bad = |error| corrupt("activity_body", "audit", at, &error);
    Ok(bytes.map(Sealed::parse).transpose().map_err(bad)?)
}

impl QueryFragment<Sqlite> for Body<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("INSERT INTO activity_body (at, client, id, audit) VALUES (");
        out.push_bind_param::<BigInt, _>(&self.at)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&self.client)?;
        out.push_sql(", ");
        out.push_bind_param::<Binary, _>(self.id)?;
        out.push_sql(", ");
        out.push_bind_param::<Binary, _>(self.audit)?;
        // The trail of a row that somebody deleted by hand must not hold up the one that comes again.
        out.push_sql(") ON CONFLICT (at, client, id) DO UPDATE SET audit = excluded.audit");
        Ok(())
    }
}

impl QueryId for Body<'_> {
    type QueryId = Body<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<SqliteConnection> for Body<'_> {}
