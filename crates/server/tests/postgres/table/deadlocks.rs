//! Deadlocks with somebody who takes the same rows in another order.

use activity_testkit::Database;

use super::{Trial, either_of, session};
use crate::LONG;
use crate::support::{Event, Ledger, Outcome, until};

/// Waits in the database until another session waits for a row. The server looks for a deadlock once a session has
/// waited for a second: whoever waited first finds it, and is the one to give up.
const UNTIL_SOMEBODY_WAITS: &str = "DO $$ BEGIN FOR n IN 1 .. 500 LOOP \
     IF EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid') THEN RETURN; END IF; \
     PERFORM pg_sleep(0.01); END LOOP; END $$;";

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_taken_in_another_order() {
    let database = Database::empty();
    let address = database.address();
    let mut trial = Trial::start(address, 2, &[]).await;
    let sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let found = || database.sql(sql).parse::<u64>().unwrap();
    let rounds = either_of(2, 10);
    let mut ledger = Ledger::default();
    let mut given_up = 0;
    for round in 0..rounds {
        // A batch has the first of two rows, and waits for the second.
        let mut events = Event::several(2, &trial.accounts[0], &mut trial.random);
        events.sort_by_key(|event| event.at);
        let insert = |event: &Event| {
            format!(
                "INSERT INTO activity (at, client, id, endpoint, method, status) \
                 SELECT {}, no, '{}', '/', 'GET', 200 FROM client_number WHERE id = '{}';",
                event.at, event.id, event.client
            )
        };
        let (first, second) = (insert(&events[0]), insert(&events[1]));
        let other = session(address, format!("BEGIN; {second} {UNTIL_SOMEBODY_WAITS} {first} ROLLBACK"));
        until("the other to have it", LONG, async || {
            let writing = "SELECT count(*) FROM pg_locks WHERE mode = 'RowExclusiveLock' AND pid IN \
                           (SELECT pid FROM pg_stat_activity WHERE application_name = 'psql')";
            (database.sql(writing) != "0").then_some(())
        })
        .await;
        let node = &trial.nodes[usize::try_from(round % 2).unwrap()];
        node.record(&trial.accounts[0].key, &events, false).await;
        ledger.note(events, Outcome::Ok);
        let ended = other.join().unwrap();
        given_up += u64::from(ended.is_ok());

        // The compactor has a block of one length, and waits for one of another.
        let blocks = |minutes: u32| {
            format!("SELECT count(*) FROM (SELECT FROM usage_block WHERE minutes = {minutes} FOR UPDATE) b;")
        };
        let (long, short) = (blocks(1_440), blocks(15));
        let other = session(address, format!("BEGIN; {long} {UNTIL_SOMEBODY_WAITS} {short} ROLLBACK"));
        let ended = other.join().unwrap();
        given_up += u64::from(ended.is_ok());
    }
    // Now and then it is somebody else who waits, or a batch ends between the two rows.
    let enough = || Some(found()).filter(|deadlocks| *deadlocks >= rounds);
    let deadlocks = until("deadlocks", LONG, async || enough()).await;
    assert_eq!(trial.failures(), 0);
    trial.note(ledger);
    assert!(given_up > 0, "the other gave up each time: no node had anything to bear");
    trial.end(&format!("{deadlocks} deadlocks, of which a node gave up {given_up} or more")).await;
}
