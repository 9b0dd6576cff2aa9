//! Endpoints, their numbers, and which of them are counted by name.

use std::collections::{BTreeSet, HashMap, HashSet};

use activity_domain::hygiene::{Caps, Named, Template};
use activity_domain::rollup::ClientNo;
use activity_domain::span::{Level, Minute};
use diesel::QueryResult;
use diesel::sql_types::{Array, BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::statement::statement;

/// All that are not counted by name.
pub(crate) const OTHER: i64 = 0;

/// Decides which endpoints are counted by name, and looks up what the decision takes.
pub(crate) struct Names {
    caps: Caps,
    /// What was looked up and not taken yet.
    loaded: HashMap<(Minute, ClientNo), HashSet<Template>>,
}

/// The names of a client on a day have to be looked up first.
struct Unloaded(Minute, ClientNo);

impl Names {
    /// So many for each client and day.
    pub fn new(max_endpoints: usize) -> Self {
        Self { caps: Caps::new(max_endpoints), loaded: HashMap::new() }
    }

    /// As [`Caps::name`].
    pub async fn name(
        &mut self,
        c: &mut AsyncPgConnection,
        minute: Minute,
        client: ClientNo,
        template: &Template,
    ) -> QueryResult<Named> {
        loop {
            let load = load(&mut self.loaded);
            match self.caps.name(minute, client, template, load) {
                Ok(named) => return Ok(named),
                Err(unloaded) => self.look_up(c, unloaded).await?,
            }
        }
    }

    /// As [`Caps::name_for_client`].
    pub async fn name_for_client(
        &mut self,
        c: &mut AsyncPgConnection,
        minute: Minute,
        client: ClientNo,
        template: &Template,
    ) -> QueryResult<bool> {
        loop {
            let load = load(&mut self.loaded);
            match self.caps.name_for_client(minute, client, template, load) {
                Ok(is_named) => return Ok(is_named),
                Err(unloaded) => self.look_up(c, unloaded).await?,
            }
        }
    }

    async fn look_up(
        &mut self,
        c: &mut AsyncPgConnection,
        Unloaded(day, client): Unloaded,
    ) -> QueryResult<()> {
        let names = of_day(c, day, client).await?;
        self.loaded.insert((day, client), names);
        Ok(())
    }
}

fn load(
    loaded: &mut HashMap<(Minute, ClientNo), HashSet<Template>>,
) -> impl FnMut(Minute, ClientNo) -> Result<HashSet<Template>, Unloaded> {
    |day, client| loaded.remove(&(day, client)).ok_or(Unloaded(day, client))
}

statement! {
    /// The endpoints of a client's blocks of a day.
    OfDay { start: i64 => BigInt, client: i64 => BigInt } -> Text =
        "SELECT DISTINCT e.path FROM endpoint_block b JOIN endpoint e ON e.no = b.endpoint \
         WHERE b.minutes = 1440 AND b.start = $1 AND b.client = $2"
}

/// The endpoints that are counted by name for a client on a day of UTC, as far as blocks have them.
async fn of_day(c: &mut AsyncPgConnection, day: Minute, client: ClientNo) -> QueryResult<HashSet<Template>> {
    debug_assert_eq!(Level::Day.block_of(day), day);
    let names: Vec<String> = OfDay { start: day.0, client: client.0.cast_signed() }.load(c).await?;
    Ok(names.iter().map(|name| Template::from_stored(name)).collect())
}

statement! {
    /// The numbers of those that have one.
    Find<'a> { paths: &'a [&'a str] => Array<Text> } -> (Text, BigInt) =
        "SELECT path, no FROM endpoint WHERE path = ANY($1)"
}

statement! {
    /// Gives numbers to those that have none.
    Make<'a> { paths: &'a [&'a str] => Array<Text> } -> (Text, BigInt) =
        "INSERT INTO endpoint (path) SELECT path FROM unnest($1) AS path \
         ON CONFLICT DO NOTHING RETURNING path, no"
}

/// The numbers of endpoints, made where they have none. Nobody else may make some at the same time.
pub(crate) async fn numbers(
    c: &mut AsyncPgConnection,
    templates: impl Iterator<Item = &Template>,
) -> QueryResult<HashMap<String, i64>> {
    let mut missing: BTreeSet<&str> = templates.map(Template::as_str).collect();
    let paths: Vec<&str> = missing.iter().copied().collect();
    let mut numbers: HashMap<String, i64> = Find { paths: &paths }.load(c).await?.into_iter().collect();
    missing.retain(|path| !numbers.contains_key(*path));
    if !missing.is_empty() {
        let paths: Vec<&str> = missing.into_iter().collect();
        numbers.extend(Make { paths: &paths }.load::<(String, i64)>(c).await?);
    }
    Ok(numbers)
}
