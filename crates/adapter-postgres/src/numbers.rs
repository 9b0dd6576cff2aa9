//! Short numbers for clients: rows and blocks hold eight bytes instead of an id of up to 64.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use activity_domain::client::ClientName;
use activity_domain::id::ClientId;
use activity_domain::rollup::ClientNo;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::erase;
use crate::error::{Failure, corrupt};
use crate::schema::client_number;
use crate::statement::statement;

/// How many numbers are remembered; beyond that the memory starts anew.
const REMEMBERED: usize = 200_000;

/// Clients and their numbers. Those of erased clients have none.
pub(crate) type Numbers = HashMap<ClientId, ClientNo>;

/// Numbers of committed clients, so that a batch does not look up each of its clients. They hold for
/// one generation: when a client is erased, by whatever instance, its number gets another id.
#[derive(Default)]
pub(crate) struct NumberCache(Mutex<Known>);

#[derive(Default)]
struct Known {
    generation: i64,
    numbers: Numbers,
}

impl NumberCache {
    /// The numbers of those that are known, and the others. Everything of another generation is forgotten
    /// first.
    pub fn split(&self, generation: i64, ids: BTreeSet<&ClientId>) -> (Numbers, Vec<ClientId>) {
        let mut known = self.lock();
        if known.generation != generation {
            *known = Known { generation, numbers: HashMap::new() };
        }
        let (mut numbers, mut others) = (Numbers::new(), Vec::new());
        for id in ids {
            match known.numbers.get(id) {
                Some(no) => drop(numbers.insert(id.clone(), *no)),
                None => others.push(id.clone()),
            }
        }
        (numbers, others)
    }

    /// Remembers numbers of a generation, if it is still the one; to be called after their commit only.
    pub fn remember(&self, generation: i64, numbers: Numbers) {
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

pub(crate) async fn find(c: &mut AsyncPgConnection, id: &ClientId) -> QueryResult<Option<ClientNo>> {
    let no = client_number::table.filter(client_number::id.eq(id.as_str())).select(client_number::no);
    Ok(no.first::<i64>(c).await.optional()?.map(|no| ClientNo(no.cast_unsigned())))
}

statement! {
    /// The numbers of those that have one.
    FindAll<'a> { ids: &'a [&'a str] => Array<Text> } -> (Text, BigInt) =
        "SELECT id, no FROM client_number WHERE id = ANY($1)"
}

statement! {
    /// Gives numbers to those that have none. Two who do it at once meet the ids in the same order.
    MakeAll<'a> { ids: &'a [&'a str] => Array<Text> } -> (Text, BigInt) =
        "INSERT INTO client_number (id) SELECT id FROM unnest($1) AS id ORDER BY id COLLATE \"C\" \
         ON CONFLICT DO NOTHING RETURNING id, no"
}

/// The numbers of clients, made where they have none; erased clients get none. Has to share the gate.
pub(crate) async fn find_or_make(
    c: &mut AsyncPgConnection,
    ids: impl IntoIterator<Item = &ClientId>,
) -> Result<Numbers, Failure> {
    let mut missing: BTreeSet<&ClientId> = ids.into_iter().collect();
    let mut numbers = Numbers::with_capacity(missing.len());
    look_up(c, &mut missing, &mut numbers).await?;
    if missing.is_empty() {
        return Ok(numbers);
    }
    for erased in erase::erased(c, &missing).await? {
        missing.remove(erased);
    }
    let ids: Vec<&str> = missing.iter().map(|id| id.as_str()).collect();
    let made: Vec<(String, i64)> = MakeAll { ids: &ids }.load(c).await?;
    take(&made, &mut missing, &mut numbers)?;
    if !missing.is_empty() {
        // Others made them meanwhile.
        look_up(c, &mut missing, &mut numbers).await?;
    }
    Ok(numbers)
}

async fn look_up(
    c: &mut AsyncPgConnection,
    missing: &mut BTreeSet<&ClientId>,
    numbers: &mut Numbers,
) -> Result<(), Failure> {
    let ids: Vec<&str> = missing.iter().map(|id| id.as_str()).collect();
    let found: Vec<(String, i64)> = FindAll { ids: &ids }.load(c).await?;
    take(&found, missing, numbers)
}

fn take(
    found: &[(String, i64)],
    missing: &mut BTreeSet<&ClientId>,
    numbers: &mut Numbers,
) -> Result<(), Failure> {
    for (id, no) in found {
        let id = parse(*no, id)?;
        missing.remove(&id);
        numbers.insert(id, ClientNo(no.cast_unsigned()));
    }
    Ok(())
}

fn parse(no: i64, id: &str) -> Result<ClientId, Failure> {
    Ok(ClientId::parse(id).map_err(|error| corrupt("client_number", "id", &no, &error))?)
}

statement! {
    /// The ids behind numbers.
    Ids<'a> { numbers: &'a [i64] => Array<BigInt> } -> (BigInt, Text) =
        "SELECT no, id FROM client_number WHERE no = ANY($1)"
}

/// The ids behind numbers.
pub(crate) async fn ids(
    c: &mut AsyncPgConnection,
    numbers: impl Iterator<Item = ClientNo>,
) -> Result<HashMap<ClientNo, ClientId>, Failure> {
    let numbers: Vec<i64> = numbers.map(|no| no.0.cast_signed()).collect();
    let rows: Vec<(i64, String)> = Ids { numbers: &numbers }.load(c).await?;
    rows.into_iter().map(|(no, id)| Ok((ClientNo(no.cast_unsigned()), parse(no, &id)?))).collect()
}

statement! {
    /// The ids behind numbers, and the names of those that are registered.
    Named<'a> { numbers: &'a [i64] => Array<BigInt> } -> (BigInt, Text, Nullable<Text>) =
        "SELECT n.no, n.id, c.name FROM client_number n LEFT JOIN client c ON c.no = n.no WHERE n.no = ANY($1)"
}

/// The ids and names behind numbers. Clients that are not registered have no other name than their id.
pub(crate) async fn named(
    c: &mut AsyncPgConnection,
    numbers: impl Iterator<Item = ClientNo>,
) -> Result<HashMap<ClientNo, (ClientId, ClientName)>, Failure> {
    let numbers: Vec<i64> = numbers.map(|no| no.0.cast_signed()).collect();
    let mut named = HashMap::with_capacity(numbers.len());
    for (no, id, name) in (Named { numbers: &numbers }).load::<(i64, String, Option<String>)>(c).await? {
        let id = parse(no, &id)?;
        let name = match name {
            Some(name) => ClientName::parse(&name).map_err(|error| corrupt("client", "name", &id, &error))?,
            None => match ClientName::parse(id.as_str()) {
                Ok(name) => name,
                Err(_) => continue,
            },
        };
        named.insert(ClientNo(no.cast_unsigned()), (id, name));
    }
    Ok(named)
}
