//! Short numbers for clients: rows and blocks hold eight bytes at most instead of an id of up to 64.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::PoisonError;

use activity_domain::id::ClientId;
use activity_domain::rollup::ClientNo;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use crate::error::{Failure, corrupt};
use crate::schema::client_number;

/// How many numbers are remembered; beyond that the memory starts anew.
const REMEMBERED: usize = 200_000;
/// Ids per query when many are looked up; SQLite bounds the parameters of a statement.
const CHUNK: usize = 500;

/// Numbers of committed clients, so that a batch does not look up each of its clients.
#[derive(Default)]
pub(crate) struct NumberCache(Mutex<HashMap<ClientId, ClientNo>>);

impl NumberCache {
    pub(crate) fn get(&self, id: &ClientId) -> Option<ClientNo> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied()
    }

    /// Remembers numbers; to be called after their commit only.
    pub(crate) fn remember(&self, numbers: impl IntoIterator<Item = (ClientId, ClientNo)>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() > REMEMBERED {
            known.clear();
        }
        known.extend(numbers);
    }
}

pub(crate) fn find(c: &mut SqliteConnection, id: &ClientId) -> QueryResult<Option<ClientNo>> {
    let no = client_number::table.filter(client_number::id.eq(id.as_str())).select(client_number::no);
    Ok(no.first::<i64>(c).optional()?.map(|no| ClientNo(no.cast_unsigned())))
}

/// The number of a client, made if it has none.
pub(crate) fn find_or_make(c: &mut SqliteConnection, id: &ClientId) -> QueryResult<ClientNo> {
    if let Some(no) = find(c, id)? {
        return Ok(no);
    }
    let insert = diesel::insert_into(client_number::table).values(client_number::id.eq(id.as_str()));
    let no: i64 = insert.returning(client_number::no).get_result(c)?;
    Ok(ClientNo(no.cast_unsigned()))
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
