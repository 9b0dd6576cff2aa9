//! Audit trails of the rows of a page, which are long: they are read for rows that are shown, and no more of them
//! than a page may have.

use std::collections::HashMap;

use activity_domain::activity::Activity;
use activity_domain::audit::Sealed;
use activity_domain::usage::{LogCursor, LogPage, MAX_TRAILS};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::error::{Failure, corrupt};

/// Rows whose trails are read at once: together they are about as long as those of a page.
const CHUNK: usize = MAX_TRAILS.div_ceil(Sealed::MAX);

/// Adds trails to a page. Where they fill it, it ends.
pub(crate) async fn attach(c: &mut AsyncPgConnection, mut page: LogPage) -> Result<LogPage, Failure> {
    let (mut bytes, mut done) = (0, 0);
    while done < page.rows.len() {
        let last = page.rows.len().min(done + CHUNK);
        let mut trails = of(c, &page.rows[done..last]).await?;
        for index in done..last {
            if bytes >= MAX_TRAILS {
                page.rows.truncate(index);
                page.next = page.rows.last().map(LogCursor::behind);
                return Ok(page);
            }
            let row = &mut page.rows[index];
            row.audit = trails.remove(&(row.client.as_str().to_owned(), row.at.as_micros(), row.id.0));
            bytes += row.audit.as_ref().map_or(0, |trail| trail.as_bytes().len());
        }
        done = last;
    }
    Ok(page)
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    client: String,
    #[diesel(sql_type = BigInt)]
    at: i64,
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Binary)]
    audit: Vec<u8>,
}

type Trails = HashMap<(String, i64, Uuid), Sealed>;

/// The trails of some rows. Knowing the instants, the planner opens the partitions of their days alone. Each row is
/// looked up by itself (`OFFSET 0` keeps it so): joined as a whole, every row of those instants would be read each time,
/// and thousands may share one.
async fn of(c: &mut AsyncPgConnection, rows: &[Activity]) -> Result<Trails, Failure> {
    let clients: Vec<&str> = rows.iter().map(|row| row.client.as_str()).collect();
    let at: Vec<i64> = rows.iter().map(|row| row.at.as_micros()).collect();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
    let found: Vec<Row> = diesel::sql_query(
        "SELECT wanted.client, wanted.at, wanted.id, found.audit \
         FROM unnest($1, $2, $3) AS wanted (client, at, id) \
         JOIN client_number n ON n.id = wanted.client \
         CROSS JOIN LATERAL (SELECT a.audit FROM activity a \
             WHERE a.client = n.no AND a.at = wanted.at AND a.id = wanted.id AND a.at = ANY ($2) OFFSET 0) AS found \
         WHERE found.audit IS NOT NULL",
    )
    .bind::<Array<Text>, _>(clients)
    .bind::<Array<BigInt>, _>(at)
    .bind::<Array<SqlUuid>, _>(ids)
    .load(c)
    .await?;
    let trail = |row: Row| {
        let bad = |error| corrupt("activity", "audit", &format_args!("{} at {}", row.client, row.at), &error);
        let sealed = Sealed::parse(row.audit).map_err(bad)?;
        Ok(((row.client.clone(), row.at, row.id), sealed))
    };
    found.into_iter().map(trail).collect()
}
