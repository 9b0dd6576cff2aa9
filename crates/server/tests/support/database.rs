//! The database file, read with nothing of the server's in between but the form of its deltas.

use std::collections::BTreeMap;

use activity_domain::rollup::Delta;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Binary, Integer, Nullable, Text};
use jiff::Timestamp;

use super::Node;

/// A raw row.
#[derive(QueryableByName, Debug)]
pub struct Row {
    /// Microseconds since 1970.
    #[diesel(sql_type = BigInt)]
    pub at: i64,
    #[diesel(sql_type = Text)]
    pub client: String,
    #[diesel(sql_type = Binary)]
    pub id: Vec<u8>,
    #[diesel(sql_type = Integer)]
    pub status: i32,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub took: Option<i64>,
}

/// What is counted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    pub requests: u64,
    pub errors: u64,
    pub timed: u64,
    /// Sum of the response times in microseconds.
    pub micros: u64,
}

impl Count {
    /// Adds another.
    pub fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.timed += other.timed;
        self.micros += other.micros;
    }

    /// Without response times, as [`Node::daily`] has it.
    pub fn untimed(self) -> Self {
        Self { timed: 0, micros: 0, ..self }
    }
}

/// Counts by day and client.
pub type Days = BTreeMap<(String, String), Count>;

/// Counts raw rows by days of UTC.
pub fn by_day(rows: &[Row]) -> Days {
    let mut days = Days::new();
    for row in rows {
        let micros = row.took.map(i64::cast_unsigned);
        days.entry((date(row.at), row.client.clone())).or_default().add(Count {
            requests: 1,
            errors: u64::from(row.status >= 400),
            timed: u64::from(micros.is_some()),
            micros: micros.unwrap_or(0),
        });
    }
    days
}

/// The day of UTC that an instant is in.
pub fn date(micros: i64) -> String {
    Timestamp::from_microsecond(micros).unwrap().strftime("%Y-%m-%d").to_string()
}

/// A connection beside the server's own.
pub struct Database(SqliteConnection);

impl Database {
    /// Opens a node's database to read in it.
    pub fn of(node: &Node) -> Self {
        let file = node.path("data/activity.db");
        Self(SqliteConnection::establish(&format!("file:{}?mode=ro", file.display())).unwrap())
    }

    /// Keeps everybody else from writing for as long as this connection lives.
    pub fn lock(node: &Node) -> Self {
        let mut c = SqliteConnection::establish(&node.path("data/activity.db").to_string_lossy()).unwrap();
        c.batch_execute("PRAGMA busy_timeout = 10000; BEGIN EXCLUSIVE").unwrap();
        Self(c)
    }

    /// Changes something behind the server's back.
    pub fn change(node: &Node, sql: &str) {
        let mut c = SqliteConnection::establish(&node.path("data/activity.db").to_string_lossy()).unwrap();
        c.batch_execute(&format!("PRAGMA busy_timeout = 10000; {sql}")).unwrap();
    }

    /// How many rows a table has.
    pub fn count(&mut self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) AS count FROM {table}");
        sql_query(sql).get_result::<Number>(&mut self.0).unwrap().count
    }

    /// The same while the table may not be there yet: then it has none.
    pub fn try_count(&mut self, table: &str) -> u64 {
        let sql = format!("SELECT count(*) AS count FROM {table}");
        sql_query(sql).get_result::<Number>(&mut self.0).map_or(0, |number| number.count.cast_unsigned())
    }

    /// All raw rows.
    pub fn rows(&mut self) -> Vec<Row> {
        let sql = "SELECT a.at, coalesce(n.id, '?') AS client, a.id, a.status, a.response_time AS took \
                   FROM activity a LEFT JOIN client_number n ON n.no = a.client";
        sql_query(sql).load(&mut self.0).unwrap()
    }

    /// What blocks of so many minutes say by days of UTC, together with the deltas that wait to be
    /// folded into them.
    pub fn rollups(&mut self, minutes: i64) -> Days {
        let names: Vec<Name> = sql_query("SELECT no, id FROM client_number").load(&mut self.0).unwrap();
        let names: BTreeMap<i64, String> = names.into_iter().map(|n| (n.no, n.id)).collect();
        let mut days = Days::new();
        let mut add = |minute: i64, client: i64, count| {
            let key = (date(minute * 60_000_000), names[&client].clone());
            days.entry(key).or_default().add(count);
        };
        let blocks = sql_query("SELECT * FROM usage_block WHERE minutes = ? AND client > 0")
            .bind::<BigInt, _>(minutes);
        for block in blocks.load::<Block>(&mut self.0).unwrap() {
            let [requests, errors, timed, micros] =
                [block.requests, block.errors, block.timed, block.micros].map(i64::cast_unsigned);
            add(block.start, block.client, Count { requests, errors, timed, micros });
        }
        for delta in sql_query("SELECT increments FROM usage_delta").load::<Waiting>(&mut self.0).unwrap() {
            for ((minute, client), profile) in Delta::decode(&delta.increments).unwrap().clients {
                let t = profile.total();
                let count =
                    Count { requests: t.requests, errors: t.errors, timed: t.timed, micros: t.micros };
                add(minute.0, client.0.cast_signed(), count);
            }
        }
        days
    }
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = BigInt)]
    no: i64,
    #[diesel(sql_type = Text)]
    id: String,
}

#[derive(QueryableByName)]
struct Block {
    #[diesel(sql_type = BigInt)]
    start: i64,
    #[diesel(sql_type = BigInt)]
    client: i64,
    #[diesel(sql_type = BigInt)]
    requests: i64,
    #[diesel(sql_type = BigInt)]
    errors: i64,
    #[diesel(sql_type = BigInt)]
    timed: i64,
    #[diesel(sql_type = BigInt)]
    micros: i64,
}

#[derive(QueryableByName)]
struct Waiting {
    #[diesel(sql_type = Binary)]
    increments: Vec<u8>,
}
