//! An erased client leaves no trace in the files, and no other process on the same file brings it back.

#![allow(clippy::unwrap_used, reason = "in a test, that is how it fails")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use activity_adapter_sqlite::SqliteStore;
use activity_contract::make;
use activity_domain::activity::{Activity, Endpoint, Metadata, Text};
use activity_domain::client::{Client, ClientChange, ClientName};
use activity_domain::key::{KeyDigest, KeyRecord};
use activity_domain::port::{ActivitySink, Append, Appended, Batch, ClientRepo, Upkeep};
use bytes::Bytes;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

const ID: &str = "CL-c4n4ryc4n4ryc4n4";
const NOON: &str = "2026-03-10T12:00:00Z";

/// What must not be found any more: text of every field, and digests of keys.
const TEXTS: [&str; 8] = [
    ID,
    "canary-name",
    "canary@mail.example",
    "canary-former-name",
    "canary@former.example",
    "2001:db8:cafe:cafe::1",
    "canary-agent",
    "canary-detail",
];
const DIGESTS: [[u8; 32]; 3] = [[0xc1; 32], [0xc2; 32], [0xc3; 32]];

fn key(number: u8, digest: [u8; 32]) -> KeyRecord {
    KeyRecord { digest: KeyDigest(digest), ..make::key(number) }
}

/// A row that fills a good part of a page, so that pages split.
fn call(client: &str, number: u32) -> Activity {
    let canary = client == ID;
    let text = |canary_text: &str| if canary { canary_text } else { "a text of somebody" }.repeat(8);
    let call = make::call(client, number.into(), NOON);
    Activity {
        at: call.at.plus_seconds(i64::from(number)),
        endpoint: Endpoint::parse(&format!("/{}", text("canary-detail/"))).unwrap(),
        ip: Some(if canary { "2001:db8:cafe:cafe::1" } else { "2001:db8::7" }.parse().unwrap()),
        user_agent: Some(Text::parse(&text("canary-agent ")).unwrap()),
        error_message: Some(Text::parse(&text("canary-detail ")).unwrap()),
        metadata: Some(Metadata::from_object(&format!("{{\"k\":\"{}\"}}", text("canary-detail"))).unwrap()),
        ..call
    }
}

/// The rows of three clients in an order that splits pages everywhere.
fn rows() -> Vec<Activity> {
    let clients = ["CL-ada", ID, "CL-bob"];
    let row = |n: u32| {
        let shuffled = n * 7_919 % 6_000;
        call(clients[(shuffled % 3) as usize], shuffled)
    };
    (0..6_000).map(row).collect()
}

fn found(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let has = |needle: &[u8]| bytes.windows(needle.len()).any(|part| part == needle);
        let texts = TEXTS.iter().filter(|text| has(text.as_bytes())).map(ToString::to_string);
        let digests = DIGESTS.iter().filter(|digest| has(*digest)).map(|digest| format!("{digest:x?}"));
        found.extend(texts.chain(digests).map(|what| format!("{what} in {}", path.display())));
    }
    found
}

async fn fill(store: &SqliteStore, file: &Path) {
    let name = |text: &str| ClientName::parse(text).unwrap();
    for id in ["CL-ada", "CL-bob"] {
        store.insert(&make::client(id), None).await.unwrap();
    }
    let client = Client {
        name: name("canary-former-name"),
        email: Some(make::email("canary@former.example")),
        ..make::client(ID)
    };
    store.insert(&client, Some(&key(1, DIGESTS[0]))).await.unwrap();
    let now = make::at(NOON);
    store.add_key(&client.id, &key(2, DIGESTS[1]), None).await.unwrap();
    store.revoke_key(&client.id, &key(2, DIGESTS[1]).id, now).await.unwrap();
    store.add_key(&client.id, &key(3, DIGESTS[2]), Some(now)).await.unwrap();
    let change = ClientChange {
        name: Some(name("canary-name")),
        email: Some(make::email("canary@mail.example")),
        ..ClientChange::default()
    };
    store.update(&client.id, &change, now).await.unwrap();
    for (stream, rows) in (1..).zip(rows().chunks(500)) {
        let batch = make::batch(make::stream(stream), 0, rows.to_vec());
        assert!(matches!(store.append(&batch).await, Ok(Append::Stored(_))));
    }
    set_aside(store, file).await;
}

/// One row of the client is refused and kept, and bytes are kept of which nobody knows whose they are.
async fn set_aside(store: &SqliteStore, file: &Path) {
    let mut c = SqliteConnection::establish(&file.to_string_lossy()).unwrap();
    c.batch_execute(
        "CREATE TABLE narrow (n INTEGER CHECK (n > 0));
         CREATE TRIGGER poison BEFORE INSERT ON activity WHEN NEW.status = 599
         BEGIN INSERT INTO narrow VALUES (0); END;",
    )
    .unwrap();
    let refused = make::answered(call(ID, 9_000), 599, None);
    let mut batch = Batch::clone(&make::batch(make::stream(900), 0, vec![refused]));
    batch.records[0].payload = Bytes::from("canary-detail of a row");
    batch.unreadable =
        vec![make::unreadable(b"damaged \xff CL-c4n4ryc4n4ryc4n4 and more"), make::unreadable(b"junk")];
    let appended = Appended { set_aside: 3, ..Appended::default() };
    assert_eq!(store.append(&Arc::new(batch)).await, Ok(Append::Stored(appended)));
}

async fn purge(store: &SqliteStore) -> u64 {
    let mut rows = 0;
    loop {
        // What the client left in deltas has to be folded before its endpoints lose their names.
        while store.compact(make::at(NOON)).await.unwrap().more {}
        let purged = store.purge(make::at(NOON)).await.unwrap();
        rows += purged.rows;
        if !purged.more {
            return rows;
        }
    }
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    n: i64,
}

fn count(file: &Path, of: &str) -> i64 {
    let mut c = SqliteConnection::establish(&file.to_string_lossy()).unwrap();
    diesel::sql_query(format!("SELECT count(*) AS n FROM {of}")).get_result::<Number>(&mut c).unwrap().n
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_of_the_files_finds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("activity.db");
    let store = SqliteStore::open(&file).await.unwrap();
    fill(&store, &file).await;
    let before = found(folder.path());
    // What was changed or revoked before may be gone from the files already.
    let texts = TEXTS.iter().filter(|text| !text.contains("former")).map(ToString::to_string);
    let digests = [DIGESTS[0], DIGESTS[2]].map(|digest| format!("{digest:x?}"));
    for canary in texts.chain(digests) {
        assert!(
            before.iter().any(|found| found.starts_with(&canary)),
            "the search finds {canary}: {before:?}"
        );
    }
    let erased = store.erase(&make::client_id(ID), &make::client_id("anon-1"), make::at(NOON)).await;
    assert_eq!(erased, Ok(true));
    assert_eq!(purge(&store).await, 2_000);
    assert_eq!(found(folder.path()), [""; 0]);
    assert_eq!((count(&file, "activity"), count(&file, "set_aside"), count(&file, "erasing")), (4_000, 1, 0));
    assert_eq!(integrity(&file), "ok");
    drop(store);
    assert_eq!(found(folder.path()), [""; 0], "nor after the end");
}

#[derive(QueryableByName)]
struct Integrity {
    #[diesel(sql_type = diesel::sql_types::Text)]
    integrity_check: String,
}

fn integrity(file: &Path) -> String {
    let mut c = SqliteConnection::establish(&file.to_string_lossy()).unwrap();
    diesel::sql_query("PRAGMA integrity_check").get_result::<Integrity>(&mut c).unwrap().integrity_check
}

/// A second store on the file is what another process has: it remembers the client's number.
#[tokio::test(flavor = "multi_thread")]
async fn another_process_that_knows_the_client_does_not_bring_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("activity.db");
    let [one, other] = [SqliteStore::open(&file).await.unwrap(), SqliteStore::open(&file).await.unwrap()];
    one.insert(&make::client("CL-a"), None).await.unwrap();
    let call = |id| vec![make::call("CL-a", id, NOON)];
    let first = other.append(&make::batch(make::stream(1), 0, call(1))).await;
    assert_eq!(first, Ok(Append::Stored(Appended { stored: 1, ..Appended::default() })));
    let erased = one.erase(&make::client_id("CL-a"), &make::client_id("anon-1"), make::at(NOON)).await;
    assert_eq!(erased, Ok(true));
    let second = other.append(&make::batch(make::stream(1), 1, call(2))).await;
    assert_eq!(second, Ok(Append::Stored(Appended { discarded: 1, ..Appended::default() })));
    purge(&one).await;
    assert_eq!((count(&file, "activity"), count(&file, "client_number")), (0, 1));
}

/// While somebody reads an old state, the log cannot be emptied: that is put off and holds up nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_reader_puts_the_end_off() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("activity.db");
    let store = SqliteStore::open(&file).await.unwrap();
    store.insert(&make::client("CL-a"), None).await.unwrap();
    let mut reader = SqliteConnection::establish(&file.to_string_lossy()).unwrap();
    reader.batch_execute("BEGIN; SELECT count(*) FROM client").unwrap();
    let erased = store.erase(&make::client_id("CL-a"), &make::client_id("anon-1"), make::at(NOON)).await;
    assert_eq!(erased, Ok(true));
    purge(&store).await;
    assert_eq!(count(&file, "erasing"), 1, "there is something left to do");
    reader.batch_execute("COMMIT").unwrap();
    purge(&store).await;
    assert_eq!(count(&file, "erasing"), 0);
}
