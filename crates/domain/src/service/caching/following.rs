//! What other instances store makes the cache forget.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::cache::{LateChange, Ledger, Position, Question, Scope, Touched};
use crate::error::{Degraded, StoreError};
use crate::port::{Clock, Late, LateFeed, UsageCache};
use crate::span::Span;
use crate::time::Timestamp;

/// What is known goes for so long, in microseconds: what is stored shows within that time and the time of a
/// question, or the cache is passed by.
const TRUST: i64 = 900_000;
/// What is late is known by so many minutes.
const QUARTER: i64 = 15;
/// So many looks at what has not settled are remembered. One is enough to go on.
const MAX_LOOKS: usize = 64;

/// Follows what changes late in a store that several instances write to, for a cache in this process, and tells how
/// far answers from any cache may be trusted.
///
/// Nothing depends on what instances tell each other: the store is asked, several times a second, and while it
/// cannot be asked no answer comes from a cache. Days and spans count as closed by the store's clock, and not before
/// all changes have come about that were begun while they were open; and in whole quarter hours, which is how finely the
/// store knows what is late.
pub struct Following {
    feed: Arc<dyn LateFeed>,
    near: Arc<dyn UsageCache>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    position: Option<Position>,
    ledger: Ledger,
    /// When the last question was asked that was answered, by the clock here.
    asked_at: Option<Timestamp>,
    /// What ended by then cannot change unseen.
    sealed: Option<Timestamp>,
    /// What has to be settled until that goes on, and to which time.
    looks: VecDeque<(u64, Timestamp)>,
    begun: u64,
    done: u64,
}

/// Where the store stood, at least, when something was read from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// As in [`Position`].
    pub history: Arc<str>,
    /// As in [`Position`].
    pub settled: u64,
}

impl Following {
    /// Follows a feed. The cache is one that nobody else has.
    pub fn new(feed: Arc<dyn LateFeed>, near: Arc<dyn UsageCache>, clock: Arc<dyn Clock>) -> Self {
        Self { feed, near, clock, state: Mutex::default() }
    }

    /// Asks the store once. To be called again and again, by one caller.
    pub async fn poll(&self) -> Result<(), StoreError> {
        let (since, number) = {
            let mut state = self.state();
            state.begun += 1;
            (state.position.clone(), state.begun)
        };
        let asked_at = self.clock.now();
        let late = self.feed.late_since(since.as_ref()).await?;
        self.state().note(&late);
        // A value that was read before is not kept behind this; one that is read from here on has the changes in it.
        let scopes = match late.from {
            Some(_) => vec![Scope::Everything],
            None => scopes(&late.changes),
        };
        for scope in scopes {
            let forgotten = self.near.forget(&scope).await;
            forgotten.map_err(|Degraded(reason)| StoreError::Unavailable(reason))?;
        }
        self.state().reach(late, asked_at, number);
        Ok(())
    }

    /// What ended by then cannot change unseen. `None` while the store cannot be asked: nothing may come from a cache.
    pub fn sealed(&self) -> Option<Timestamp> {
        let state = self.state();
        let age = self.clock.now().as_micros() - state.asked_at?.as_micros();
        // Where the clock was put back, how long ago it was cannot be told.
        state.sealed.filter(|_| (0..TRUST).contains(&age))
    }

    /// For what is read from the store from now on.
    pub fn stamp(&self) -> Option<Stamp> {
        let state = self.state();
        let position = state.position.as_ref()?;
        Some(Stamp { history: position.history.clone(), settled: position.settled })
    }

    /// Whether an answer still holds that was read at a stamp, by this or another instance.
    pub fn holds(&self, stamp: &Stamp, question: &Question, span: Span) -> bool {
        self.state().ledger.holds(&stamp.history, stamp.settled, question, span)
    }

    /// How many questions to the store were begun.
    pub fn begun(&self) -> u64 {
        self.state().begun
    }

    /// The number of the last question that was answered.
    pub fn done(&self) -> u64 {
        self.state().done
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics halfway through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note(&mut self, late: &Late) {
        match late.from {
            Some(from) => self.ledger.restart(&late.position, from, &late.changes),
            None => self.ledger.note(&late.changes),
        }
    }

    fn reach(&mut self, late: Late, asked_at: Timestamp, number: u64) {
        if self.position.as_ref().is_none_or(|position| position.history != late.position.history) {
            // Another server, with another clock.
            self.looks.clear();
            self.sealed = None;
        }
        self.looks.push_back((late.position.open, late.at));
        while let Some((_, at)) = self.looks.pop_front_if(|(open, _)| *open <= late.position.settled) {
            self.sealed = self.sealed.max(Some(at.minute().floor_to(QUARTER).into()));
        }
        if self.looks.len() > MAX_LOOKS {
            // The oldest one settles first: the others come again.
            self.looks.truncate(1);
        }
        (self.position, self.asked_at, self.done) = (Some(late.position), Some(asked_at), number);
    }
}

fn scopes(changes: &[LateChange]) -> Vec<Scope> {
    let mut touched = Touched::default();
    let mut others = Vec::new();
    for change in changes {
        match change.what.scope() {
            Scope::Minutes(minutes) => touched.merge(&minutes),
            other if !others.contains(&other) => others.push(other),
            _ => {}
        }
    }
    if !touched.is_empty() {
        others.push(Scope::Minutes(touched));
    }
    others
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::time::Duration;

    use async_trait::async_trait;

    use super::*;
    use crate::cache::{CacheKey, CacheStats, Changed, Heat, KeyUse};
    use crate::port::{Lease, Lookup, Wait};
    use crate::span::Minute;

    /// A store, a cache and a clock.
    #[derive(Default)]
    struct World {
        now: AtomicI64,
        /// What the store answers next; nothing while it is away.
        next: Mutex<Option<Late>>,
        forgotten: Mutex<Vec<Scope>>,
    }

    impl World {
        fn pass(&self, millis: i64) {
            self.now.fetch_add(millis * 1_000, Ordering::Relaxed);
        }

        fn answer(
            &self,
            history: &str,
            (settled, open): (u64, u64),
            at: &str,
            changes: &[LateChange],
            is_new: bool,
        ) {
            let position = Position { history: history.into(), settled, open, words: "".into() };
            let at = Timestamp::parse(at).unwrap();
            let from = is_new.then_some(0);
            *self.next.lock().unwrap() = Some(Late { position, at, changes: changes.to_vec(), from });
        }

        fn forgotten(&self) -> Vec<Scope> {
            std::mem::take(&mut *self.forgotten.lock().unwrap())
        }
    }

    impl Clock for World {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(self.now.load(Ordering::Relaxed)).unwrap()
        }
    }

    #[async_trait]
    impl LateFeed for World {
        async fn late_since(&self, _: Option<&Position>) -> Result<Late, StoreError> {
            self.next.lock().unwrap().take().ok_or_else(|| StoreError::Unavailable("away".into()))
        }
    }

    #[async_trait]
    impl UsageCache for World {
        async fn get(&self, _: &CacheKey, _: Wait) -> Result<Lookup, Degraded> {
            Ok(Lookup::Busy)
        }

        async fn renew(&self, _: &CacheKey, _: Duration) -> Result<Option<Box<dyn Lease>>, Degraded> {
            Ok(None)
        }

        async fn forget(&self, scope: &Scope) -> Result<(), Degraded> {
            self.forgotten.lock().unwrap().push(scope.clone());
            Ok(())
        }

        async fn stats(&self) -> Result<CacheStats, Degraded> {
            Ok(CacheStats::default())
        }

        async fn hottest(&self, _: Heat, _: usize) -> Result<Vec<KeyUse>, Degraded> {
            Ok(Vec::new())
        }
    }

    /// Asks; nothing in here waits for anything.
    fn poll(following: &Following) -> Result<(), StoreError> {
        let mut asking = Box::pin(following.poll());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match asking.as_mut().poll(&mut context) {
            std::task::Poll::Ready(done) => done,
            std::task::Poll::Pending => panic!("it waits"),
        }
    }

    fn following() -> (Arc<World>, Following) {
        let world = Arc::new(World::default());
        (world.clone(), Following::new(world.clone(), world.clone(), world))
    }

    fn sealed(following: &Following) -> Option<String> {
        following.sealed().map(|at| at.to_string())
    }

    #[test]
    fn what_is_known_is_trusted_for_less_than_a_second() {
        let (world, following) = following();
        assert_eq!(sealed(&following), None, "the store was not asked");
        world.answer("a", (5, 5), "2026-03-10T10:14:59Z", &[], true);
        poll(&following).unwrap();
        assert_eq!(sealed(&following).as_deref(), Some("2026-03-10T10:00:00Z"), "in whole quarter hours");
        world.pass(899);
        assert!(following.sealed().is_some() && poll(&following).is_err());
        world.pass(1);
        assert_eq!(sealed(&following), None, "the store is away");
        world.answer("a", (5, 5), "2026-03-10T10:15:00Z", &[], false);
        poll(&following).unwrap();
        assert_eq!(sealed(&following).as_deref(), Some("2026-03-10T10:15:00Z"));
        world.pass(-10);
        assert_eq!(sealed(&following), None, "the clock was put back");
    }

    #[test]
    fn nothing_closes_while_changes_are_under_way_that_began_before() {
        let (world, following) = following();
        world.answer("a", (5, 9), "2026-03-10T10:15:00Z", &[], true);
        poll(&following).unwrap();
        assert_eq!(sealed(&following), None);
        world.answer("a", (8, 12), "2026-03-10T10:30:00Z", &[], false);
        poll(&following).unwrap();
        assert_eq!(sealed(&following), None);
        world.answer("a", (9, 12), "2026-03-10T10:45:00Z", &[], false);
        poll(&following).unwrap();
        assert_eq!(sealed(&following).as_deref(), Some("2026-03-10T10:15:00Z"));
        world.answer("b", (9, 9), "2026-03-10T09:00:00Z", &[], true);
        poll(&following).unwrap();
        assert_eq!(
            sealed(&following).as_deref(),
            Some("2026-03-10T09:00:00Z"),
            "another server, another clock"
        );
    }

    #[test]
    fn what_changed_late_is_forgotten_and_values_from_before_are_old() {
        let (world, following) = following();
        world.answer("a", (5, 5), "2026-03-10T10:00:00Z", &[], true);
        poll(&following).unwrap();
        assert_eq!(world.forgotten(), [Scope::Everything]);
        let before = following.stamp().unwrap();
        let question = Question::Day {
            zone: crate::time::Zone::utc(),
            date: "1970-01-01".parse().unwrap(),
            client: None,
        };
        let holds = |stamp: &Stamp| following.holds(stamp, &question, question.span());
        assert!(holds(&before));
        let span = Span { from: Minute(0), to: Minute(15) };
        let change = LateChange { no: 5, what: Changed::Minutes(span) };
        world.answer(
            "a",
            (6, 6),
            "2026-03-10T10:00:00Z",
            &[change, LateChange { no: 5, what: Changed::Names }],
            false,
        );
        poll(&following).unwrap();
        assert_eq!(world.forgotten(), [Scope::Names, change.what.scope()]);
        assert!(!holds(&before) && holds(&following.stamp().unwrap()));
        world.answer("b", (6, 6), "2026-03-10T10:00:00Z", &[], true);
        let of_old = following.stamp().unwrap();
        poll(&following).unwrap();
        assert_eq!(world.forgotten(), [Scope::Everything]);
        assert!(!holds(&of_old));
        assert_eq!((following.begun(), following.done()), (3, 3));
    }
}
