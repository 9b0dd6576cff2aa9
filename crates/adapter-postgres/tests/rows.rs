//! Rows that Postgres refuses: one is set aside, all alike are an outage. Days that are not there are made.

#![allow(clippy::unwrap_used, reason = "in a test, that is how it fails")]

mod kit;

use activity_contract::make;
use activity_domain::activity::{Activity, Endpoint};
use activity_domain::error::StoreError;
use activity_domain::port::{ActivitySink, Append, Appended, Upkeep};
use activity_testkit::Database;

const NOON: &str = "2026-03-10T12:00:00Z";

fn call(id: u128, path: &str) -> Activity {
    Activity { endpoint: Endpoint::parse(path).unwrap(), ..make::call("CL-a", id, NOON) }
}

/// Makes the database refuse rows by their endpoint, which is the SQLSTATE that it gives for it.
fn refuse(database: &Database) {
    database.sql(
        "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             RAISE EXCEPTION 'this row is bad' USING ERRCODE = substr(NEW.endpoint, 2), CONSTRAINT = 'some';
         END $$;
         CREATE TRIGGER poison BEFORE INSERT ON activity FOR EACH ROW
         WHEN (NEW.endpoint ~ '^/[0-9A-Z]{5}$') EXECUTE FUNCTION poison();",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_row_is_kept_and_its_neighbours_are_stored() {
    let database = kit::database();
    let store = kit::store(&database);
    refuse(&database);
    for (stream, state) in (1..).zip(["22003", "22P05", "23502", "23514", "54000"]) {
        let first = stream * 10;
        let rows =
            vec![call(first, "/good"), call(first + 1, &format!("/{state}")), call(first + 2, "/good")];
        let stored = Appended { stored: 2, set_aside: 1, ..Appended::default() };
        let batch = make::batch(make::stream(stream), 0, rows);
        assert_eq!(store.append(&batch).await, Ok(Append::Stored(stored)), "{state}");
        let kept = database
            .sql("SELECT convert_from(payload, 'UTF8'), reason FROM set_aside ORDER BY no DESC LIMIT 1");
        assert_eq!(
            kept,
            format!("record 1 of {} from 0|this row is bad (SQLSTATE {state})", make::stream(stream))
        );
        assert_eq!(store.append(&batch).await, Ok(Append::Moved(3)));
    }
    assert_eq!(database.sql("SELECT count(*) FROM activity"), "10");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_refused_alike_is_an_outage() {
    let database = kit::database();
    let store = kit::store(&database);
    refuse(&database);
    let all = make::batch(make::stream(1), 0, vec![call(1, "/22003"), call(2, "/22003")]);
    assert!(matches!(store.append(&all).await, Err(StoreError::Unavailable(_))));
    let left = "SELECT (SELECT count(*) FROM set_aside), (SELECT count(*) FROM cursor)";
    assert_eq!(database.sql(left), "0|0");
    let one = make::batch(make::stream(1), 0, vec![call(1, "/22003")]);
    let kept = Appended { set_aside: 1, ..Appended::default() };
    assert_eq!(store.append(&one).await, Ok(Append::Stored(kept)), "a single one is poison");
}

/// What has nothing to do with a row is not blamed on it: locks, time-outs, a full disk.
#[tokio::test(flavor = "multi_thread")]
async fn trouble_of_the_server_is_no_poison() {
    let database = kit::database();
    let store = kit::store(&database);
    refuse(&database);
    for state in ["57014", "55P03", "40P01", "40001", "53100", "P0001"] {
        let batch = make::batch(make::stream(1), 0, vec![call(1, "/good"), call(2, &format!("/{state}"))]);
        let answer = store.append(&batch).await;
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{state}: {answer:?}");
    }
    assert_eq!(database.sql("SELECT count(*) FROM activity"), "0");
    assert_eq!(database.sql("SELECT count(*) FROM set_aside"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_somebody_took_away_is_made_again() {
    let database = kit::database();
    let store = kit::store(&database);
    let stored = |stored| Ok(Append::Stored(Appended { stored, ..Appended::default() }));
    let first = make::batch(make::stream(1), 0, vec![call(1, "/a")]);
    assert_eq!(store.append(&first).await, stored(1));
    assert_eq!(database.sql("SELECT count(*) FROM activity_20260310"), "1");
    database.sql("DROP TABLE activity_20260310");
    let next = make::batch(make::stream(1), 1, vec![call(2, "/a"), call(3, "/a")]);
    assert_eq!(store.append(&next).await, stored(2));
    assert_eq!(database.sql("SELECT count(*) FROM activity_20260310"), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn days_are_made_ahead() {
    let database = kit::database();
    let store = kit::store(&database);
    store.compact(make::at(NOON)).await.unwrap();
    let days =
        "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relname ~ '^activity_[0-9]+$'";
    assert_eq!(database.sql(days), "activity_20260310 activity_20260311 activity_20260312");
}

/// Several who find the same days missing make each once.
#[tokio::test(flavor = "multi_thread")]
async fn many_instances_make_the_same_days_at_once() {
    let database = kit::database();
    let appends: Vec<_> = (0..8u32)
        .map(|instance| {
            let store = kit::store(&database);
            tokio::spawn(async move {
                let rows = (0..20u32).map(|day| {
                    let call = make::call("CL-a", u128::from(instance), NOON);
                    Activity { at: call.at.plus_seconds(86_400 * i64::from(day)), ..call }
                });
                let batch = make::batch(make::stream(instance.into()), 0, rows.collect());
                store.append(&batch).await
            })
        })
        .collect();
    for append in appends {
        let stored = Appended { stored: 20, ..Appended::default() };
        assert_eq!(append.await.unwrap(), Ok(Append::Stored(stored)));
    }
    assert_eq!(database.sql("SELECT count(*) FROM activity"), "160");
}
