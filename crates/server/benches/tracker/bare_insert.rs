//! The baseline of storing: the same rows into the same table with the same durability, by a prepared
//! statement and in transactions of the same size. No cursor, no look for known keys, no counts.

use std::path::Path;

use activity_domain::activity::{ResponseTime, Text};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use crate::Outcome;
use crate::rows::Row;

/// The pragmas of the store's own connections.
const PRAGMAS: &str = "
    PRAGMA busy_timeout = 10000;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -32768;
    PRAGMA wal_autocheckpoint = 4000;
    PRAGMA journal_size_limit = 67108864;
";

diesel::table! {
    activity (at, client, id) {
        at -> BigInt,
        client -> BigInt,
        id -> Binary,
        endpoint -> Text,
        method -> Text,
        status -> Integer,
        response_time -> Nullable<BigInt>,
        ip -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        response_bytes -> Nullable<BigInt>,
    }
}

/// A database with the store's schema.
pub struct BareInsert(SqliteConnection);

impl BareInsert {
    /// Makes one.
    pub fn open(file: &Path) -> Outcome<Self> {
        activity_adapter_sqlite::migrations::up(file)?;
        let mut connection = SqliteConnection::establish(&file.to_string_lossy())?;
        connection.batch_execute(PRAGMAS)?;
        Ok(Self(connection))
    }

    /// Inserts rows in transactions of this size.
    pub fn insert(&mut self, rows: &[Row], size: usize) -> Outcome<()> {
        for chunk in rows.chunks(size) {
            self.0.immediate_transaction(|c| chunk.iter().try_for_each(|row| insert(c, row)))?;
        }
        Ok(())
    }
}

fn insert(c: &mut SqliteConnection, row: &Row) -> QueryResult<()> {
    let a = &row.activity;
    // Diesel keeps the prepared statement: the query's type is the same every time.
    diesel::insert_into(activity::table)
        .values((
            activity::at.eq(a.at.as_micros()),
            activity::client.eq(i64::from(row.client)),
            activity::id.eq(a.id.0.as_bytes().as_slice()),
            activity::endpoint.eq(a.endpoint.as_str()),
            activity::method.eq(a.method.as_str()),
            activity::status.eq(i32::from(a.status.stored())),
            activity::response_time.eq(a.response_time.map(ResponseTime::as_micros).map(u64::cast_signed)),
            activity::ip.eq(a.ip.map(|ip| ip.to_string())),
            activity::user_agent.eq(a.user_agent.as_ref().map(Text::as_str)),
            activity::response_bytes.eq(a.response_bytes.map(u64::cast_signed)),
        ))
        .execute(c)?;
    Ok(())
}

/// How many rows a database has.
pub fn count(file: &Path) -> Outcome<u64> {
    let mut connection = SqliteConnection::establish(&file.to_string_lossy())?;
    let count: i64 = activity::table.count().get_result(&mut connection)?;
    Ok(count.cast_unsigned())
}
