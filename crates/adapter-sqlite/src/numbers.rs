//! Short numbers for clients: rows and blocks hold eight bytes at most instead of an id of up to 64.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use activity_domain::id::ClientId;
use activity_domain::rollup::ClientNo;
use diesel::connection::DefaultLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;

use crate::erase;
use crate::error::{Failure, corrupt};
use crate::schema::client_number;

/// How many numbers are remembered; beyond that the memory starts anew.
const REMEMBERED: usize = 200_000;

/// Numbers of committed clients, so that a batch does not look up each of its clients. They hold for
/// one generation: when a client is erased, by whatever process, its number gets another id.
#[derive(Default)]
pub(crate) struct NumberCache(Mutex<Known>);

#[derive(Default)]
struct Known {
    generation: i64,
    numbers: HashMap<ClientId, ClientNo>,
}

impl NumberCache {
    pub(crate) fn get(&self, id: &ClientId) -> Option<ClientNo> {
        self.lock().numbers.get(id).copied()
    }

    /// Forgets everything if it is of another generation; to be called first in each transaction.
    pub(crate) fn renew(&self, generation: i64) {
        let mut known = self.lock();
        if known.generation != generation {
            *known = Known { generation, numbers: HashMap::new() };
        }
    }

    /// Remembers numbers of a generation, if it is still the one; to be called after their commit only.
    pub(crate) fn remember(&self, generation: i64, numbers: impl IntoIterator<Item = (ClientId, ClientNo)>) {
        let mut known = self.lock();
        if known.generation != generation {
            return;
        }
        if known.numbers.len() > REMEMBERED {
            known.numbers.clear();
        }
        known.numbers.extend(numbers);
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn find(c: &mut SqliteConnection, id: &ClientId) -> QueryResult<Option<ClientNo>> {
    let no = client_number::table.filter(client_number::id.eq(id.as_str())).select(client_number::no);
    Ok(no.get_result::<i64>(c).optional()?.map(|no| ClientNo(no.cast_unsigned())))
}

/// The number of a client, made if it has none; `None` if the client was erased.
pub(crate) fn find_or_make(c: &mut SqliteConnection, id: &ClientId) -> QueryResult<Option<ClientNo>> {
    if let Some(no) = find(c, id)? {
        return Ok(Some(no));
    }
    if erase::is_erased(c, id)? {
        return Ok(None);
    }
    let insert = diesel::insert_into(client_number::table).values(client_number::id.eq(id.as_str()));
    let no: i64 = insert.returning(client_number::no).get_result(c)?;
    Ok(Some(ClientNo(no.cast_unsigned())))
}

/// The ids behind numbers.
pub(crate) fn ids(
    c: &mut SqliteConnection,
    numbers: impl Iterator<Item = ClientNo>,
) -> Result<HashMap<ClientNo, ClientId>, Failure> {
    let numbers: Vec<ClientNo> = numbers.collect();
    let rows = diesel::sql_query(
        "SELECT n.no, n.id FROM json_each(?) AS listed CROSS JOIN client_number n ON n.no = listed.value",
    )
    .bind::<Text, _>(list(&numbers))
    .load_iter::<NumberRow, DefaultLoadingMode>(c)?;
    let mut ids = HashMap::with_capacity(numbers.len());
    for row in rows {
        let NumberRow { no, id } = row?;
        let id = ClientId::parse(&id).map_err(|error| corrupt("client_number", "id", &no, &error))?;
        ids.insert(ClientNo(no.cast_unsigned()), id);
    }
    Ok(ids)
}

/// Numbers as a JSON array: one parameter for any number of them, in a statement that does not grow with it.
pub(crate) fn list(numbers: &[ClientNo]) -> String {
    let numbers: Vec<String> = numbers.iter().map(|no| no.0.to_string()).collect();
    format!("[{}]", numbers.join(","))
}

#[derive(QueryableByName)]
#[diesel(table_name = client_number)]
struct NumberRow {
    no: i64,
    id: String,
}
