//! The one transaction that makes an activity count.

use std::collections::HashMap;
use std::sync::Arc;

use activity_domain::activity::Activity;
use activity_domain::error::StoreError;
use activity_domain::id::{ClientId, StreamId};
use activity_domain::port::{ActivitySink, Append, Appended, Batch, SetAside};
use activity_domain::rollup::{ClientNo, Counting, Delta};
use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use crate::body;
use crate::erase;
use crate::error::{Failure, is_row_refused};
use crate::numbers::{self, NumberCache};
use crate::retention;
use crate::row::Row;
use crate::schema::{cursor, set_aside, usage_delta};
use crate::store::SqliteStore;

#[async_trait]
impl ActivitySink for SqliteStore {
    async fn position(&self, stream: StreamId) -> Result<u64, StoreError> {
        self.read(move |c| Ok(position(c, stream)?.cast_unsigned())).await
    }

    async fn append(&self, batch: &Arc<Batch>) -> Result<Append, StoreError> {
        let (batch, known) = (batch.clone(), self.numbers.clone());
        let appended = self.write(move |c| {
            let generation = erase::generation(c)?;
            known.renew(generation);
            let (append, numbers) = append(c, &batch, &known)?;
            Ok((append, generation, numbers))
        });
        let (append, generation, numbers) = appended.await?;
        self.numbers.remember(generation, numbers);
        Ok(append)
    }
}

fn position(c: &mut SqliteConnection, stream: StreamId) -> QueryResult<i64> {
    let row = cursor::table.find(stream.0.as_bytes().as_slice()).select(cursor::next);
    Ok(row.get_result(c).optional()?.unwrap_or(0))
}

type Numbers = HashMap<ClientId, ClientNo>;

fn append(
    c: &mut SqliteConnection,
    batch: &Batch,
    known: &NumberCache,
) -> Result<(Append, Numbers), Failure> {
    let at = position(c, batch.stream)?;
    if at.cast_unsigned() != batch.expected {
        return Ok((Append::Moved(at.cast_unsigned()), Numbers::new()));
    }
    move_cursor(c, batch)?;
    let numbers = number_clients(c, batch, known)?;
    let order = in_key_order(batch, &numbers);
    let discarded = batch.records.len() - order.len();
    let mut appended = Appended { discarded: discarded as u64, ..Appended::default() };
    let mut counting = Counting::default();
    let retained_from = retention::floor(c)?;
    for (no, index) in &order {
        let (no, index) = (*no, *index);
        let record = &batch.records[index];
        if record.activity.at.as_micros() < retained_from {
            appended.discarded += 1;
            continue;
        }
        match Row::new(no, &record.activity).insert(c) {
            Ok(true) => {
                body::insert(c, no, &record.activity)?;
                appended.stored += 1;
                counting.add(no, &record.activity);
            }
            Ok(false) => appended.duplicate += 1,
            Err(error) if is_row_refused(&error) => {
                appended.set_aside += 1;
                let refused = SetAside { payload: record.payload.clone(), reason: error.to_string() };
                keep(c, batch.stream, Some(no), &refused)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    let offered = appended.stored + appended.duplicate + appended.set_aside;
    if offered > 1 && appended.set_aside == offered {
        let reason = "every row of a batch is refused: this looks like a damaged schema, not like bad rows";
        return Err(StoreError::Unavailable(reason.into()).into());
    }
    for unreadable in &batch.unreadable {
        appended.set_aside += 1;
        keep(c, batch.stream, None, unreadable)?;
    }
    add_delta(c, &counting.finish())?;
    Ok((Append::Stored(appended), numbers))
}

fn move_cursor(c: &mut SqliteConnection, batch: &Batch) -> QueryResult<()> {
    let next = batch.next.cast_signed();
    diesel::insert_into(cursor::table)
        .values((cursor::stream.eq(batch.stream.0.as_bytes().as_slice()), cursor::next.eq(next)))
        .on_conflict(cursor::stream)
        .do_update()
        .set(cursor::next.eq(next))
        .execute(c)?;
    Ok(())
}

/// Those of erased clients have none.
fn number_clients(c: &mut SqliteConnection, batch: &Batch, known: &NumberCache) -> QueryResult<Numbers> {
    let mut numbers = Numbers::new();
    for record in &batch.records {
        let id = &record.activity.client;
        if !numbers.contains_key(id) {
            let no = known.get(id).map_or_else(|| numbers::find_or_make(c, id), |no| Ok(Some(no)))?;
            numbers.extend(no.map(|no| (id.clone(), no)));
        }
    }
    Ok(numbers)
}

/// The order of the primary key: neighbours land on the same page. Without those of erased clients.
fn in_key_order(batch: &Batch, numbers: &Numbers) -> Vec<(ClientNo, usize)> {
    let number = |a: &Activity| numbers.get(&a.client).copied();
    let records = batch.records.iter().enumerate();
    let mut order: Vec<(ClientNo, usize)> =
        records.filter_map(|(i, record)| Some((number(&record.activity)?, i))).collect();
    order.sort_by_key(|(no, i)| (batch.records[*i].activity.at, *no, batch.records[*i].activity.id));
    order
}

fn keep(
    c: &mut SqliteConnection,
    stream: StreamId,
    client: Option<ClientNo>,
    refused: &SetAside,
) -> QueryResult<()> {
    diesel::insert_into(set_aside::table)
        .values((
            set_aside::stream.eq(stream.0.as_bytes().as_slice()),
            set_aside::payload.eq(refused.payload.as_ref()),
            set_aside::reason.eq(refused.reason.as_str()),
            set_aside::client.eq(client.map(|no| no.0.cast_signed())),
        ))
        .execute(c)?;
    Ok(())
}

pub(crate) fn add_delta(c: &mut SqliteConnection, delta: &Delta) -> QueryResult<()> {
    let Some((first, last)) = delta.bounds() else { return Ok(()) };
    let entries = i64::try_from(delta.len()).unwrap_or(i64::MAX);
    diesel::insert_into(usage_delta::table)
        .values((
            usage_delta::first_minute.eq(first.0),
            usage_delta::last_minute.eq(last.0),
            usage_delta::entries.eq(entries),
            usage_delta::increments.eq(delta.encode()),
        ))
        .execute(c)?;
    Ok(())
}
