//! How many endpoints are counted apart.

use std::collections::{HashMap, HashSet};

use super::Template;
use crate::rollup::ClientNo;
use crate::span::{Level, Minute};

/// All clients together may have so many times the endpoints of one. A client that calls random paths uses
/// up its own names, and a part of everybody's.
pub const EVERYBODY_FACTOR: usize = 4;

type Day = (Minute, ClientNo);

/// So many for each client and day, if nobody says otherwise.
pub const DEFAULT_MAX_ENDPOINTS: usize = 500;

/// Decides which endpoints are counted by name: the first so many of a client on a day of UTC. What has been
/// named stays named for the day. The decision depends on the order in which endpoints are first seen, and on
/// nothing else: so a reader of deltas comes to the same one as the compactor.
#[derive(Debug)]
pub struct Caps {
    per_client: usize,
    named: HashMap<Day, Names>,
}

#[derive(Debug, Default)]
struct Names {
    names: HashSet<Template>,
    /// Whether what the store knows is among them.
    is_loaded: bool,
}

/// By which name an endpoint is counted: its own, or the one of all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// Whether by its own for the client.
    pub for_client: bool,
    /// Whether by its own for everybody.
    pub for_everybody: bool,
}

impl Caps {
    /// So many for each client and day.
    pub fn new(per_client: usize) -> Self {
        Self { per_client, named: HashMap::new() }
    }

    /// How an endpoint of a client is named, for the client and for everybody. What has no name for the
    /// client has none for everybody either: one client must not use up everybody's names.
    ///
    /// `load` gives the names that the store has of a client on a day of UTC. It is asked at most once each,
    /// and for a client only if there are so many names in all that it could have too many of them.
    pub fn name<E>(
        &mut self,
        minute: Minute,
        client: ClientNo,
        template: &Template,
        mut load: impl FnMut(Minute, ClientNo) -> Result<HashSet<Template>, E>,
    ) -> Result<Named, E> {
        let day = Level::Day.block_of(minute);
        let all = self.loaded((day, ClientNo::EVERYBODY), &mut load)?.len();
        // As long as everybody together has room for one client's names, each client has.
        let is_roomy = all < self.per_client;
        let for_client = if is_roomy {
            self.named.entry((day, client)).or_default().names.insert(template.clone());
            true
        } else {
            self.admit((day, client), template, self.per_client, &mut load)?
        };
        let room = self.per_client.saturating_mul(EVERYBODY_FACTOR);
        let for_everybody =
            for_client && self.admit((day, ClientNo::EVERYBODY), template, room, &mut load)?;
        Ok(Named { for_client, for_everybody })
    }

    /// How an endpoint of a client is named for the client, by its own names alone.
    pub fn name_for_client<E>(
        &mut self,
        minute: Minute,
        client: ClientNo,
        template: &Template,
        mut load: impl FnMut(Minute, ClientNo) -> Result<HashSet<Template>, E>,
    ) -> Result<bool, E> {
        let day = (Level::Day.block_of(minute), client);
        self.admit(day, template, self.per_client, &mut load)
    }

    fn admit<E>(
        &mut self,
        day: Day,
        template: &Template,
        room: usize,
        load: &mut impl FnMut(Minute, ClientNo) -> Result<HashSet<Template>, E>,
    ) -> Result<bool, E> {
        let names = self.loaded(day, load)?;
        if names.contains(template) {
            return Ok(true);
        }
        let has_room = names.len() < room;
        if has_room {
            names.insert(template.clone());
        }
        Ok(has_room)
    }

    fn loaded<E>(
        &mut self,
        day: Day,
        load: &mut impl FnMut(Minute, ClientNo) -> Result<HashSet<Template>, E>,
    ) -> Result<&mut HashSet<Template>, E> {
        let entry = self.named.entry(day).or_default();
        if !entry.is_loaded {
            entry.names.extend(load(day.0, day.1)?);
            entry.is_loaded = true;
        }
        Ok(&mut entry.names)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::convert::Infallible;

    use super::*;

    fn template(name: &str) -> Template {
        Template::from_stored(name)
    }

    #[expect(clippy::unnecessary_wraps, reason = "loading from a store can fail")]
    fn nothing(_: Minute, _: ClientNo) -> Result<HashSet<Template>, Infallible> {
        Ok(HashSet::new())
    }

    fn for_client(caps: &mut Caps, minute: i64, client: u64, name: &str) -> bool {
        caps.name(Minute(minute), ClientNo(client), &template(name), nothing).unwrap().for_client
    }

    #[test]
    fn the_first_are_named_and_stay_named_for_the_day() {
        let mut caps = Caps::new(2);
        let named = ["/a", "/b", "/c", "/a"].map(|name| for_client(&mut caps, 5, 1, name));
        assert_eq!(named, [true, true, false, true]);
        assert!(for_client(&mut caps, 5, 2, "/c"), "another client");
        assert!(for_client(&mut caps, 1_440, 1, "/c"), "another day");
        assert!(!for_client(&mut caps, 1_439, 1, "/c"), "the same day");
    }

    #[test]
    fn one_client_cannot_use_up_the_names_of_everybody() {
        let mut caps = Caps::new(10);
        let mut named = 0;
        for n in 0..1_000 {
            let name = caps.name(Minute(0), ClientNo(1), &template(&format!("/{n}")), nothing).unwrap();
            named += usize::from(name.for_everybody);
        }
        assert_eq!(named, 10);
        for client in 2..=6 {
            for n in 0..10 {
                let name = template(&format!("/{client}/{n}"));
                let name = caps.name(Minute(0), ClientNo(client), &name, nothing).unwrap();
                assert_eq!((name.for_client, name.for_everybody), (true, client <= 4), "client {client}");
            }
        }
    }

    #[test]
    fn what_a_store_knows_counts_and_is_loaded_when_it_matters() {
        let loads = RefCell::new(Vec::new());
        let known = |_, client| {
            loads.borrow_mut().push(client);
            let names = if client == ClientNo::EVERYBODY { vec!["/old", "/b"] } else { vec!["/old"] };
            Ok::<_, Infallible>(names.into_iter().map(template).collect())
        };
        let mut caps = Caps::new(3);
        let mut named = |client, name: &str| {
            caps.name(Minute(0), ClientNo(client), &template(name), known).unwrap().for_client
        };
        assert!(named(1, "/new"));
        assert_eq!(*loads.borrow(), [ClientNo::EVERYBODY], "there is room for all");
        assert!(named(1, "/newer") && !named(1, "/newest") && named(1, "/old"), "old, new and newer");
        assert_eq!(*loads.borrow(), [ClientNo::EVERYBODY, ClientNo(1)]);
    }

    /// The way through everybody's names and the one without come to the same.
    #[test]
    fn a_question_about_one_client_needs_nobody_else() {
        let (mut all, mut own) = (Caps::new(3), Caps::new(3));
        for n in [0, 1, 7, 1, 2, 9, 3, 0, 4, 7] {
            let name = template(&format!("/{n}"));
            let both = all.name(Minute(0), ClientNo(1), &name, nothing).unwrap();
            let _ = all.name(Minute(0), ClientNo(2), &template(&format!("/{}", n + 100)), nothing).unwrap();
            let alone = own.name_for_client(Minute(0), ClientNo(1), &name, nothing).unwrap();
            assert_eq!(both.for_client, alone, "{n}");
        }
    }
}
