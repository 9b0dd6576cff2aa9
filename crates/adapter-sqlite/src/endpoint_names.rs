//! Endpoints and their numbers.

use std::collections::{HashMap, HashSet};

use activity_domain::hygiene::Template;
use activity_domain::rollup::ClientNo;
use activity_domain::span::{Level, Minute};
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use crate::schema::{endpoint, endpoint_block};

/// All that are not counted by name.
pub(crate) const OTHER: i64 = 0;

/// Numbers that were looked up in one transaction.
#[derive(Default)]
pub(crate) struct EndpointNumbers(HashMap<Template, i64>);

impl EndpointNumbers {
    /// The number of an endpoint, made if it has none.
    pub fn of(&mut self, c: &mut SqliteConnection, template: &Template) -> QueryResult<i64> {
        if let Some(no) = self.0.get(template) {
            return Ok(*no);
        }
        let known = endpoint::table.filter(endpoint::path.eq(template.as_str())).select(endpoint::no);
        let no = match known.get_result(c).optional()? {
            Some(no) => no,
            None => diesel::insert_into(endpoint::table)
                .values(endpoint::path.eq(template.as_str()))
                .returning(endpoint::no)
                .get_result(c)?,
        };
        self.0.insert(template.clone(), no);
        Ok(no)
    }
}

/// The endpoints that are counted by name for a client on a day of UTC, as far as blocks have them.
pub(crate) fn of_day(
    c: &mut SqliteConnection,
    day: Minute,
    client: ClientNo,
) -> QueryResult<HashSet<Template>> {
    let names: Vec<String> = endpoint_block::table
        .inner_join(endpoint::table)
        .filter(endpoint_block::minutes.eq(Level::Day.minutes()))
        .filter(endpoint_block::start.eq(day.0))
        .filter(endpoint_block::client.eq(client.0.cast_signed()))
        .select(endpoint::path)
        .distinct()
        .load(c)?;
    Ok(names.iter().map(|name| Template::from_stored(name)).collect())
}
