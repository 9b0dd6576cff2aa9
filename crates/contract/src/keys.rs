//! Laws of `ClientRepo`: clients are changed and listed; keys come, end and go.

use std::sync::Arc;

use activity_domain::client::{Client, ClientChange, ClientName, RateLimit, Role};
use activity_domain::error::{AddKeyError, UpdateError};
use activity_domain::key::KeyRecord;
use activity_domain::port::{Account, HeldKey, MAX_KEYS, Read};
use activity_domain::time::Timestamp;

use crate::{Harness, Stores, make};

fn now() -> Timestamp {
    make::at("2026-03-10T12:00:00Z")
}

/// A store with the client `CL-1` and its key 1.
async fn with_one(harness: &dyn Harness) -> Stores {
    let stores = harness.fresh().await;
    stores.clients.insert(&make::client("CL-1"), Some(&make::key(1))).await.expect("insert");
    stores
}

async fn account(stores: &Stores, id: &str) -> Account {
    let found = stores.clients.account(&make::client_id(id), Read::Latest).await;
    found.expect("account").expect("a client")
}

async fn records(stores: &Stores, id: &str) -> Vec<KeyRecord> {
    account(stores, id).await.keys.into_iter().map(|key| key.record).collect()
}

/// A key that was made at an instant.
fn key_at(number: u8, created_at: Timestamp) -> KeyRecord {
    KeyRecord { created_at, ..make::key(number) }
}

/// What a change names is changed, in every view of the client; what it does not name stays.
pub async fn a_change_changes_what_it_names(harness: &dyn Harness) {
    let stores = with_one(harness).await;
    let mut client = make::client("CL-1");
    let changes = [
        ClientChange { name: Some(ClientName::parse("another").expect("a name")), ..Default::default() },
        ClientChange { email: Some(make::email("ada@example.org")), ..Default::default() },
        ClientChange { rate_limit: Some(RateLimit::parse(7).expect("a limit")), ..Default::default() },
        ClientChange { role: Some(Role::Service), ..Default::default() },
        ClientChange { is_active: Some(false), ..Default::default() },
        ClientChange {
            email: Some(make::email("bob@example.org")),
            is_active: Some(true),
            ..Default::default()
        },
    ];
    for change in changes {
        change.apply(&mut client);
        let answer = stores.clients.update(&client.id, &change, now()).await;
        assert_eq!(answer, Ok(Some(client.clone())), "{change:?}");
        assert_eq!(stores.clients.by_id(&client.id, Read::Latest).await, Ok(Some(client.clone())));
        assert_eq!(account(&stores, "CL-1").await.client, client);
        let found = stores.clients.by_key(&make::key(1).digest, Read::Latest).await.expect("by_key");
        assert_eq!(found.expect("the key stays").0, client);
    }
    let nobody = stores.clients.update(&make::client_id("CL-2"), &ClientChange::default(), now()).await;
    assert_eq!(nobody, Ok(None));
}

/// A change to an email that another client has is refused whole; to one's own it is none.
pub async fn a_change_to_a_taken_email_is_refused_whole(harness: &dyn Harness) {
    let stores = with_one(harness).await;
    let ada = Client { email: Some(make::email("ada@example.org")), ..make::client("CL-2") };
    stores.clients.insert(&ada, None).await.expect("insert");
    let change = ClientChange { email: ada.email.clone(), is_active: Some(false), ..Default::default() };
    let refused = stores.clients.update(&make::client_id("CL-1"), &change, now()).await;
    assert_eq!(refused, Err(UpdateError::EmailTaken));
    assert_eq!(account(&stores, "CL-1").await.client, make::client("CL-1"));
    let own = stores.clients.update(&ada.id, &change, now()).await;
    assert_eq!(own, Ok(Some(Client { is_active: false, ..ada })));
}

/// However many change to one email at once, one gets it.
pub async fn of_concurrent_changes_to_one_email_one_wins(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let change = ClientChange { email: Some(make::email("ada@example.org")), ..Default::default() };
    let mut attempts = Vec::new();
    for number in 0..8 {
        let client = make::client(&format!("CL-{number}"));
        stores.clients.insert(&client, None).await.expect("insert");
        let (repo, change) = (Arc::clone(&stores.clients), change.clone());
        attempts.push(tokio::spawn(async move { repo.update(&client.id, &change, now()).await }));
    }
    let mut winners = 0;
    for attempt in attempts {
        match attempt.await.expect("an update that does not panic") {
            Ok(Some(_)) => winners += 1,
            refused => assert_eq!(refused, Err(UpdateError::EmailTaken)),
        }
    }
    assert_eq!(winners, 1);
}

/// Pages of any length, put together, are all clients in the order of their ids' bytes.
pub async fn a_list_has_every_client_once_in_order(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let ids = ["-", ".", "CL-1", "CL-10", "CL-2", "CL-a", "_", "a", "cl-1"];
    for (number, id) in (1..).zip(["a", "CL-10", "-", "cl-1", "CL-a", "CL-1", "_", ".", "CL-2"]) {
        stores.clients.insert(&make::client(id), Some(&make::key(number))).await.expect("insert");
    }
    // Rows alone make no client.
    let row = make::call("CL-unknown", 1, "2026-03-10T10:00:00Z");
    crate::ask::store(&stores, &make::batch(make::stream(1), 0, vec![row])).await;
    for limit in [1, 2, 9, 100] {
        let mut listed: Vec<Account> = Vec::new();
        loop {
            let after = listed.last().map(|account| account.client.id.clone());
            let page = stores.clients.list(after.as_ref(), limit, Read::Latest).await.expect("list");
            assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            listed.extend(page);
        }
        let listed: Vec<_> = listed.iter().map(|a| (a.client.id.as_str(), a.keys.len())).collect();
        assert_eq!(listed, ids.map(|id| (id, 1)), "by {limit}");
    }
}

/// A client's keys are its own, as they were added, oldest first; each finds its client.
pub async fn added_keys_are_found_as_they_were(harness: &dyn Harness) {
    let stores = with_one(harness).await;
    stores.clients.insert(&make::client("CL-2"), Some(&make::key(2))).await.expect("insert");
    let id = make::client_id("CL-1");
    let second = KeyRecord { expires_at: Some(make::at(make::LATEST)), ..key_at(3, now()) };
    let third = key_at(4, now());
    assert_eq!(stores.clients.add_key(&id, &second, None).await, Ok(()));
    assert_eq!(stores.clients.add_key(&id, &third, None).await, Ok(()));
    assert_eq!(records(&stores, "CL-1").await, [make::key(1), second.clone(), third.clone()]);
    assert_eq!(records(&stores, "CL-2").await, [make::key(2)]);
    for key in [make::key(1), second, third] {
        let found = stores.clients.by_key(&key.digest, Read::Latest).await;
        assert_eq!(found, Ok(Some((make::client("CL-1"), key))));
    }
}

/// A key needs a client, and an id and a digest of its own.
pub async fn a_key_without_client_or_with_a_taken_id_is_refused(harness: &dyn Harness) {
    let stores = with_one(harness).await;
    stores.clients.insert(&make::client("CL-2"), None).await.expect("insert");
    let nobody = stores.clients.add_key(&make::client_id("CL-3"), &make::key(2), None).await;
    assert_eq!(nobody, Err(AddKeyError::NoSuchClient));
    let same_digest = KeyRecord { digest: make::key(1).digest, ..make::key(3) };
    let same_id = KeyRecord { id: make::key(1).id, ..make::key(3) };
    for taken in [same_digest, same_id] {
        for id in ["CL-1", "CL-2"] {
            let refused = stores.clients.add_key(&make::client_id(id), &taken, Some(now())).await;
            assert_eq!(refused, Err(AddKeyError::IdTaken));
        }
    }
    assert_eq!(records(&stores, "CL-1").await, [make::key(1)]);
    assert_eq!(records(&stores, "CL-2").await, []);
}

/// With an overlap, older keys end at that instant, but none lives longer for it; other clients' keys
/// stay as they are. What has ended is there until the next key comes.
pub async fn an_overlap_shortens_older_keys_only(harness: &dyn Harness) {
    let stores = with_one(harness).await;
    stores.clients.insert(&make::client("CL-2"), Some(&make::key(9))).await.expect("insert");
    let id = make::client_id("CL-1");
    let (soon, later) = (now().plus_seconds(60), now().plus_seconds(3_600));
    let ends_soon = KeyRecord { expires_at: Some(soon), ..key_at(2, now()) };
    assert_eq!(stores.clients.add_key(&id, &ends_soon, None).await, Ok(()));
    let new = key_at(3, now().plus_seconds(1));
    assert_eq!(stores.clients.add_key(&id, &new, Some(later)).await, Ok(()));
    let shortened = KeyRecord { expires_at: Some(later), ..make::key(1) };
    assert_eq!(records(&stores, "CL-1").await, [shortened.clone(), ends_soon, new.clone()]);
    assert_eq!(records(&stores, "CL-2").await, [make::key(9)]);

    let next = key_at(4, soon);
    assert_eq!(stores.clients.add_key(&id, &next, None).await, Ok(()));
    assert_eq!(records(&stores, "CL-1").await, [shortened, new, next.clone()], "one has ended");
    let last = key_at(5, soon.plus_seconds(1));
    assert_eq!(stores.clients.add_key(&id, &last, Some(last.created_at)).await, Ok(()));
    assert_eq!(records(&stores, "CL-1").await, [last], "all others end at once");
    assert_eq!(stores.clients.by_key(&next.digest, Read::Latest).await, Ok(None));
}

/// There is an end to the keys of a client; one that takes the others' place still fits.
pub async fn a_client_has_a_bounded_number_of_keys(harness: &dyn Harness) {
    let stores = with_one(harness).await;
    let id = make::client_id("CL-1");
    for number in 2..=MAX_KEYS {
        let key = key_at(u8::try_from(number).expect("a small number"), now());
        assert_eq!(stores.clients.add_key(&id, &key, None).await, Ok(()), "key {number}");
    }
    let full = records(&stores, "CL-1").await;
    assert_eq!(full.len(), MAX_KEYS);
    let more = key_at(200, now());
    for overlap in [None, Some(now().plus_seconds(1))] {
        assert_eq!(stores.clients.add_key(&id, &more, overlap).await, Err(AddKeyError::TooMany));
    }
    assert_eq!(records(&stores, "CL-1").await, full, "a refusal changes nothing");
    assert_eq!(stores.clients.revoke_key(&id, &full[3].id, now()).await, Ok(true));
    assert_eq!(stores.clients.add_key(&id, &more, None).await, Ok(()));
    let instead = key_at(201, now());
    assert_eq!(stores.clients.add_key(&id, &instead, Some(now())).await, Ok(()));
    assert_eq!(records(&stores, "CL-1").await, [instead]);
}

/// However many add keys at once, the bound holds, and of two with one digest one is added.
pub async fn of_concurrent_keys_no_more_than_fit_are_added(harness: &dyn Harness) {
    let stores = with_one(harness).await;
    let attempts: Vec<_> = (0..40u8)
        .map(|number| {
            let repo = Arc::clone(&stores.clients);
            // Each twice.
            let key = key_at(100 + number / 2, now());
            tokio::spawn(async move { repo.add_key(&make::client_id("CL-1"), &key, None).await })
        })
        .collect();
    let mut added = 0;
    for attempt in attempts {
        match attempt.await.expect("an attempt that does not panic") {
            Ok(()) => added += 1,
            Err(error) => assert!(matches!(error, AddKeyError::IdTaken | AddKeyError::TooMany), "{error:?}"),
        }
    }
    assert_eq!(added, MAX_KEYS - 1);
    let mut digests: Vec<_> = records(&stores, "CL-1").await.iter().map(|key| key.digest.0).collect();
    digests.dedup();
    assert_eq!(digests.len(), MAX_KEYS);
}

/// A revoked key is gone, and only its client can lose it.
pub async fn a_revoked_key_is_gone(harness: &dyn Harness) {
    let stores = with_one(harness).await;
    stores.clients.insert(&make::client("CL-2"), Some(&make::key(2))).await.expect("insert");
    let (id, key) = (make::client_id("CL-1"), make::key(1));
    let others = stores.clients.revoke_key(&make::client_id("CL-2"), &key.id, now()).await;
    assert_eq!(others, Ok(false), "another client's");
    assert_eq!(stores.clients.revoke_key(&make::client_id("CL-3"), &key.id, now()).await, Ok(false));
    assert_eq!(records(&stores, "CL-1").await, [make::key(1)]);
    assert_eq!(stores.clients.revoke_key(&id, &key.id, now()).await, Ok(true));
    assert_eq!(stores.clients.revoke_key(&id, &key.id, now()).await, Ok(false));
    assert_eq!(stores.clients.by_key(&key.digest, Read::Latest).await, Ok(None));
    assert_eq!(records(&stores, "CL-1").await, []);
    assert_eq!(records(&stores, "CL-2").await, [make::key(2)]);
}

/// The latest use of a key is kept, for itself and its client; the client's outlives the key.
pub async fn the_latest_use_is_kept(harness: &dyn Harness) {
    let stores = with_one(harness).await;
    let id = make::client_id("CL-1");
    stores.clients.add_key(&id, &key_at(2, now()), None).await.expect("add_key");
    let never = account(&stores, "CL-1").await;
    assert!(never.last_access_at.is_none() && never.keys.iter().all(|key| key.last_used_at.is_none()));
    let at = |seconds| now().plus_seconds(seconds);
    let [one, two, unknown] = [1, 2, 3].map(|number| make::key(number).id);
    let uses = [(one.clone(), at(5)), (two.clone(), at(9)), (one.clone(), at(3)), (unknown, at(99))];
    assert_eq!(stores.clients.touch(&uses).await, Ok(()));
    assert_eq!(stores.clients.touch(&[(two, at(1))]).await, Ok(()));
    assert_eq!(stores.clients.touch(&[]).await, Ok(()));
    let after = account(&stores, "CL-1").await;
    let last: Vec<_> = after.keys.iter().map(|HeldKey { last_used_at, .. }| *last_used_at).collect();
    assert_eq!((after.last_access_at, last), (Some(at(9)), vec![Some(at(5)), Some(at(9))]));
    stores.clients.revoke_key(&id, &make::key(2).id, now()).await.expect("revoke");
    assert_eq!(account(&stores, "CL-1").await.last_access_at, Some(at(9)));
    assert_eq!(stores.clients.list(None, 9, Read::Latest).await, Ok(vec![account(&stores, "CL-1").await]));
}
