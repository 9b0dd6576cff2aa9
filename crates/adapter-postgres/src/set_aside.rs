//! What was set aside.

use activity_domain::error::StoreError;
use activity_domain::id::StreamId;
use activity_domain::port::{KeptAside, Read, SetAsideRepo};
use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::error::Failure;
use crate::schema::set_aside;
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
