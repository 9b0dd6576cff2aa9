//! What was set aside.

use activity_domain::error::StoreError;
use activity_domain::id::StreamId;
use activity_domain::port::{KeptAside, Read, SetAsideRepo};
use activity_domain::rollup::ClientNo;
use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::error::Failure;
use crate::schema::set_aside;
use crate::statement::statement;
use crate::store::PostgresStore;

#[async_trait]
impl SetAsideRepo for PostgresStore {
    async fn list(&self, after: u64, limit: usize) -> Result<Vec<KeptAside>, StoreError> {
        // Numbers have 63 bits.
        let (Ok(after), Ok(limit)) = (i64::try_from(after), i64::try_from(limit)) else {
            return Ok(Vec::new());
        };
        self.read(Read::Latest, move |c| {
            Box::pin(async move {
                let rows = set_aside::table.filter(set_aside::no.gt(after)).order(set_aside::no);
                let rows: Vec<Row> = rows.limit(limit).select(Row::as_select()).load(c).await?;
                Ok(rows.into_iter().map(KeptAside::from).collect())
            })
        })
        .await
    }

    async fn remove(&self, no: u64) -> Result<bool, StoreError> {
        let Ok(no) = i64::try_from(no) else { return Ok(false) };
        let removed = self.write(move |c| {
            Box::pin(async move {
                let removed = diesel::delete(set_aside::table.find(no)).execute(c).await?;
                Ok::<_, Failure>(removed == 1)
            })
        });
        removed.await
    }
}

statement! {
    /// Keeps what is refused, in its order.
    Keep<'a> {
        stream: Uuid => SqlUuid,
        payload: &'a [&'a [u8]] => Array<Binary>,
        reason: &'a [String] => Array<Text>,
        client: &'a [Option<i64>] => Array<Nullable<BigInt>>,
    } -> () =
        "INSERT INTO set_aside (stream, payload, reason, client) SELECT $1, payload, reason, client \
         FROM unnest($2, $3, $4) WITH ORDINALITY AS kept (payload, reason, client, place) ORDER BY place"
}

/// What is set aside of a batch.
pub(crate) struct Kept<'a> {
    stream: StreamId,
    payload: Vec<&'a [u8]>,
    reason: Vec<String>,
    client: Vec<Option<i64>>,
}

impl<'a> Kept<'a> {
    /// Nothing yet.
    pub fn of(stream: StreamId) -> Self {
        Self { stream, payload: Vec::new(), reason: Vec::new(), client: Vec::new() }
    }

    /// Adds a record, and whose it is, if that is known.
    pub fn push(&mut self, client: Option<ClientNo>, payload: &'a [u8], reason: &str) {
        self.payload.push(payload);
        // A text of the database cannot hold NUL.
        self.reason.push(reason.replace('\0', " "));
        self.client.push(client.map(|no| no.0.cast_signed()));
    }

    /// Writes it down, and says how much it is.
    pub async fn write(self, c: &mut AsyncPgConnection) -> QueryResult<u64> {
        let Self { stream, payload, reason, client } = &self;
        if !payload.is_empty() {
            Keep { stream: stream.0, payload, reason, client }.execute(c).await?;
        }
        Ok(payload.len() as u64)
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = set_aside)]
struct Row {
    no: i64,
    stream: Uuid,
    payload: Vec<u8>,
    reason: String,
}

impl From<Row> for KeptAside {
    fn from(row: Row) -> Self {
        Self {
            no: row.no.cast_unsigned(),
            stream: StreamId(row.stream),
            payload: row.payload.into(),
            reason: row.reason,
        }
    }
}
