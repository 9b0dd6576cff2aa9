//! What was set aside.

use activity_domain::error::{Invalid, StoreError};
use activity_domain::id::StreamId;
use activity_domain::port::{KeptAside, SetAsideRepo};
use async_trait::async_trait;
use diesel::prelude::*;
use uuid::Uuid;

use crate::error::corrupt;
use crate::schema::set_aside;
use crate::store::SqliteStore;

#[async_trait]
impl SetAsideRepo for SqliteStore {
    async fn list(&self, after: u64, limit: usize) -> Result<Vec<KeptAside>, StoreError> {
        // Numbers have 63 bits.
        let (Ok(after), Ok(limit)) = (i64::try_from(after), i64::try_from(limit)) else {
            return Ok(Vec::new());
        };
        self.read(move |c| {
            let rows = set_aside::table.filter(set_aside::no.gt(after)).order(set_aside::no).limit(limit);
            let rows: Vec<Row> = rows.select(Row::as_select()).load(c)?;
            Ok(rows.into_iter().map(KeptAside::try_from).collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn remove(&self, no: u64) -> Result<bool, StoreError> {
        let Ok(no) = i64::try_from(no) else { return Ok(false) };
        self.write(move |c| Ok(diesel::delete(set_aside::table.find(no)).execute(c)? == 1)).await
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = set_aside)]
struct Row {
    no: i64,
    stream: Vec<u8>,
    payload: Vec<u8>,
    reason: String,
}

impl TryFrom<Row> for KeptAside {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let stream = Uuid::from_slice(&row.stream)
            .map_err(|_| corrupt("set_aside", "stream", &row.no, &Invalid::new("is not 16 bytes long")))?;
        Ok(Self {
            no: row.no.cast_unsigned(),
            stream: StreamId(stream),
            payload: row.payload.into(),
            reason: row.reason,
        })
    }
}
