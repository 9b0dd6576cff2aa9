//! Functions that SQLite calls while it adds to a block: it hands over the old and the fresh part, and takes
//! the whole. So a block takes one statement, and not one to read it and one to write it.

use activity_domain::error::Invalid;
use activity_domain::rollup::Profile;
use activity_domain::sketch::Sketch;
use diesel::prelude::*;
use diesel::serialize::{IsNull, Output, ToSql};
use diesel::sql_types::Binary;
use diesel::sqlite::{Sqlite, SqliteConnection};

#[diesel::declare_sql_function]
extern "SQL" {
    fn merge_cells(old: Binary, fresh: Binary) -> Binary;
    fn merge_sketches(old: Binary, fresh: Binary) -> Binary;
}

/// Makes the functions known to a connection.
pub(crate) fn register(c: &mut SqliteConnection) -> QueryResult<()> {
    merge_cells_utils::register_impl(c, |old: Vec<u8>, fresh: Vec<u8>| Merged(cells(&old, &fresh)))?;
    merge_sketches_utils::register_impl(c, |old: Vec<u8>, fresh: Vec<u8>| Merged(sketches(&old, &fresh)))
}

fn cells(old: &[u8], fresh: &[u8]) -> Result<Vec<u8>, Invalid> {
    let mut whole = Profile::decode(old, None)?;
    whole.merge(&Profile::decode(fresh, None)?);
    Ok(whole.encode())
}

fn sketches(old: &[u8], fresh: &[u8]) -> Result<Vec<u8>, Invalid> {
    let mut whole = Sketch::decode(old)?;
    whole.merge(&Sketch::decode(fresh)?);
    Ok(whole.encode())
}

/// Bytes, or the statement fails with this reason.
#[derive(Debug, diesel::expression::AsExpression)]
#[diesel(sql_type = Binary)]
struct Merged(Result<Vec<u8>, Invalid>);

impl ToSql<Binary, Sqlite> for Merged {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> diesel::serialize::Result {
        let bytes = self.0.as_ref().map_err(|error| format!("a block {error}"))?;
        out.set_value(bytes.as_slice());
        Ok(IsNull::No)
    }
}
