//! Laws of erasing: the client goes, its counts stay, and nothing brings it back.

use std::sync::Arc;

use activity_domain::activity::{Activity, Endpoint};
use activity_domain::client::Client;
use activity_domain::error::InsertError;
use activity_domain::hygiene::ERASED;
use activity_domain::port::{Append, Appended, Read};
use activity_domain::span::Span;
use activity_domain::time::{Timestamp, Zone};
use activity_domain::usage::{DailyQuery, EndpointSort, EndpointsQuery, LogFilter, LogQuery, MAX_PAGE};

use crate::{Harness, Stores, ask, make};

const NOON: &str = "2026-03-10T12:00:00Z";

fn now() -> Timestamp {
    make::at(NOON)
}

fn calls(client: &str, ids: impl IntoIterator<Item = u128>) -> Vec<Activity> {
    ids.into_iter().map(|id| make::answered(make::call(client, id, NOON), 500, Some(1_000))).collect()
}

fn ada() -> Client {
    Client { email: Some(make::email("ada@example.org")), ..make::client("CL-ada") }
}

/// A store with two clients of which each has made calls.
async fn with_two(harness: &dyn Harness) -> Stores {
    let stores = harness.fresh().await;
    stores.clients.insert(&ada(), Some(&make::key(1))).await.expect("insert");
    stores.clients.insert(&make::client("CL-bob"), Some(&make::key(2))).await.expect("insert");
    let rows = [calls("CL-ada", 0..5), calls("CL-bob", 0..3)].concat();
    ask::store(&stores, &make::batch(make::stream(1), 0, rows)).await;
    stores
}

async fn erase(stores: &Stores) -> bool {
    stores.clients.erase(&ada().id, &make::client_id("anon-1"), now()).await.expect("erase")
}

async fn purge(stores: &Stores) {
    for _ in 0..1_000 {
        if !stores.upkeep.purge(now()).await.expect("purge").more {
            return;
        }
    }
    panic!("purging does not end");
}

fn named(counts: &[(&str, u64)]) -> std::collections::BTreeMap<String, u64> {
    counts.iter().map(|(id, count)| ((*id).to_owned(), *count)).collect()
}

/// An erased client is found in no way any more; the others are.
pub async fn an_erased_client_is_gone(harness: &dyn Harness) {
    let stores = with_two(harness).await;
    assert!(erase(&stores).await);
    for read in [Read::Latest, Read::Eventual] {
        assert_eq!(stores.clients.by_id(&ada().id, read).await, Ok(None));
        assert_eq!(stores.clients.account(&ada().id, read).await, Ok(None));
        assert_eq!(stores.clients.by_key(&make::key(1).digest, read).await, Ok(None));
        let listed = stores.clients.list(None, MAX_PAGE, read).await.expect("list");
        let listed: Vec<&str> = listed.iter().map(|account| account.client.id.as_str()).collect();
        assert_eq!(listed, ["CL-bob"]);
    }
    assert!(stores.clients.by_key(&make::key(2).digest, Read::Latest).await.expect("by_key").is_some());
    assert!(!erase(&stores).await, "there is nothing left to erase");
}

/// One who is not there cannot be erased, and leaves no mark: it may still come.
pub async fn erasing_nobody_changes_nothing(harness: &dyn Harness) {
    let stores = with_two(harness).await;
    let nobody = make::client_id("CL-nobody");
    ask::store(&stores, &make::batch(make::stream(2), 0, calls("CL-nobody", 0..2))).await;
    let erased = stores.clients.erase(&nobody, &make::client_id("anon-1"), now()).await;
    assert_eq!(erased, Ok(false));
    assert_eq!(stores.clients.insert(&make::client("CL-nobody"), None).await, Ok(()));
    let more = ask::store(&stores, &make::batch(make::stream(3), 0, calls("CL-nobody", 2..4))).await;
    assert_eq!(more, Appended { stored: 2, ..Appended::default() });
    let counts = named(&[("CL-ada", 5), ("CL-bob", 3), ("CL-nobody", 4)]);
    assert_eq!(ask::counts(&stores).await, counts);
}

/// Its counts stay under the anonymous id, on the same days, before and after the purge and the
/// compaction, and totals do not change.
pub async fn an_erased_clients_counts_stay_anonymous(harness: &dyn Harness) {
    let stores = with_two(harness).await;
    let total = ask::total(&stores).await;
    // Some of it is waiting to be compacted, and some is not.
    ask::store(&stores, &make::batch(make::stream(2), 0, calls("CL-ada", 5..7))).await;
    assert!(erase(&stores).await);
    let expected = named(&[("CL-bob", 3), ("anon-1", 7)]);
    assert_eq!(ask::counts(&stores).await, expected);
    purge(&stores).await;
    assert_eq!(ask::counts(&stores).await, expected);
    assert_eq!(ask::total(&stores).await, total + 2);

    let days = make::days("2026-03-09", "2026-03-11");
    let query = DailyQuery { days, zone: Zone::utc(), client: None, limit: MAX_PAGE, after: None };
    let rows = ask::daily(&stores, query).await;
    let rows: Vec<_> = rows
        .iter()
        .map(|row| (row.client.as_str(), row.summary.requests, row.summary.errors, row.summary.micros))
        .collect();
    assert_eq!(rows, [("anon-1", 7, 7, 7_000), ("CL-bob", 3, 3, 3_000)]);
    let top = ask::top(&stores, ask::always()).await;
    assert_eq!(top[0].name.as_str(), "anon-1", "no name is left");
}

/// What still arrives of an erased client is discarded and counted as that, from old streams and new
/// ones; its neighbours are stored.
pub async fn later_rows_of_an_erased_client_are_discarded(harness: &dyn Harness) {
    let stores = with_two(harness).await;
    assert!(erase(&stores).await);
    // New ones, ones that were there, twice the same, and another client's.
    let rows = [calls("CL-ada", [9, 0, 9]), calls("CL-bob", [0, 9])].concat();
    let batch = make::batch(make::stream(1), 8, rows);
    let appended = ask::store(&stores, &batch).await;
    assert_eq!(appended, Appended { stored: 1, duplicate: 1, discarded: 3, ..Appended::default() });
    let only = make::batch(make::stream(7), 0, calls("CL-ada", 20..22));
    assert_eq!(ask::store(&stores, &only).await, Appended { discarded: 2, ..Appended::default() });
    purge(&stores).await;
    let again = make::batch(make::stream(8), 0, calls("CL-ada", 0..2));
    assert_eq!(ask::store(&stores, &again).await, Appended { discarded: 2, ..Appended::default() });
    assert_eq!(ask::counts(&stores).await, named(&[("CL-bob", 4), ("anon-1", 5)]));
}

/// A batch that was stored before the erasure and is sent again changes nothing, whatever its stream.
pub async fn a_replay_after_an_erasure_changes_nothing(harness: &dyn Harness) {
    let stores = with_two(harness).await;
    let rows = [calls("CL-ada", 0..5), calls("CL-bob", 0..3)].concat();
    let batch = make::batch(make::stream(1), 0, rows.clone());
    assert!(erase(&stores).await);
    let expected = named(&[("CL-bob", 3), ("anon-1", 5)]);
    for _ in 0..2 {
        assert_eq!(stores.sink.append(&batch).await, Ok(Append::Moved(8)));
        assert_eq!(ask::counts(&stores).await, expected);
        purge(&stores).await;
    }
    let elsewhere = ask::store(&stores, &make::batch(make::stream(2), 0, rows)).await;
    assert_eq!(elsewhere, Appended { duplicate: 3, discarded: 5, ..Appended::default() });
    assert_eq!(ask::counts(&stores).await, expected);
}

/// The id stays taken, so that an import does not make the client anew; the email and the key's id are
/// free.
pub async fn an_erased_id_stays_taken_and_the_email_is_free(harness: &dyn Harness) {
    let stores = with_two(harness).await;
    assert!(erase(&stores).await);
    assert_eq!(stores.clients.insert(&ada(), Some(&make::key(1))).await, Err(InsertError::IdTaken));
    let bare = Client { email: None, ..ada() };
    let list = [bare, make::client("CL-new")];
    assert_eq!(stores.clients.insert_missing(&list).await, Ok(1));
    assert_eq!(stores.clients.by_id(&ada().id, Read::Latest).await, Ok(None));
    let again = Client { id: make::client_id("CL-ada-2"), ..ada() };
    assert_eq!(stores.clients.insert(&again, Some(&make::key(1))).await, Ok(()));
    ask::store(&stores, &make::batch(make::stream(2), 0, calls("CL-ada-2", 0..1))).await;
    assert_eq!(
        ask::counts(&stores).await,
        named(&[("CL-ada-2", 1), ("CL-bob", 3), ("anon-1", 5)]),
        "what was counted before does not become the new one's"
    );
}

/// An anonymous id is given once.
pub async fn a_taken_anonymous_id_is_refused(harness: &dyn Harness) {
    let stores = with_two(harness).await;
    assert!(erase(&stores).await);
    let bob = make::client_id("CL-bob");
    for taken in [make::client_id("anon-1"), bob.clone()] {
        assert!(stores.clients.erase(&bob, &taken, now()).await.is_err());
        assert!(stores.clients.by_id(&bob, Read::Latest).await.expect("by_id").is_some());
    }
}

/// Beside appends, compaction and a purge: what was told to be stored is counted, what was told to be
/// discarded is not, and no row comes in behind the erasure.
pub async fn erasing_beside_appends_loses_and_revives_nothing(harness: &dyn Harness) {
    let stores = with_two(harness).await;
    let writers: Vec<_> = (0..4u64)
        .map(|stream| {
            let sink = Arc::clone(&stores.sink);
            tokio::spawn(async move {
                let mut sum = Appended::default();
                for round in 0..10 {
                    let first = 1_000 + u128::from(stream * 100 + round * 10);
                    let batch = make::batch(
                        make::stream(100 + u128::from(stream)),
                        round * 10,
                        calls("CL-ada", first..first + 10),
                    );
                    let Append::Stored(appended) = sink.append(&batch).await.expect("append") else {
                        panic!("not stored")
                    };
                    assert!(sum.discarded == 0 || appended.stored == 0, "a row behind the erasure");
                    sum.stored += appended.stored;
                    sum.discarded += appended.discarded;
                }
                sum
            })
        })
        .collect();
    tokio::task::yield_now().await;
    assert!(erase(&stores).await);
    purge(&stores).await;
    let mut sum = Appended::default();
    for writer in writers {
        let appended = writer.await.expect("a writer that does not panic");
        sum.stored += appended.stored;
        sum.discarded += appended.discarded;
    }
    assert_eq!(sum.stored + sum.discarded, 400);
    purge(&stores).await;
    assert_eq!(ask::counts(&stores).await, named(&[("CL-bob", 3), ("anon-1", 5 + sum.stored)]));
}

/// A path that only the erased client called has no name any more; one that others call too keeps it. All
/// calls stay counted.
pub async fn paths_of_its_own_lose_their_names(harness: &dyn Harness) {
    let stores = with_two(harness).await;
    let path =
        |call: Activity, path: &str| Activity { endpoint: Endpoint::parse(path).expect("a path"), ..call };
    let own = calls("CL-ada", 10..13).into_iter().map(|call| path(call, "/homes/ada"));
    let shared = [calls("CL-ada", 20..22), calls("CL-bob", 20..21)].concat();
    let shared = shared.into_iter().map(|call| path(call, "/shared"));
    ask::store(&stores, &make::batch(make::stream(2), 0, own.chain(shared).collect())).await;
    assert!(erase(&stores).await);
    ask::compact(&stores, ask::now()).await;
    purge(&stores).await;
    let span =
        Span::around_hours(make::at("2026-03-10T00:00:00Z"), make::at("2026-03-11T00:00:00Z"), ask::now());
    for client in [None, Some(make::client_id("anon-1"))] {
        let everybody = client.is_none();
        let query = EndpointsQuery { span, client, sort: EndpointSort::Requests, limit: MAX_PAGE };
        let rows = stores.usage.endpoints(&query, Read::Latest).await.expect("endpoints");
        let count = |name: &str| {
            rows.iter()
                .filter(|row| row.endpoint.starts_with(name))
                .map(|row| row.summary.requests)
                .sum::<u64>()
        };
        assert_eq!((count("/homes"), count(ERASED)), (0, 3), "{rows:?}");
        assert_eq!(count("/shared"), if everybody { 3 } else { 2 });
        assert_eq!(count("/things"), if everybody { 8 } else { 5 });
    }
}

/// A path that several clients shared keeps its name until the last of them is erased, whatever names others
/// chose for theirs.
pub async fn a_shared_path_is_named_until_the_last_is_erased(harness: &dyn Harness) {
    let stores = with_two(harness).await;
    stores.clients.insert(&make::client("CL-eve"), Some(&make::key(3))).await.expect("insert");
    let path =
        |call: Activity, path: &str| Activity { endpoint: Endpoint::parse(path).expect("a path"), ..call };
    let shared = [calls("CL-ada", 10..12), calls("CL-bob", 10..13)].concat();
    let shared = shared.into_iter().map(|call| path(call, "/homes"));
    let own = (1..20u128).map(|n| path(make::call("CL-eve", n, NOON), &format!("{ERASED} {n})")));
    let own =
        own.chain((20..40u128).map(|n| path(make::call("CL-eve", n, NOON), &format!("{ERASED} #{n})"))));
    ask::store(&stores, &make::batch(make::stream(2), 0, shared.chain(own).collect())).await;
    ask::compact(&stores, ask::now()).await;
    let span =
        Span::around_hours(make::at("2026-03-10T00:00:00Z"), make::at("2026-03-11T00:00:00Z"), ask::now());
    for (client, anonymous, homes) in [("CL-ada", "anon-1", 5), ("CL-bob", "anon-2", 0)] {
        let (client, anonymous) = (make::client_id(client), make::client_id(anonymous));
        assert!(stores.clients.erase(&client, &anonymous, now()).await.expect("erase"));
        purge(&stores).await;
        let query = EndpointsQuery { span, client: None, sort: EndpointSort::Requests, limit: MAX_PAGE };
        let rows = stores.usage.endpoints(&query, Read::Latest).await.expect("endpoints");
        let of = |name: &str| {
            rows.iter().filter(|row| row.endpoint == name).map(|row| row.summary.requests).sum::<u64>()
        };
        assert_eq!(of("/homes"), homes, "{rows:?}");
        let all: u64 = rows.iter().map(|row| row.summary.requests).sum();
        assert_eq!(all, 5 + 3 + 5 + 39);
    }
}

/// Its raw rows are not shown, from the first instant on.
pub async fn its_rows_are_not_shown(harness: &dyn Harness) {
    let stores = with_two(harness).await;
    assert!(erase(&stores).await);
    for _ in 0..2 {
        for client in [None, Some("anon-1"), Some("CL-ada")] {
            let query = LogQuery {
                from: Timestamp::EPOCH,
                to: make::at(make::LATEST),
                client: client.map(make::client_id),
                filter: LogFilter::default(),
                with_audit: false,
                limit: MAX_PAGE,
                after: None,
            };
            let page = stores.usage.activities(&query, Read::Latest).await.expect("activities");
            let shown: Vec<&str> = page.rows.iter().map(|row| row.client.as_str()).collect();
            assert_eq!(shown, ["CL-bob"; 3][..if client.is_none() { 3 } else { 0 }]);
        }
        purge(&stores).await;
    }
}
