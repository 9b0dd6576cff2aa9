//! All that is known of events and readers, and what happens when one of either comes.

use std::collections::HashMap;
use std::sync::Arc;

use activity_domain::activity::Activity;
use activity_domain::id::ClientId;
use activity_domain::live::{Delivery, FeedCounts, Filter, LiveEvent, Missed, Place, Scope, SourceId};
use activity_domain::port::{News, Sign};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::FeedOptions;
use super::heads::Heads;
use super::reader::Reader;
use super::ring::{Ring, Room};

/// Numbers are kept of so many clients; with more, counting begins anew.
const MAX_CLIENTS: usize = 65_536;

/// Names a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReaderId(u64);

pub struct Hub {
    options: FeedOptions,
    ring: Ring,
    heads: Heads,
    /// Who publishes here, and since when.
    own: SourceId,
    since: Instant,
    readers: HashMap<ReaderId, Reader>,
    everybody: Vec<ReaderId>,
    by_client: HashMap<ClientId, Vec<ReaderId>>,
    next_reader: u64,
    counts: FeedCounts,
    is_closed: bool,
}

impl Hub {
    pub fn new(options: FeedOptions, own: SourceId) -> Self {
        let room = Room { events: options.events, bytes: options.bytes, age: options.horizon };
        let mut hub = Self {
            options,
            ring: Ring::new(room),
            heads: Heads::default(),
            own,
            since: Instant::now(),
            readers: HashMap::new(),
            everybody: Vec::new(),
            by_client: HashMap::new(),
            next_reader: 0,
            counts: FeedCounts::default(),
            is_closed: false,
        };
        hub.begin(own);
        hub
    }

    /// From now on this source publishes here, which has not done so before.
    pub fn begin(&mut self, own: SourceId) {
        (self.own, self.since) = (own, Instant::now());
        self.heads.hear(own, 0, true, self.since);
    }

    /// The source that publishes here was not counting for a while. What it says from now on would be wrong.
    pub fn begin_anew(&mut self, own: SourceId) {
        self.heads.remove(self.own);
        self.begin(own);
    }

    /// The source that publishes here does not know how many events there were. Another one goes on.
    pub fn lose_count(&mut self, own: SourceId) {
        for reader in self.readers.values_mut() {
            self.counts.lagged += reader.lag(Missed::UNKNOWN);
        }
        self.heads.remove(self.own);
        self.begin(own);
    }

    pub fn is_crowded(&self) -> bool {
        self.heads.get(self.own).is_none_or(|head| head.clients() >= MAX_CLIENTS)
    }

    pub fn sign(&self) -> Sign {
        let number = self.heads.get(self.own).map_or(0, |head| head.number);
        Sign { source: self.own, number, age: self.since.elapsed() }
    }

    pub fn counts(&self) -> FeedCounts {
        FeedCounts { readers: self.readers.len() as u64, kept: self.ring.len() as u64, ..self.counts }
    }

    pub fn unsent(&mut self, count: u64) {
        self.counts.unsent += count;
    }

    /// Nothing of a client is shown any more.
    pub fn forget(&mut self, client: &ClientId) {
        self.ring.forget(client);
    }

    /// Lets go of what is too old.
    pub fn expire(&mut self) {
        let now = Instant::now();
        self.ring.expire(now);
        self.heads.expire(self.options.horizon, self.own, now);
    }

    pub fn publish(&mut self, activities: Vec<Activity>) -> News {
        let now = Instant::now();
        let mut news = Vec::with_capacity(activities.len());
        for activity in activities {
            let head = self.heads.hear(self.own, 0, true, now);
            let own = head.own(&activity.client).unwrap_or(0) + 1;
            let event = Arc::new(LiveEvent::new(self.own, head.number + 1, own, activity));
            self.come(&event, now);
            news.push(event);
        }
        self.counts.published += news.len() as u64;
        news
    }

    /// Events of clients were accepted here and are not published.
    pub fn skip(&mut self, skipped: &[(ClientId, u64)]) {
        let now = Instant::now();
        let all = skipped.iter().map(|(_, count)| count).sum();
        let head = self.heads.hear(self.own, 0, true, now);
        head.number += all;
        for (client, count) in skipped {
            let own = head.own(client).unwrap_or(0) + count;
            head.set_own(client, own);
            for id in self.by_client.get(client).into_iter().flatten() {
                lag(&mut self.readers, &mut self.counts, *id, Missed::exactly(*count));
            }
        }
        for id in &self.everybody {
            lag(&mut self.readers, &mut self.counts, *id, Missed::exactly(all));
        }
        self.counts.skipped += all;
    }

    /// Events that another process published, and how far it has come.
    pub fn take(&mut self, sign: Sign, is_whole: bool, news: News) {
        let now = Instant::now();
        let behind = if is_whole { 0 } else { news.first().map_or(sign.number, |event| event.number - 1) };
        // One that has not said anything yet has nothing that could be missed.
        self.heads.hear(sign.source, behind, behind == 0, now);
        for event in news {
            if event.source != sign.source || event.number <= self.number(sign.source) {
                continue;
            }
            self.lose(sign.source, event.number - 1);
            self.counts.received += 1;
            self.come(&event, now);
        }
        self.lose(sign.source, sign.number);
    }

    fn number(&self, source: SourceId) -> u64 {
        self.heads.get(source).map_or(0, |head| head.number)
    }

    /// Events of a source up to this number did not come, if it is further on than is known.
    fn lose(&mut self, source: SourceId, until: u64) {
        let known = self.number(source);
        let lost = until.saturating_sub(known);
        if lost == 0 {
            return;
        }
        let head = self.heads.hear(source, known, false, Instant::now());
        (head.number, head.has_lost) = (until, true);
        self.counts.lost += lost;
        for id in &self.everybody {
            let reached = self.readers.get(id).and_then(|reader| reader.place.reached(source));
            let missed = until.saturating_sub(known.max(reached.unwrap_or(0)));
            lag(&mut self.readers, &mut self.counts, *id, Missed::exactly(missed));
        }
    }

    /// The next event of its source is here.
    fn come(&mut self, event: &Arc<LiveEvent>, now: Instant) {
        let client = &event.activity.client;
        let at = self.ring.push(event.clone(), now);
        let head = self.heads.hear(event.source, event.number, false, now);
        let (before, has_lost) = (head.own(client), head.has_lost);
        head.number = event.number;
        head.set_own(client, event.own);
        for id in self.by_client.get(client).into_iter().flatten() {
            let Some(reader) = self.readers.get_mut(id) else { continue };
            let missed = missed_of_own(event.own, before.max(reader.place.reached(event.source)), has_lost);
            self.counts.lagged += reader.lag(missed) + reader.come(event, at);
        }
        for id in &self.everybody {
            let Some(reader) = self.readers.get_mut(id) else { continue };
            self.counts.lagged += reader.come(event, at);
        }
    }

    /// Adds a reader. `None` if there are too many.
    pub fn subscribe(
        &mut self,
        scope: Scope,
        filter: Filter,
        place: Option<&Place>,
    ) -> Option<(ReaderId, Arc<Notify>)> {
        if self.readers.len() >= self.options.readers {
            return None;
        }
        self.expire();
        let reader = match place {
            Some(place) => self.resumed(scope, filter, place),
            None => self.begun(scope, filter),
        };
        let id = ReaderId(self.next_reader);
        self.next_reader += 1;
        match &reader.scope {
            Scope::Everybody => self.everybody.push(id),
            Scope::Client(client) => self.by_client.entry(client.clone()).or_default().push(id),
        }
        let wake = reader.wake();
        self.readers.insert(id, reader);
        Some((id, wake))
    }

    /// A reader for whatever comes next.
    fn begun(&self, scope: Scope, filter: Filter) -> Reader {
        let mut place = Place::new(&scope);
        for (source, head) in self.heads.iter() {
            if let Some(number) = head.number_in(&scope) {
                place.advance(source, number);
            }
        }
        Reader::new(scope, filter, place, self.options.waiting)
    }

    /// A reader that comes back.
    fn resumed(&self, scope: Scope, filter: Filter, place: &Place) -> Reader {
        let fits = place.fits(&scope);
        let mut at = if fits { place.clone() } else { Place::new(&scope) };
        let is_known = |source| self.heads.get(source).is_some();
        // Whoever is not known here any more may have said more than the reader has heard.
        let mut missed = if fits && at.sources().all(is_known) { Missed::NONE } else { Missed::UNKNOWN };
        at.retain(is_known);
        let kept = self.kept_behind(&scope, &at);
        for (source, head) in self.heads.iter() {
            let Some(number) = head.number_in(&scope) else { continue };
            let behind = number.saturating_sub(at.reached(source).unwrap_or(0));
            let kept = kept.get(&source).copied().unwrap_or(0);
            missed = missed.and(Missed::exactly(behind.saturating_sub(kept)));
            if kept == 0 {
                at.advance(source, number);
            }
        }
        let mut reader = Reader::new(scope, filter, at, self.options.waiting);
        reader.resume(missed, &self.ring);
        reader
    }

    /// How many events of each source are in a scope, behind a place, and kept.
    fn kept_behind(&self, scope: &Scope, place: &Place) -> HashMap<SourceId, u64> {
        let mut kept = HashMap::new();
        for (_, event) in self.ring.within(0..u64::MAX) {
            let reached = place.reached(event.source).unwrap_or(0);
            if scope.has(&event.activity.client) && event.number_in(scope) > reached {
                *kept.entry(event.source).or_default() += 1;
            }
        }
        kept
    }

    pub fn next(&mut self, id: ReaderId) -> Option<Delivery> {
        self.readers.get_mut(&id)?.next(&self.ring)
    }

    pub fn place(&self, id: ReaderId) -> Option<Place> {
        let mut place = self.readers.get(&id)?.place.clone();
        place.retain(|source| self.heads.get(source).is_some());
        Some(place)
    }

    /// Says whether it was the last.
    pub fn leave(&mut self, id: ReaderId) -> bool {
        let Some(reader) = self.readers.remove(&id) else { return false };
        match &reader.scope {
            Scope::Everybody => self.everybody.retain(|other| *other != id),
            Scope::Client(client) => {
                if let Some(readers) = self.by_client.get_mut(client) {
                    readers.retain(|other| *other != id);
                    if readers.is_empty() {
                        self.by_client.remove(client);
                    }
                }
            }
        }
        self.readers.is_empty()
    }

    pub fn close(&mut self) {
        self.is_closed = true;
        for reader in self.readers.values() {
            reader.wake().notify_one();
        }
    }

    pub fn is_closed(&self) -> bool {
        self.is_closed
    }
}

/// What lies between a client's event and the one before it that is known of, here or to the reader.
fn missed_of_own(own: u64, before: Option<u64>, has_lost: bool) -> Missed {
    match before {
        Some(before) => Missed::exactly((own - 1).saturating_sub(before)),
        None if has_lost => Missed::UNKNOWN,
        None => Missed::NONE,
    }
}

fn lag(readers: &mut HashMap<ReaderId, Reader>, counts: &mut FeedCounts, id: ReaderId, missed: Missed) {
    if let Some(reader) = readers.get_mut(&id) {
        counts.lagged += reader.lag(missed);
    }
}
