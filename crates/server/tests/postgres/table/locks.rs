//! Tables that somebody has to himself, until all connections wait for him.

use std::time::Duration;

use activity_testkit::Database;

use super::{Readers, Trial, seconds, session, while_it_lasts};
use crate::LONG;
use crate::support::{Account, Event, Ledger, Outcome, until};

/// What is read and written, in the order in which a batch meets them.
const TABLES: &str = "activity, usage_delta, usage_block, client";
/// Each of them has three questions at one time: together four times as many as there are connections for them.
const CLIENTS: usize = 13;
/// A statement takes that long unless something ends it before.
const STATEMENT: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_locked_and_all_connections_wait() {
    let database = Database::empty();
    let address = database.address();
    let mut trial = Trial::start(address, 1, &[]).await;
    let mut ledger = Ledger::default();
    let mut readers: Vec<Account> = Vec::new();
    for number in 0..CLIENTS {
        let reader = trial.node().register(&format!("reader-{number}"), "client").await;
        // So that it is known to the node.
        let events = Event::several(1, &reader, &mut trial.random);
        trial.node().record(&reader.key, &events, false).await;
        ledger.note(events, Outcome::Ok);
        readers.push(reader);
    }
    trial.note(ledger);
    let time = seconds(4, 30);
    let lock =
        format!("BEGIN; LOCK TABLE {TABLES} IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep({})", time.as_secs());
    let holder = session(address, lock);
    until("the lock", LONG, async || {
        let held = "SELECT count(*) FROM pg_locks WHERE granted AND mode = 'AccessExclusiveLock' \
                    AND relation = 'client'::regclass";
        (database.sql(held) == "1").then_some(())
    })
    .await;
    let readers = Readers::start(trial.node(), &readers);
    // Some end before the lock does, so that nobody is answered.
    while_it_lasts(time.mul_f64(0.5)).await;
    let before = trial.requests();
    trial.more(50).await;
    assert!(!holder.is_finished(), "the lock is held all the time");
    let seen = readers.finish().await;
    assert!(seen.failed == 0 && seen.refused >= CLIENTS as u64, "{seen:?}");
    assert!(seen.slowest < STATEMENT, "{seen:?}");
    let taken = trial.requests() - before;
    let held = holder.join().unwrap();
    assert!(held.is_ok(), "{held:?}");
    trial.more(50).await;
    assert_eq!(trial.failures(), 0, "and yet events are taken");
    trial.end(&format!("locked for {time:?}, {taken} requests taken at its end, {seen:?}")).await;
}
