//! Short numbers for clients: rows and blocks hold eight bytes at most instead of an id of up to 64.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use activity_domain::id::ClientId;
use activity_domain::rollup::ClientNo;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use crate::erase;
use crate::error::{Failure, corrupt};
use crate::schema::client_number;

/// How many numbers are remembered; beyond that the memory starts anew.
const REMEMBERED: usize = 200_000;
/// Ids per query when many are looked up; SQLite bounds the parameters of a statement.
const CHUNK: usize = 500;

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
    Ok(no.first::<i64>(c).optional()?.map(|no| ClientNo(no.cast_unsigned())))
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
    let numbers: Vec<i64> = numbers.map(|no| no.0.cast_signed()).collect();
    let mut ids = HashMap::with_capacity(numbers.len());
    for chunk in numbers.chunks(CHUNK) {
        let rows = client_number::table.filter(client_number::no.eq_any(chunk.iter().copied()));
        for (no, id) in rows.load::<(i64, String)>(c)? {
            let id = ClientId::parse(&id).map_err(|error| corrupt("client_number", "id", &no, &error))?;
            ids.insert(ClientNo(no.cast_unsigned()), id);
        }
    }
    Ok(ids)
}
