//! The statement that inserts a raw row.
//!
//! Diesel's own insert of a tuple builds its SQL anew for every row, because with SQLite the columns
//! depend on which values are there. Saying that this statement is always the same lets diesel take
//! it from its cache: inserting is nearly twice as fast.

use activity_domain::activity::{Activity, Metadata, ResponseTime, Text};
use activity_domain::rollup::ClientNo;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary, Integer, Nullable, Text as SqlText};
use diesel::sqlite::{Sqlite, SqliteConnection};

pub(crate) struct Row<'a> {
    at: i64,
    client: i64,
    id: &'a [u8],
    endpoint: &'a str,
    method: &'a str,
    status: i32,
    response_time: Option<i64>,
    ip: Option<String>,
    user_agent: Option<&'a str>,
    request_bytes: Option<i64>,
    response_bytes: Option<i64>,
    error_message: Option<&'a str>,
    metadata: Option<&'a str>,
}

impl<'a> Row<'a> {
    pub fn new(client: ClientNo, a: &'a Activity) -> Self {
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        Self {
            at: a.at.as_micros(),
            client: client.0.cast_signed(),
            id: a.id.0.as_bytes(),
            endpoint: a.endpoint.as_str(),
            method: a.method.as_str(),
            status: a.status.stored().into(),
            response_time: a.response_time.map(ResponseTime::as_micros).map(number),
            ip: a.ip.map(|ip| ip.to_string()),
            user_agent: a.user_agent.as_ref().map(Text::as_str),
            request_bytes: a.request_bytes.map(number),
            response_bytes: a.response_bytes.map(number),
            error_message: a.error_message.as_ref().map(Text::as_str),
            metadata: a.metadata.as_ref().map(Metadata::as_str),
        }
    }

    /// False if a row with this key is there already.
    pub fn insert(self, c: &mut SqliteConnection) -> QueryResult<bool> {
        Ok(self.execute(c)? == 1)
    }
}

impl QueryFragment<Sqlite> for Row<'_> {
    /// Not `INSERT OR IGNORE`, which would swallow every broken constraint, not just a known key.
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO activity (at, client, id, endpoint, method, status, response_time, ip, user_agent, \
             request_bytes, response_bytes, error_message, metadata) VALUES (",
        );
        out.push_bind_param::<BigInt, _>(&self.at)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&self.client)?;
        out.push_sql(", ");
        out.push_bind_param::<Binary, _>(self.id)?;
        out.push_sql(", ");
        out.push_bind_param::<SqlText, _>(self.endpoint)?;
        out.push_sql(", ");
        out.push_bind_param::<SqlText, _>(self.method)?;
        out.push_sql(", ");
        out.push_bind_param::<Integer, _>(&self.status)?;
        out.push_sql(", ");
        out.push_bind_param::<Nullable<BigInt>, _>(&self.response_time)?;
        out.push_sql(", ");
        out.push_bind_param::<Nullable<SqlText>, _>(&self.ip)?;
        out.push_sql(", ");
        out.push_bind_param::<Nullable<SqlText>, _>(&self.user_agent)?;
        out.push_sql(", ");
        out.push_bind_param::<Nullable<BigInt>, _>(&self.request_bytes)?;
        out.push_sql(", ");
        out.push_bind_param::<Nullable<BigInt>, _>(&self.response_bytes)?;
        out.push_sql(", ");
        out.push_bind_param::<Nullable<SqlText>, _>(&self.error_message)?;
        out.push_sql(", ");
        out.push_bind_param::<Nullable<SqlText>, _>(&self.metadata)?;
        out.push_sql(") ON CONFLICT (at, client, id) DO NOTHING");
        Ok(())
    }
}

impl QueryId for Row<'_> {
    type QueryId = Row<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<SqliteConnection> for Row<'_> {}
