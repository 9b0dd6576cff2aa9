//! The statements that insert raw rows, many at a time: an array for each column.

use std::collections::HashSet;

use activity_domain::activity::{Activity, Metadata, ResponseTime, Text};
use activity_domain::audit::Sealed;
use activity_domain::rollup::ClientNo;
use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::AstPass;
use diesel::sql_types::{
    Array, BigInt, Binary, Bool, Inet, Integer, Nullable, SmallInt, Text as SqlText, Uuid as SqlUuid,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use ipnet::IpNet;
use uuid::Uuid;

use crate::statement::{Columns, of_columns};

/// Rows by columns.
#[derive(Default)]
pub(crate) struct Rows<'a> {
    at: Vec<i64>,
    client: Vec<i64>,
    id: Vec<Uuid>,
    endpoint: Vec<&'a str>,
    method: Vec<&'a str>,
    status: Vec<i16>,
    response_time: Vec<Option<i64>>,
    ip: Vec<Option<IpNet>>,
    user_agent: Vec<Option<&'a str>>,
    request_bytes: Vec<Option<i64>>,
    response_bytes: Vec<Option<i64>>,
    error_message: Vec<Option<&'a str>>,
    metadata: Vec<Option<&'a str>>,
    audit: Vec<Option<&'a [u8]>>,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is stored.
    Fresh,
    /// A row with its key is there already.
    Known,
    /// The database refuses it, for this reason.
    Refused(String),
}

impl<'a> Rows<'a> {
    pub fn push(&mut self, client: ClientNo, a: &'a Activity) {
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        self.at.push(a.at.as_micros());
        self.client.push(client.0.cast_signed());
        self.id.push(a.id.0);
        self.endpoint.push(a.endpoint.as_str());
        self.method.push(a.method.as_str());
        self.status.push(a.status.stored().cast_signed());
        self.response_time.push(a.response_time.map(ResponseTime::as_micros).map(number));
        self.ip.push(a.ip.map(IpNet::from));
        self.user_agent.push(a.user_agent.as_ref().map(Text::as_str));
        self.request_bytes.push(a.request_bytes.map(number));
        self.response_bytes.push(a.response_bytes.map(number));
        self.error_message.push(a.error_message.as_ref().map(Text::as_str));
        self.metadata.push(a.metadata.as_ref().map(Metadata::as_str));
        self.audit.push(a.audit.as_ref().map(Sealed::as_bytes));
    }

    /// Inserts all of them, whose keys have to be different. One that is there already fails all.
    pub async fn insert_new(self, c: &mut AsyncPgConnection) -> QueryResult<()> {
        if !self.at.is_empty() {
            InsertNew(self).execute(c).await?;
        }
        Ok(())
    }

    /// Inserts those that are not there, of rows whose keys have to be different, and says in their order what became of each.
    pub async fn insert(self, c: &mut AsyncPgConnection) -> QueryResult<Vec<Outcome>> {
        let keys: Vec<_> =
            self.at.iter().zip(&self.client).zip(&self.id).map(|((at, no), id)| (*at, *no, *id)).collect();
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let fresh: Vec<(i64, i64, Uuid)> = Insert(self).load(c).await?;
        if fresh.len() == keys.len() {
            return Ok(vec![Outcome::Fresh; keys.len()]);
        }
        let fresh: HashSet<_> = fresh.into_iter().collect();
        let outcome = |key| if fresh.contains(key) { Outcome::Fresh } else { Outcome::Known };
        Ok(keys.iter().map(outcome).collect())
    }

    /// The same, but each for itself, so that what is wrong with one does not keep out the others. This is
    /// slower by far.
    pub async fn insert_one_by_one(self, c: &mut AsyncPgConnection) -> QueryResult<Vec<Outcome>> {
        let outcomes: Vec<(i32, bool, Option<String>)> = InsertOneByOne(self).load(c).await?;
        let outcome = |(_, is_fresh, refused): (i32, bool, Option<String>)| match refused {
            Some(reason) => Outcome::Refused(reason),
            None if is_fresh => Outcome::Fresh,
            None => Outcome::Known,
        };
        Ok(outcomes.into_iter().map(outcome).collect())
    }
}

impl Columns for Rows<'_> {
    /// In the order of the table's columns.
    fn push_binds<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_bind_param_value_only::<Array<BigInt>, _>(&self.at)?;
        out.push_bind_param_value_only::<Array<BigInt>, _>(&self.client)?;
        out.push_bind_param_value_only::<Array<SqlUuid>, _>(&self.id)?;
        out.push_bind_param_value_only::<Array<SqlText>, _>(&self.endpoint)?;
        out.push_bind_param_value_only::<Array<SqlText>, _>(&self.method)?;
        out.push_bind_param_value_only::<Array<SmallInt>, _>(&self.status)?;
        out.push_bind_param_value_only::<Array<Nullable<BigInt>>, _>(&self.response_time)?;
        out.push_bind_param_value_only::<Array<Nullable<Inet>>, _>(&self.ip)?;
        out.push_bind_param_value_only::<Array<Nullable<SqlText>>, _>(&self.user_agent)?;
        out.push_bind_param_value_only::<Array<Nullable<BigInt>>, _>(&self.request_bytes)?;
        out.push_bind_param_value_only::<Array<Nullable<BigInt>>, _>(&self.response_bytes)?;
        out.push_bind_param_value_only::<Array<Nullable<SqlText>>, _>(&self.error_message)?;
        out.push_bind_param_value_only::<Array<Nullable<SqlText>>, _>(&self.metadata)?;
        out.push_bind_param_value_only::<Array<Nullable<Binary>>, _>(&self.audit)
    }
}

/// Without a list of functions in FROM, each of which would be kept in a file of its own before it is read.
macro_rules! insert {
    ($rest:literal) => {
        concat!(
            "INSERT INTO activity SELECT unnest($1), unnest($2), unnest($3), unnest($4), unnest($5), unnest($6), \
             unnest($7), unnest($8), unnest($9), unnest($10), unnest($11), unnest($12), unnest($13), unnest($14)",
            $rest
        )
    };
}

of_columns! {
    /// Fails if a key is there.
    InsertNew<'a>(Rows<'a>) -> () = insert!("")
}

of_columns! {
    /// Gives back the keys of the fresh ones.
    Insert<'a>(Rows<'a>) -> (BigInt, BigInt, SqlUuid) = insert!(" ON CONFLICT DO NOTHING RETURNING at, client, id")
}

of_columns! {
    /// Gives back the outcome of each.
    InsertOneByOne<'a>(Rows<'a>) -> (Integer, Bool, Nullable<SqlText>) =
        "SELECT place, is_fresh, refused FROM insert_activity_one_by_one( \
             $1, $2, $3, $4, $5, $6, $7, $8::text[], $9, $10, $11, $12, $13, $14) ORDER BY place"
}
