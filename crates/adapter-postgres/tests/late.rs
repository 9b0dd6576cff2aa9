//! Whoever follows what changes late misses nothing, and is not told of the rest.

#![expect(clippy::expect_used, reason = "helpers of tests; clippy knows only the tests")]

mod kit;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use activity_adapter_postgres::{Options, PostgresStore, Server};
use activity_contract::late::LateStores;
use activity_contract::make;
use activity_domain::cache::{Changed, Position};
use activity_domain::port::{ActivitySink, Append, Batch, Late, LateFeed, Upkeep};
use activity_domain::time::Timestamp;
use activity_testkit::{Database, PostgresCluster};

async fn since(store: &PostgresStore, position: Option<&Position>) -> Late {
    store.late_since(position).await.expect("what came late")
}

/// The quarter hours that were told, in minutes.
fn told(late: &Late) -> BTreeSet<i64> {
    let quarters = late.changes.iter().filter_map(|change| match change.what {
        Changed::Minutes(span) => Some((span.from.0..span.to.0).step_by(15)),
        Changed::Names => None,
    });
    quarters.flatten().collect()
}

/// Where the store stands when all is settled that came after a position. Numbers are those of the whole server: a
/// transaction in another database holds them back for a while.
async fn settled(store: &PostgresStore, before: &Position) -> Position {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let late = since(store, Some(before)).await;
        let newest = late.changes.iter().map(|change| change.no).max().expect("a change");
        if newest < late.position.settled {
            return late.position;
        }
        assert!(Instant::now() < deadline, "never settled: {late:?}");
        tokio::task::yield_now().await;
    }
}

/// Stores an event for each time.
async fn store_rows(store: &PostgresStore, stream: u128, from: u64, times: &[String]) {
    let id = |n: u128| (stream << 64) | (u128::from(from) << 32) | n;
    let rows = (0u128..).zip(times).map(|(n, at)| make::call("CL-1", id(n), at)).collect();
    append(store, &make::batch(make::stream(stream), from, rows)).await;
}

async fn append(store: &PostgresStore, batch: &Arc<Batch>) {
    let stored = store.append(batch).await.expect("stored");
    assert!(matches!(stored, Append::Stored(_)), "{stored:?}");
}

fn minute(at: &str) -> i64 {
    make::at(at).minute().floor_to(15).0
}

/// By the database's clock.
fn now(database: &Database) -> Timestamp {
    let text = database.sql("SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint");
    Timestamp::from_micros(text.parse().expect("microseconds")).expect("an instant")
}

async fn fresh() -> LateStores {
    let database = kit::database();
    let store = Arc::new(kit::store(&database));
    LateStores { sink: store.clone(), feed: store, guard: Box::new(database) }
}

activity_contract::late_laws!(fresh);

/// The first one to begin is the last to commit.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_takes_long_is_told_when_it_has_come_about() {
    let database = kit::database();
    let store = kit::store(&database);
    let before = since(&store, None).await.position;
    let slow = kit::hold(&database, "INSERT INTO late_quarter (first, after) VALUES (15, 30)").await;
    store_rows(&store, 1, 0, &["2026-03-10T10:07:00Z".into()]).await;
    let late = since(&store, Some(&before)).await;
    assert_eq!(told(&late), BTreeSet::from([minute("2026-03-10T10:07:00Z")]));
    assert!(late.position.settled < late.position.open, "one is under way");
    // It is not told twice meanwhile.
    let position = since(&store, Some(&late.position)).await.position;
    assert!(since(&store, Some(&position)).await.changes.is_empty());
    slow.batch_execute("COMMIT").await.expect("a commit");
    let late = since(&store, Some(&position)).await;
    assert_eq!(told(&late), BTreeSet::from([15]));
    // It need not be settled: numbers are those of the whole server, and another database may hold them back.
    assert!(late.changes[0].no >= before.settled && late.changes[0].no < late.position.open);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_rows_go_and_who_would_have_needed_them_is_told() {
    let database = kit::database();
    let store = kit::store(&database);
    let before = since(&store, None).await.position;
    store_rows(&store, 1, 0, &["2026-03-10T10:07:00Z".into()]).await;
    let after = settled(&store, &before).await;
    store.purge(now(&database).plus_seconds(86_000)).await.expect("kept");
    assert_eq!(since(&store, Some(&before)).await.changes.len(), 1);
    store.purge(now(&database).plus_seconds(86_500)).await.expect("gone");
    assert_eq!(database.sql("SELECT count(*) FROM late_quarter"), "0");
    let late = since(&store, Some(&before)).await;
    assert!(late.from.is_some_and(|from| from > before.settled), "{late:?}");
    let late = since(&store, Some(&after)).await;
    assert!(late.from.is_none() && late.changes.is_empty(), "{late:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_at_once_is_told_as_a_new_beginning() {
    let database = kit::database();
    let store = kit::store(&database);
    let before = since(&store, None).await.position;
    database.sql("INSERT INTO late_quarter (first, after) SELECT 0, 15 FROM generate_series(1, 19999)");
    assert_eq!(since(&store, Some(&before)).await.changes.len(), 19_999);
    database.sql("INSERT INTO late_quarter (first, after) VALUES (15, 30), (30, 45)");
    let late = since(&store, Some(&before)).await;
    assert_eq!(told(&late), BTreeSet::from([15, 30]), "those of a transaction that may be cut are left out");
    assert!(late.from.is_some_and(|from| from > before.settled));
}

/// A promoted standby numbers what it does anew, from where it stood.
#[tokio::test(flavor = "multi_thread")]
async fn another_primary_is_another_history() {
    let mut cluster = PostgresCluster::start(1);
    let url = {
        let (one, other) = (cluster.primary.address(), cluster.replicas[0].address());
        format!(
            "postgres://{}:{}@{}:{},{}:{}/postgres?target_session_attrs=read-write",
            one.user, one.password, one.host, one.port, other.host, other.port
        )
    };
    let server = Server::parse(&url).expect("two servers");
    let options = Options::new(server);
    let wait = Duration::from_secs(30);
    let store = PostgresStore::new(Options { reader_wait: wait, writer_wait: wait, ..options });
    let before = kit::answered("the store", || store.late_since(None)).position;
    assert!(since(&store, Some(&before)).await.from.is_none());
    cluster.wait_caught_up();
    cluster.primary.kill();
    let lost = cluster.promote(0);
    let late = kit::answered("the other one", || store.late_since(Some(&before)));
    assert_eq!(late.from, Some(0));
    assert_ne!(late.position.history, before.history);
    drop(lost);
}
