//! A function that SQLite calls while it adds to an endpoint's block: it hands over the old and the fresh
//! sketch, and takes the whole. So a block takes one statement, and not one to read it and one to write it.

use activity_domain::error::Invalid;
use activity_domain::sketch::Sketch;
use diesel::prelude::*;
use diesel::serialize::{IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, Binary, Nullable};
use diesel::sqlite::{Sqlite, SqliteConnection};

#[diesel::declare_sql_function]
extern "SQL" {
    fn merge_sketches(old: Binary, fresh: Binary) -> Binary;
}

/// Makes the function known to a connection.
pub(crate) fn register(c: &mut SqliteConnection) -> QueryResult<()> {
    merge_sketches_utils::register_impl(c, |old: Vec<u8>, fresh: Vec<u8>| Computed(sketches(&old, &fresh)))
}

fn sketches(old: &[u8], fresh: &[u8]) -> Result<Vec<u8>, Invalid> {
    let mut whole = Sketch::decode(old)?;
    whole.merge(&Sketch::decode(fresh)?);
    Ok(whole.encode())
}

/// What a function gives back, or the statement fails with this reason.
#[derive(Debug)]
pub(crate) struct Computed<T>(pub Result<T, Invalid>);

impl ToSql<Binary, Sqlite> for Computed<Vec<u8>> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> diesel::serialize::Result {
        let bytes = self.0.as_ref().map_err(|error| format!("a block {error}"))?;
        out.set_value(bytes.as_slice());
        Ok(IsNull::No)
    }
}

impl ToSql<Nullable<BigInt>, Sqlite> for Computed<Option<i64>> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> diesel::serialize::Result {
        match self.0.as_ref().map_err(|error| format!("a block {error}"))? {
            Some(number) => out.set_value(*number),
            None => return Ok(IsNull::Yes),
        }
        Ok(IsNull::No)
    }
}
