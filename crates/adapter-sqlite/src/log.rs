//! Raw rows, read back.

use std::cmp::Ordering;
use std::collections::HashMap;

use activity_domain::activity::{Activity, Endpoint, Metadata, Method, ResponseTime, Status, Text};
use activity_domain::error::{Invalid, StoreError};
use activity_domain::id::{ActivityId, ClientId};
use activity_domain::rollup::ClientNo;
use activity_domain::time::Timestamp;
use activity_domain::usage::{LogCursor, LogPage, LogQuery, MAX_TRAILS};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Integer, Nullable, Text as SqlText};
use diesel::sqlite::SqliteConnection;
use uuid::Uuid;

use crate::body;
use crate::error::{Failure, corrupt};
use crate::numbers;
use crate::retention;
use crate::whereabouts::Whereabouts;

/// Rows read at once.
const CHUNK: usize = 1_000;
/// Rows that one page looks at. What is rarer than one in so many takes several pages to be found.
const MAX_LOOKED_AT: usize = 20_000;
/// Keys that one page passes over on its way, which are other clients' for the most part: some tenths of a
/// second.
const MAX_PASSED: usize = 100_000;

/// The columns of an [`ActivityRow`].
pub(crate) const COLUMNS: &str = "at, client, id, endpoint, method, status, response_time, ip, user_agent, \
                                  request_bytes, response_bytes, error_message, metadata";

/// Time, client, id: the order in which rows lie.
pub(crate) type Key = (i64, i64, Vec<u8>);

/// A page of raw rows, newest first.
pub(crate) fn page(c: &mut SqliteConnection, query: &LogQuery) -> Result<LogPage, Failure> {
    let mut page = LogPage::default();
    let from = query.from.as_micros().max(retention::floor(c)?);
    let Some(whereabouts) = whereabouts(c, query, from)? else { return Ok(page) };
    let mut before = start(c, query)?;
    let (mut looked_at, mut passed, mut trails) = (0, 0, 0);
    let mut names = HashMap::new();
    while let Some((from, to)) = whereabouts.next(c, end(&before))? {
        before = before.min((to, 0, Vec::new()));
        loop {
            if passed >= MAX_PASSED {
                page.next = Some(behind(c, &mut names, query, whereabouts.client(), &before)?);
                return Ok(page);
            }
            let (last, count) = boundary(c, from, &before)?;
            passed += count.max(1);
            for row in chunk(c, whereabouts.client(), &last, &before)? {
                let key = (row.at, row.client, row.id.clone());
                let client = name(c, &mut names, row.client)?;
                let mut activity = row.activity(client)?;
                looked_at += 1;
                if query.filter.matches(&activity) {
                    if page.rows.len() == query.limit || trails >= MAX_TRAILS {
                        page.next = page.rows.last().map(LogCursor::behind);
                        return Ok(page);
                    }
                    if query.with_audit {
                        activity.audit = body::of(c, &key)?;
                        trails += activity.audit.as_ref().map_or(0, |trail| trail.as_bytes().len());
                    }
                    page.rows.push(activity);
                } else if looked_at >= MAX_LOOKED_AT {
                    page.next = Some(LogCursor::behind(&activity));
                    return Ok(page);
                }
            }
            before = last;
            if count < CHUNK {
                break;
            }
        }
    }
    Ok(page)
}

/// Where the rows are to be looked for; `None` if there is no such client, and so no row.
fn whereabouts(
    c: &mut SqliteConnection,
    query: &LogQuery,
    from: i64,
) -> Result<Option<Whereabouts>, Failure> {
    let Some(id) = &query.client else { return Ok(Some(Whereabouts::everywhere(from))) };
    let Some(no) = numbers::find(c, id)? else { return Ok(None) };
    Ok(Some(Whereabouts::of_client(c, no, from)?))
}

/// The key before which rows are looked for.
fn start(c: &mut SqliteConnection, query: &LogQuery) -> Result<Key, Failure> {
    let end = (query.to.as_micros(), 0, Vec::new());
    let Some(after) = &query.after else { return Ok(end) };
    // Behind a client that is gone since, the other rows of that instant are given once more.
    let no = numbers::find(c, &after.client)?.map_or(i64::MAX, |no| no.0.cast_signed());
    Ok((after.at.as_micros(), no, after.id.0.as_bytes().to_vec()).min(end))
}

/// The instant before which all rows before a key lie: its own counts, unless the key is the least of it.
fn end(before: &Key) -> i64 {
    before.0 + i64::from(before.1 > 0)
}

/// Behind a key that may be another client's: of that the cursor of one client does not tell.
fn behind(
    c: &mut SqliteConnection,
    names: &mut HashMap<i64, ClientId>,
    query: &LogQuery,
    only: Option<ClientNo>,
    (at, client, id): &Key,
) -> Result<LogCursor, Failure> {
    let own = only.map_or(*client, |no| no.0.cast_signed());
    let id = match client.cmp(&own) {
        // Of this instant, the client's rows come before the key, or behind it.
        Ordering::Less => Uuid::nil(),
        Ordering::Greater => Uuid::max(),
        Ordering::Equal => Uuid::from_slice(id).unwrap_or_default(),
    };
    let at = Timestamp::from_micros(*at).map_err(|error| corrupt("activity", "at", at, &error))?;
    let client = query.client.clone().map_or_else(|| name(c, names, own), Ok)?;
    Ok(LogCursor { at, client, id: ActivityId(id) })
}

#[derive(QueryableByName)]
struct KeyRow {
    #[diesel(sql_type = BigInt)]
    at: i64,
    #[diesel(sql_type = BigInt)]
    client: i64,
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
}

/// The last of the next so many keys, whosesoever they are, and how many there are: without it, a client
/// among many would be looked for in as many rows as there are.
fn boundary(c: &mut SqliteConnection, from: i64, before: &Key) -> QueryResult<(Key, usize)> {
    let keys: Vec<KeyRow> = diesel::sql_query(format!(
        "SELECT at, client, id FROM activity WHERE at >= ? AND (at, client, id) < (?, ?, ?) \
         ORDER BY at DESC, client DESC, id DESC LIMIT {CHUNK}"
    ))
    .bind::<BigInt, _>(from)
    .bind::<BigInt, _>(before.0)
    .bind::<BigInt, _>(before.1)
    .bind::<Binary, _>(&before.2)
    .load(c)?;
    let count = keys.len();
    let last = keys.into_iter().last().filter(|_| count == CHUNK);
    Ok((last.map_or((from, 0, Vec::new()), |key| (key.at, key.client, key.id)), count))
}

/// The rows from a key on to before another.
fn chunk(
    c: &mut SqliteConnection,
    only: Option<ClientNo>,
    from: &Key,
    before: &Key,
) -> QueryResult<Vec<ActivityRow>> {
    // Without a client the condition on it is true of every row.
    let (least, most) = only.map_or((i64::MIN, i64::MAX), |no| (no.0.cast_signed(), no.0.cast_signed()));
    diesel::sql_query(format!(
        "SELECT {COLUMNS} FROM activity WHERE (at, client, id) >= (?, ?, ?) AND (at, client, id) < (?, ?, ?) \
         AND client BETWEEN ? AND ? AND client NOT IN (SELECT client FROM erasing) \
         ORDER BY at DESC, client DESC, id DESC"
    ))
    .bind::<BigInt, _>(from.0)
    .bind::<BigInt, _>(from.1)
    .bind::<Binary, _>(&from.2)
    .bind::<BigInt, _>(before.0)
    .bind::<BigInt, _>(before.1)
    .bind::<Binary, _>(&before.2)
    .bind::<BigInt, _>(least)
    .bind::<BigInt, _>(most)
    .load(c)
}

fn name(c: &mut SqliteConnection, names: &mut HashMap<i64, ClientId>, no: i64) -> Result<ClientId, Failure> {
    if let Some(id) = names.get(&no) {
        return Ok(id.clone());
    }
    let found = numbers::ids(c, std::iter::once(ClientNo(no.cast_unsigned())))?.into_values().next();
    let nameless = || corrupt("activity", "client", &no, &Invalid::new("has no row in client_number"));
    let id = found.ok_or_else(nameless)?;
    names.insert(no, id.clone());
    Ok(id)
}

/// A raw row.
#[derive(QueryableByName)]
pub(crate) struct ActivityRow {
    #[diesel(sql_type = BigInt)]
    pub at: i64,
    #[diesel(sql_type = BigInt)]
    pub client: i64,
    #[diesel(sql_type = Binary)]
    pub id: Vec<u8>,
    #[diesel(sql_type = SqlText)]
    endpoint: String,
    #[diesel(sql_type = SqlText)]
    method: String,
    #[diesel(sql_type = Integer)]
    status: i32,
    #[diesel(sql_type = Nullable<BigInt>)]
    response_time: Option<i64>,
    #[diesel(sql_type = Nullable<SqlText>)]
    ip: Option<String>,
    #[diesel(sql_type = Nullable<SqlText>)]
    user_agent: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    request_bytes: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    response_bytes: Option<i64>,
    #[diesel(sql_type = Nullable<SqlText>)]
    error_message: Option<String>,
    #[diesel(sql_type = Nullable<SqlText>)]
    metadata: Option<String>,
}

impl ActivityRow {
    /// What the row says, of a client of this name; without an audit trail, which is kept elsewhere.
    pub fn activity(self, client: ClientId) -> Result<Activity, StoreError> {
        let key = format!("{client} at {}", self.at);
        let bad = |column: &'static str| {
            let key = key.clone();
            move |error: Invalid| corrupt("activity", column, &key, &error)
        };
        let uuid = Uuid::from_slice(&self.id).map_err(|_| Invalid::new("is not 16 bytes long"));
        let ip = self.ip.map(|ip| ip.parse().map_err(|_| Invalid::new("is no address"))).transpose();
        let took = self.response_time.map(i64::cast_unsigned).map(ResponseTime::from_micros).transpose();
        Ok(Activity {
            client,
            id: ActivityId(uuid.map_err(bad("id"))?),
            at: Timestamp::from_micros(self.at).map_err(bad("at"))?,
            endpoint: Endpoint::parse(&self.endpoint).map_err(bad("endpoint"))?,
            method: Method::parse(&self.method).map_err(bad("method"))?,
            status: Status::from_stored(self.status.into()).map_err(bad("status"))?,
            response_time: took.map_err(bad("response_time"))?,
            ip: ip.map_err(bad("ip"))?,
            user_agent: self.user_agent.as_deref().map(Text::parse).transpose().map_err(bad("user_agent"))?,
            request_bytes: self.request_bytes.map(i64::cast_unsigned),
            response_bytes: self.response_bytes.map(i64::cast_unsigned),
            error_message: self
                .error_message
                .as_deref()
                .map(Text::parse)
                .transpose()
                .map_err(bad("error_message"))?,
            metadata: self
                .metadata
                .as_deref()
                .map(Metadata::from_object)
                .transpose()
                .map_err(bad("metadata"))?,
            audit: None,
        })
    }
}
