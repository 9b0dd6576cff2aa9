//! An erased client leaves nothing in any table, and no other instance brings it back. Days are dropped whole,
//! also by halves.

#![allow(clippy::unwrap_used, reason = "in a test, that is how it fails")]

mod kit;

use std::sync::Arc;

use activity_adapter_postgres::PostgresStore;
use activity_contract::make;
use activity_domain::activity::{Activity, Endpoint, Metadata, Text};
use activity_domain::audit::Sealed;
use activity_domain::client::{Client, ClientName};
use activity_domain::port::{ActivitySink, Append, Appended, Batch, ClientRepo, Upkeep};
use activity_testkit::Database;
use bytes::Bytes;

const ID: &str = "CL-c4n4ryc4n4ryc4n4";
const NOON: &str = "2026-03-10T12:00:00Z";

fn call(client: &str, number: u32) -> Activity {
    let text = if client == ID { "canary" } else { "somebody" };
    let plain = make::call(client, number.into(), NOON);
    Activity {
        at: plain.at.plus_seconds(-20_000 * i64::from(number)),
        endpoint: Endpoint::parse(&format!("/{text}")).unwrap(),
        user_agent: Some(Text::parse(text).unwrap()),
        error_message: Some(Text::parse(text).unwrap()),
        metadata: Some(Metadata::from_object(&format!("{{\"k\":\"{text}\"}}")).unwrap()),
        audit: Some(Sealed::parse(text.as_bytes()).unwrap()),
        ..plain
    }
}

async fn fill(store: &PostgresStore) {
    let name = ClientName::parse("canary").unwrap();
    let email = Some(make::email("canary@mail.example"));
    let client = Client { name, email, ..make::client(ID) };
    store.insert(&client, Some(&make::key(0xc1))).await.unwrap();
    store.insert(&make::client("CL-bob"), Some(&make::key(2))).await.unwrap();
    let rows = (0..60).map(|n| call(if n % 2 == 0 { ID } else { "CL-bob" }, n)).collect();
    store.append(&make::batch(make::stream(1), 0, rows)).await.unwrap();
    let mut batch = Batch::clone(&make::batch(make::stream(2), 0, Vec::new()));
    batch.unreadable = vec![make::unreadable(b"damaged \xff CL-c4n4ryc4n4ryc4n4"), make::unreadable(b"junk")];
    batch.unreadable[1].payload = Bytes::from("junk");
    store.append(&Arc::new(batch)).await.unwrap();
}

/// The tables, partitions apart, that have a text in any column of any row.
fn found(database: &Database, text: &str) -> String {
    database.sql(&format!(
        "CREATE OR REPLACE FUNCTION has(t regclass) RETURNS boolean LANGUAGE plpgsql AS $$
         DECLARE found boolean; BEGIN
             EXECUTE format('SELECT EXISTS (SELECT FROM %s AS r WHERE r::text ~ ''{text}''
                 OR r::text ~ encode(''{text}''::bytea, ''hex''))', t) INTO found;
             RETURN found;
         END $$"
    ));
    database.sql(
        "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class
         WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND has(oid)",
    )
}

async fn purge(store: &PostgresStore) -> u64 {
    let mut rows = 0;
    loop {
        while store.compact(make::at(NOON)).await.unwrap().more {}
        let purged = store.purge(make::at(NOON)).await.unwrap();
        rows += purged.rows;
        if !purged.more {
            return rows;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_table_holds_anything_of_an_erased_client() {
    let database = kit::database();
    let store = kit::store(&database);
    fill(&store).await;
    assert_eq!(found(&database, "canary"), "activity client usage_delta");
    assert_eq!(found(&database, ID), "client_number set_aside");
    let erased = store.erase(&make::client_id(ID), &make::client_id("anon-1"), make::at(NOON)).await;
    assert_eq!(erased, Ok(true));
    let waits = store.purge(make::at(NOON)).await.unwrap();
    assert!(!waits.more && waits.rows == 0, "its deltas are folded first");
    assert_eq!(purge(&store).await, 30);
    assert_eq!((found(&database, "canary"), found(&database, ID)), (String::new(), String::new()));
    assert_eq!(found(&database, "c1c1c1c1"), "", "nor its key");
    assert_eq!(database.sql("SELECT count(*) FROM activity"), "30");
    assert_eq!(database.sql("SELECT count(*) FROM erasing"), "0");
    assert_eq!(database.sql("SELECT count(*) FROM set_aside"), "1");
}

/// Another instance remembers the client's number.
#[tokio::test(flavor = "multi_thread")]
async fn another_instance_that_knows_the_client_does_not_bring_it_back() {
    let database = kit::database();
    let [one, other] = [kit::store(&database), kit::store(&database)];
    one.insert(&make::client("CL-a"), None).await.unwrap();
    let call = |id| vec![make::call("CL-a", id, NOON)];
    let first = other.append(&make::batch(make::stream(1), 0, call(1))).await;
    assert_eq!(first, Ok(Append::Stored(Appended { stored: 1, ..Appended::default() })));
    let erased = one.erase(&make::client_id("CL-a"), &make::client_id("anon-1"), make::at(NOON)).await;
    assert_eq!(erased, Ok(true));
    let second = other.append(&make::batch(make::stream(1), 1, call(2))).await;
    assert_eq!(second, Ok(Append::Stored(Appended { discarded: 1, ..Appended::default() })));
    purge(&one).await;
    assert_eq!(
        database.sql("SELECT (SELECT count(*) FROM activity), (SELECT count(*) FROM client_number)"),
        "0|1"
    );
}

async fn retain(store: &PostgresStore, from: &str) -> u64 {
    let mut dropped = 0;
    loop {
        let done = store.retain(make::at(from)).await.unwrap();
        dropped += done.dropped;
        if !done.more {
            return dropped;
        }
    }
}

fn days(database: &Database) -> String {
    database.sql(
        "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relname ~ '^activity_[0-9]+$'",
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stopped_halfway_is_dropped_all_the_same() {
    let database = kit::database();
    let store = kit::store(&database);
    let rows = (0..5u32).map(|n| {
        let call = make::call("CL-a", n.into(), NOON);
        Activity { at: call.at.plus_seconds(86_400 * i64::from(n)), ..call }
    });
    store.append(&make::batch(make::stream(1), 0, rows.collect())).await.unwrap();
    // One was detached and not dropped; one was to be detached by somebody who was stopped while he waited.
    database.sql("ALTER TABLE activity DETACH PARTITION activity_20260311");
    let reader = kit::hold(&database, "SELECT count(*) FROM activity").await;
    let stopped = database.address().try_sql(
        "SET statement_timeout = '200ms'; ALTER TABLE activity DETACH PARTITION activity_20260312 CONCURRENTLY",
    );
    assert!(stopped.is_err());
    drop(reader);
    assert_eq!(database.sql("SELECT count(*) FROM pg_inherits WHERE inhdetachpending"), "1");
    assert_eq!(retain(&store, "2026-03-13T00:00:00Z").await, 3);
    assert_eq!(days(&database), "activity_20260313 activity_20260314");
    // A floor within a day leaves the rest of the day.
    assert_eq!(retain(&store, "2026-03-13T12:00:00.000001Z").await, 1);
    assert_eq!(database.sql("SELECT count(*) FROM activity"), "1");
    assert_eq!(retain(&store, "2026-03-14T12:00:00Z").await, 0);
}

/// Several instances that drop the same days do it once, and nobody fails.
#[tokio::test(flavor = "multi_thread")]
async fn instances_do_not_get_in_each_others_way() {
    let database = kit::database();
    let store = kit::store(&database);
    let rows = (0..6u32).map(|n| {
        let call = make::call("CL-a", n.into(), NOON);
        Activity { at: call.at.plus_seconds(86_400 * i64::from(n)), ..call }
    });
    store.append(&make::batch(make::stream(1), 0, rows.collect())).await.unwrap();
    let instances: Vec<_> = (0..4)
        .map(|_| {
            let store = kit::store(&database);
            tokio::spawn(async move {
                let dropped = retain(&store, "2026-03-14T00:00:00Z").await;
                while store.compact(make::at(NOON)).await.unwrap().more {}
                dropped
            })
        })
        .collect();
    let mut dropped = 0;
    for instance in instances {
        dropped += instance.await.unwrap();
    }
    dropped += retain(&store, "2026-03-14T00:00:00Z").await;
    assert_eq!(dropped, 4);
    assert!(days(&database).contains("activity_20260314 activity_20260315"), "{}", days(&database));
}
