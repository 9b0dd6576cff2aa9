//! Raw rows, read back: newest first, a few days at a time.
//!
//! Questions are about any range of time, and a query over the whole table would have to look at every day
//! that has a partition. So blocks tell the days with rows, and each query names a range of a few days, for
//! which the planner opens those partitions alone. That is why these queries are not prepared.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use activity_domain::activity::Activity;
use activity_domain::error::Invalid;
use activity_domain::id::ClientId;
use activity_domain::rollup::ClientNo;
use activity_domain::usage::{LogCursor, LogPage, LogQuery};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::error::{Failure, corrupt};
use crate::log_row::{self, ActivityRow};
use crate::schema::retention_floor;
use crate::whereabouts::Whereabouts;
use crate::{erase, numbers, trails};

/// Rows read at once.
const CHUNK: i64 = 1_000;
/// Rows that one page looks at. What is rarer than one in so many takes several pages to be found.
const MAX_LOOKED_AT: usize = 20_000;

/// Time, client, id: the order in which rows are shown.
pub(crate) type Key = (i64, i64, Uuid);

/// A page of raw rows, newest first.
pub(crate) async fn page(c: &mut AsyncPgConnection, query: &LogQuery) -> Result<LogPage, Failure> {
    let floor: i64 = retention_floor::table.select(retention_floor::at).first(c).await?;
    let from = query.from.as_micros().max(floor);
    let who = match &query.client {
        None => None,
        Some(id) => match numbers::find(c, id).await? {
            Some(no) => Some(no),
            None => return Ok(LogPage::default()),
        },
    };
    let hidden = erase::hidden(c).await?;
    if who.is_some_and(|no| hidden.contains(&no.0.cast_signed())) {
        return Ok(LogPage::default());
    }
    let before = start(c, query).await?;
    let whereabouts = Whereabouts::of(c, who.unwrap_or(ClientNo::EVERYBODY), from).await?;
    let mut search = Search { query, who, hidden, names: HashMap::new(), rows: Vec::new(), looked_at: 0 };
    let more = search.run(c, whereabouts, before).await?;
    let page = LogPage { rows: search.rows, next: more };
    if query.with_audit { trails::attach(c, page).await } else { Ok(page) }
}

/// The key before which rows are looked for.
async fn start(c: &mut AsyncPgConnection, query: &LogQuery) -> Result<Key, Failure> {
    let end = (query.to.as_micros(), 0, Uuid::nil());
    let Some(after) = &query.after else { return Ok(end) };
    // Behind a client that is gone since, the other rows of that instant are given once more.
    let no = numbers::find(c, &after.client).await?.map_or(i64::MAX, |no| no.0.cast_signed());
    Ok((after.at.as_micros(), no, after.id.0).min(end))
}

/// A page while it is put together.
struct Search<'a> {
    query: &'a LogQuery,
    who: Option<ClientNo>,
    /// Clients whose rows are shown to nobody.
    hidden: HashSet<i64>,
    names: HashMap<i64, ClientId>,
    rows: Vec<Activity>,
    looked_at: usize,
}

impl Search<'_> {
    /// Fills the page, and says where the next one begins, if there may be more.
    async fn run(
        &mut self,
        c: &mut AsyncPgConnection,
        mut whereabouts: Whereabouts,
        mut before: Key,
    ) -> Result<Option<LogCursor>, Failure> {
        while let Some((from, to)) = whereabouts.next(c, end(&before)).await? {
            before = before.min((to, 0, Uuid::nil()));
            loop {
                let rows = chunk(c, self.who, from, &before).await?;
                let is_last = i64::try_from(rows.len()).is_ok_and(|rows| rows < CHUNK);
                if let Some(last) = rows.last() {
                    before = last.key();
                }
                if let Some(next) = self.take(c, rows).await? {
                    return Ok(Some(next));
                }
                if is_last {
                    break;
                }
            }
            before = (from, 0, Uuid::nil());
        }
        Ok(None)
    }

    /// Takes rows that match. Where the next page begins, once this one is full.
    async fn take(
        &mut self,
        c: &mut AsyncPgConnection,
        rows: Vec<ActivityRow>,
    ) -> Result<Option<LogCursor>, Failure> {
        self.name(c, &rows).await?;
        for row in rows {
            self.looked_at += 1;
            let is_hidden = self.hidden.contains(&row.client);
            let nameless = Invalid::new("has no row in client_number");
            let name = self.names.get(&row.client).cloned();
            let name = name.ok_or_else(|| corrupt("activity", "client", &row.client, &nameless))?;
            let activity = row.activity(name)?;
            if !is_hidden && self.query.filter.matches(&activity) {
                if self.rows.len() == self.query.limit {
                    return Ok(self.rows.last().map(LogCursor::behind));
                }
                self.rows.push(activity);
            } else if self.looked_at >= MAX_LOOKED_AT {
                return Ok(Some(LogCursor::behind(&activity)));
            }
        }
        Ok(None)
    }

    /// Looks up the names of clients that are not known yet.
    async fn name(&mut self, c: &mut AsyncPgConnection, rows: &[ActivityRow]) -> Result<(), Failure> {
        let unknown: HashSet<i64> =
            rows.iter().map(|row| row.client).filter(|no| !self.names.contains_key(no)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let ids = numbers::ids(c, unknown.into_iter().map(|no| ClientNo(no.cast_unsigned()))).await?;
        self.names.extend(ids.into_iter().map(|(no, id)| (no.0.cast_signed(), id)));
        Ok(())
    }
}

/// The instant before which all rows before a key lie: its own counts, unless the key is the least of it.
fn end(before: &Key) -> i64 {
    before.0 + i64::from(before.1 > 0)
}

/// The newest rows of before a key, so many at most.
async fn chunk(
    c: &mut AsyncPgConnection,
    who: Option<ClientNo>,
    from: i64,
    (at, client, id): &Key,
) -> QueryResult<Vec<ActivityRow>> {
    let Some(no) = who else {
        let all = diesel::sql_query(format!(
            "SELECT {} FROM activity WHERE at >= $1 AND at <= $2 AND (at, client, id) < ($2, $3, $4) \
             ORDER BY at DESC, client DESC, id DESC LIMIT {CHUNK}",
            log_row::COLUMNS
        ));
        let all = all.bind::<BigInt, _>(from).bind::<BigInt, _>(at).bind::<BigInt, _>(client);
        return all.bind::<SqlUuid, _>(id).load(c).await;
    };
    // Of the key's instant, the client's rows come before the key, or behind it.
    let no = no.0.cast_signed();
    let id = match no.cmp(client) {
        Ordering::Less => Uuid::max(),
        Ordering::Greater => Uuid::nil(),
        Ordering::Equal => *id,
    };
    let own = diesel::sql_query(format!(
        "SELECT {} FROM activity WHERE client = $1 AND at >= $2 AND at <= $3 AND (at, id) < ($3, $4) \
         ORDER BY at DESC, id DESC LIMIT {CHUNK}",
        log_row::COLUMNS
    ));
    let own = own.bind::<BigInt, _>(no).bind::<BigInt, _>(from).bind::<BigInt, _>(at);
    own.bind::<SqlUuid, _>(id).load(c).await
}
