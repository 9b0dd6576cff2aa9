//! Laws of `ClientRepo`.

use std::sync::Arc;

use activity_domain::client::{Client, ClientName, RateLimit, Role};
use activity_domain::error::InsertError;
use activity_domain::key::KeyRecord;
use activity_domain::port::Read;

use crate::{Harness, Stores, ask, make};

async fn insert(stores: &Stores, client: &Client, key: Option<&KeyRecord>) {
    assert_eq!(stores.clients.insert(client, key).await, Ok(()), "{client:?}");
}

async fn assert_found(stores: &Stores, client: &Client, key: Option<&KeyRecord>) {
    let found = stores.clients.by_id(&client.id, Read::Latest).await;
    assert_eq!(found, Ok(Some(client.clone())));
    if let Some(key) = key {
        let found = stores.clients.by_key(&key.digest, Read::Latest).await;
        assert_eq!(found, Ok(Some((client.clone(), key.clone()))));
    }
}

/// Names, roles and times at the edges of what their types take.
fn extremes() -> Vec<Client> {
    let plain = make::client("CL-plain");
    let name = |text: &str| ClientName::parse(text).expect("a name");
    let limit = |n| RateLimit::parse(n).expect("a limit");
    let longest = format!("{}@{}.example", "ä".repeat(60), ["b".repeat(60), "ü".repeat(30)].join("."));
    vec![
        Client { id: make::client_id(&"x".repeat(64)), name: name(&"🦀".repeat(100)), ..plain.clone() },
        Client { id: make::client_id("."), name: name("'; DROP TABLE client; --"), ..plain.clone() },
        Client { id: make::client_id("0"), name: name("שלום e\u{301} \\ \" %s ${x}"), ..plain.clone() },
        Client { id: make::client_id("_"), role: Role::Admin, is_active: false, ..plain.clone() },
        Client { id: make::client_id("-"), role: Role::Service, rate_limit: limit(1), ..plain.clone() },
        Client { id: make::client_id("CL-rich"), rate_limit: limit(1_000_000_000), ..plain.clone() },
        Client {
            id: make::client_id("CL-old"),
            created_at: make::at("1970-01-01T00:00:00Z"),
            ..plain.clone()
        },
        Client { id: make::client_id("CL-new"), created_at: make::at(make::LATEST), ..plain.clone() },
        Client {
            id: make::client_id("CL-mail"),
            email: Some(make::email("o'ada+%@ex-ample.org")),
            ..plain.clone()
        },
        Client { email: Some(make::email(&longest)), ..plain },
    ]
}

/// A client comes back with every field as it was, by id and by key, whether it has a key or not.
pub async fn inserted_clients_are_found_as_they_were(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let clients = extremes();
    let key_of = |index: usize| (index != 4).then(|| make::key(u8::try_from(index).unwrap_or(u8::MAX)));
    for (index, client) in clients.iter().enumerate() {
        insert(&stores, client, key_of(index).as_ref()).await;
    }
    for (index, client) in clients.iter().enumerate() {
        assert_found(&stores, client, key_of(index).as_ref()).await;
    }
}

/// A client's limits come back as they were and in their order, whichever way the client came.
pub async fn limits_are_found_as_they_were_and_in_order(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let longest = "z".repeat(32);
    let path = format!("/{}", "\u{1f980}".repeat(63));
    let seven = vec![
        make::limit("zz", 5, 60, Some("/export")),
        make::shadow(make::limit("a", 1, 1, None)),
        make::limit(&longest, 1_000_000_000, 2_678_400, Some("/")),
        make::shadow(make::limit("-", 7, 7, Some(&path))),
        make::limit("0", 2, 86_400, Some("/'; DROP TABLE client_limit; --")),
        make::limit("export", 3, 3_600, Some("/export")),
        make::limit("aa", 4, 61, None),
    ];
    let some = |limits: &[_]| make::limits(limits.to_vec());
    let with = |id: &str, limits| Client { limits, ..make::client(id) };
    let clients = [
        with("CL-seven", some(&seven)),
        with("CL-none", make::limits(Vec::new())),
        with("CL-reversed", make::limits(seven.iter().rev().cloned().collect())),
        with("CL-one", some(&seven[..1])),
    ];
    for (number, client) in (1..).zip(&clients) {
        insert(&stores, client, Some(&make::key(number))).await;
    }
    let imported = with("CL-imported", some(&seven[2..]));
    assert_eq!(stores.clients.insert_missing(&[clients[1].clone(), imported.clone()]).await, Ok(1));
    let known = with("CL-seven", some(&seven[..2]));
    assert_eq!(stores.clients.insert_missing(&[known]).await, Ok(0));
    for (number, client) in (1..).zip(&clients) {
        assert_found(&stores, client, Some(&make::key(number))).await;
    }
    assert_found(&stores, &imported, None).await;
}

/// A client or key that does not exist is no error.
pub async fn what_is_missing_is_none(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    insert(&stores, &make::client("CL-1"), Some(&make::key(1))).await;
    for read in [Read::Latest, Read::Eventual] {
        assert_eq!(stores.clients.by_id(&make::client_id("CL-2"), read).await, Ok(None));
        assert_eq!(stores.clients.by_key(&make::key(2).digest, read).await, Ok(None));
    }
}

/// A second client with an email is refused, and neither it nor its key is left behind.
pub async fn a_taken_email_is_refused_whole(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let with_email = |id| Client { email: Some(make::email("ada@example.org")), ..make::client(id) };
    insert(&stores, &with_email("CL-1"), Some(&make::key(1))).await;
    let second = with_email("CL-2");
    let refused = stores.clients.insert(&second, Some(&make::key(2))).await;
    assert_eq!(refused, Err(InsertError::EmailTaken));
    assert_eq!(stores.clients.by_id(&second.id, Read::Latest).await, Ok(None));
    assert_eq!(stores.clients.by_key(&make::key(2).digest, Read::Latest).await, Ok(None));
    assert_found(&stores, &with_email("CL-1"), Some(&make::key(1))).await;
    // Both the id and the key are still free.
    insert(&stores, &make::client("CL-2"), Some(&make::key(2))).await;
}

/// A second client with an id, or a second key with a digest or an id, is refused; the first stays as it was.
pub async fn a_taken_id_or_key_is_refused_whole(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let (first, key) = (make::client("CL-1"), make::key(1));
    insert(&stores, &first, Some(&key)).await;

    let same_id = Client { email: Some(make::email("new@example.org")), ..make::client("CL-1") };
    let refused = stores.clients.insert(&same_id, Some(&make::key(2))).await;
    assert_eq!(refused, Err(InsertError::IdTaken));
    assert_eq!(stores.clients.by_key(&make::key(2).digest, Read::Latest).await, Ok(None));

    let same_digest = KeyRecord { digest: key.digest, ..make::key(3) };
    let same_key_id = KeyRecord { id: key.id.clone(), ..make::key(3) };
    for taken in [same_digest, same_key_id] {
        let refused = stores.clients.insert(&make::client("CL-2"), Some(&taken)).await;
        assert_eq!(refused, Err(InsertError::IdTaken), "{taken:?}");
        assert_eq!(stores.clients.by_id(&make::client_id("CL-2"), Read::Latest).await, Ok(None));
    }
    assert_found(&stores, &first, Some(&key)).await;
    // The email of the refused one is still free.
    insert(&stores, &Client { email: same_id.email, ..make::client("CL-3") }, None).await;
}

/// Any number of clients may have no email.
pub async fn clients_without_an_email_do_not_collide(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    for id in ["CL-1", "CL-2", "CL-3"] {
        insert(&stores, &make::client(id), None).await;
        assert_found(&stores, &make::client(id), None).await;
    }
}

/// Ids are compared byte by byte.
pub async fn ids_that_differ_in_case_are_different_clients(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    for (number, id) in (1..).zip(["cl-a", "CL-A", "Cl-a"]) {
        insert(&stores, &make::client(id), Some(&make::key(number))).await;
        let row = make::call(id, 1, "2026-03-10T10:00:00Z");
        ask::store(&stores, &make::batch(make::stream(number.into()), 0, vec![row])).await;
    }
    for (number, id) in (1..).zip(["cl-a", "CL-A", "Cl-a"]) {
        assert_found(&stores, &make::client(id), Some(&make::key(number))).await;
    }
    let expected = ["CL-A", "Cl-a", "cl-a"].map(|id| (id.to_owned(), 1));
    assert_eq!(ask::counts(&stores).await, expected.into());
}

/// However many try at once, one client gets an email and the others leave nothing behind.
pub async fn of_concurrent_inserts_with_one_email_one_wins(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let mut attempts = Vec::new();
    for number in 0..8 {
        let repo = Arc::clone(&stores.clients);
        let id = format!("CL-{number}");
        let client = Client { email: Some(make::email("ada@example.org")), ..make::client(&id) };
        attempts.push(tokio::spawn(async move {
            let key = make::key(number);
            let inserted = repo.insert(&client, Some(&key)).await;
            (client, key, inserted)
        }));
    }
    let mut winners = 0;
    for attempt in attempts {
        let (client, key, inserted) = attempt.await.expect("an insert that does not panic");
        if inserted.is_ok() {
            winners += 1;
            assert_found(&stores, &client, Some(&key)).await;
        } else {
            assert_eq!(inserted, Err(InsertError::EmailTaken));
            assert_eq!(stores.clients.by_id(&client.id, Read::Latest).await, Ok(None));
            assert_eq!(stores.clients.by_key(&key.digest, Read::Latest).await, Ok(None));
        }
    }
    assert_eq!(winners, 1);
}

/// What was inserted is seen at once by those who ask for the latest, every time.
pub async fn latest_sees_its_own_write(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    for number in 0..50 {
        let (client, key) = (make::client(&format!("CL-{number}")), make::key(number));
        insert(&stores, &client, Some(&key)).await;
        assert_found(&stores, &client, Some(&key)).await;
    }
}

/// Those who do not need the latest get what was there before or what is there now, and no error.
pub async fn eventual_is_old_or_right(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let (client, key) = (make::client("CL-1"), make::key(1));
    insert(&stores, &client, Some(&key)).await;
    let found = stores.clients.by_id(&client.id, Read::Eventual).await.expect("by_id");
    assert!(found.is_none_or(|found| found == client));
    let found = stores.clients.by_key(&key.digest, Read::Eventual).await.expect("by_key");
    assert!(found.is_none_or(|found| found == (client, key)));
}

/// Rows may come before their client; it can be registered all the same, and they are its own.
pub async fn a_client_may_be_registered_after_its_activities(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let row = make::call("CL-1", 1, "2026-03-10T10:00:00Z");
    ask::store(&stores, &make::batch(make::stream(1), 0, vec![row])).await;
    let client = make::client("CL-1");
    assert_eq!(stores.clients.by_id(&client.id, Read::Latest).await, Ok(None));
    insert(&stores, &client, Some(&make::key(1))).await;
    assert_found(&stores, &client, Some(&make::key(1))).await;
    let top = ask::top(&stores, ask::always()).await;
    assert_eq!(top.len(), 1);
    assert_eq!((&top[0].name, top[0].summary.requests), (&client.name, 1));
}

/// Of a list of clients, those with new ids are added and the others stay as they are.
pub async fn missing_clients_are_inserted_and_others_left(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let known = make::client("CL-known");
    insert(&stores, &known, None).await;
    let renamed = Client { name: ClientName::parse("another name").expect("a name"), ..known.clone() };
    let fresh = make::client("CL-fresh");
    let list = [renamed, fresh.clone(), fresh.clone()];
    assert_eq!(stores.clients.insert_missing(&list).await, Ok(1));
    assert_eq!(stores.clients.insert_missing(&list).await, Ok(0));
    assert_found(&stores, &known, None).await;
    assert_found(&stores, &fresh, None).await;
    let mail = Client { email: Some(make::email("ada@example.org")), ..make::client("CL-mail") };
    let refused = stores.clients.insert_missing(&[make::client("CL-other"), mail]).await;
    assert_eq!(refused, Err(InsertError::EmailTaken));
    assert_eq!(stores.clients.by_id(&make::client_id("CL-other"), Read::Latest).await, Ok(None));
}
