//! What changes in a store is hinted at, and what changes nothing is not.

use std::sync::Arc;
use std::time::Duration;

use activity_adapter_memory::{FeedOptions, MemoryFeed, MemoryStore, SeededRandomness, Times};
use activity_contract::make;
use activity_domain::client::ClientChange;
use activity_domain::live::{About, Scope};
use activity_domain::port::{ActivitySink, ClientRepo, Hints, LiveFeed};
use activity_domain::service::{TellingClients, TellingSink};

const NOON: &str = "2026-03-10T12:00:00Z";

fn feed() -> Arc<dyn LiveFeed> {
    Arc::new(MemoryFeed::new(Arc::new(SeededRandomness::new(1)), FeedOptions::default()))
}

/// Hints of a feed of one process are there when whoever gave them goes on.
async fn is_hinted(hints: &mut Box<dyn Hints>) -> bool {
    tokio::time::timeout(Duration::ZERO, hints.next()).await.is_ok()
}

#[tokio::test]
async fn usage_changes_where_something_new_is_stored() {
    let (store, feed) = (Arc::new(MemoryStore::new()), feed());
    let sink = TellingSink::new(store.clone(), feed.clone());
    let of = |client| feed.hints(About::Usage(Scope::Client(make::client_id(client))));
    let (mut a, mut b, mut all) = (of("a"), of("b"), feed.hints(About::Usage(Scope::Everybody)));
    let batch = make::batch(make::stream(1), 0, vec![make::call("a", 1, NOON)]);

    store.fail_appends(Times::Next(1));
    sink.append(&batch).await.unwrap_err();
    assert!(!is_hinted(&mut all).await, "nothing was stored");
    sink.append(&batch).await.unwrap();
    assert!(is_hinted(&mut a).await && is_hinted(&mut all).await && !is_hinted(&mut b).await);
    sink.append(&batch).await.unwrap();
    assert!(is_hinted(&mut a).await, "it may have been an attempt whose answer was lost");
    assert!(is_hinted(&mut all).await);
    let again = make::batch(make::stream(2), 0, vec![make::call("a", 1, NOON)]);
    sink.append(&again).await.unwrap();
    assert!(!is_hinted(&mut all).await, "it was there already");
}

#[tokio::test]
async fn clients_change_where_a_change_is_listed() {
    let (store, feed) = (Arc::new(MemoryStore::new()), feed());
    let clients = TellingClients::new(store, feed.clone());
    let mut hints = feed.hints(About::Clients);
    let (client, now) = (make::client("a"), make::at(NOON));
    clients.insert(&client, Some(&make::key(1))).await.unwrap();
    clients.touch(&[(make::key(1).id, now)]).await.unwrap();
    assert!(!is_hinted(&mut hints).await, "nobody remembers what was not there");
    let change = ClientChange { is_active: Some(false), ..ClientChange::default() };
    clients.update(&client.id, &change, now).await.unwrap();
    assert!(is_hinted(&mut hints).await);
    clients.add_key(&client.id, &make::key(2), None).await.unwrap();
    assert!(is_hinted(&mut hints).await);
    clients.revoke_key(&client.id, &make::key(2).id, now).await.unwrap();
    assert!(is_hinted(&mut hints).await);
    clients.erase(&client.id, &make::client_id("anon-a"), now).await.unwrap();
    assert!(is_hinted(&mut hints).await);
}
