//! Who is let in while clients change: the cache in front of the store never says more than the store
//! did, for longer than it may.

#![allow(clippy::unwrap_used, reason = "in a test, that is how it fails")]

use std::sync::Arc;

use activity_adapter_memory::{ManualClock, MemoryStore, SeededRandomness};
use activity_contract::make;
use activity_domain::client::{Client, ClientChange, Role};
use activity_domain::error::AccessError;
use activity_domain::id::ClientId;
use activity_domain::key::{ApiKey, KeyLifetime, KeyOverlap, KeyRecord, KeyWish};
use activity_domain::port::{ClientRepo, Clock, Read, Upkeep};
use activity_domain::service::{AUTH_STALE_MAX_SECONDS, Access, AccountError, Accounts, Caller, Issued};

struct World {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    randomness: Arc<SeededRandomness>,
    access: Arc<Access>,
    accounts: Accounts,
    root: Caller,
    root_key: ApiKey,
}

impl World {
    async fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::new(make::at("2026-03-10T12:00:00Z")));
        let randomness = Arc::new(SeededRandomness::new(3));
        let (_, root_key) = ApiKey::generate(randomness.as_ref());
        let admin = Client { role: Role::Admin, ..make::client("CL-admin") };
        let access = Access::new(store.clone(), clock.clone()).with_root(admin, &root_key);
        let access = Arc::new(access);
        let root = access.by_key(root_key.reveal()).await.unwrap();
        let accounts = Accounts::new(store.clone(), access.clone(), clock.clone(), randomness.clone());
        Self { store, clock, randomness, access, accounts, root, root_key }
    }

    /// A second instance's access to the same store.
    fn elsewhere(&self) -> Access {
        Access::new(self.store.clone(), self.clock.clone())
    }

    async fn client(&self, id: &str) -> (ClientId, ApiKey) {
        let client = make::client(id);
        let (key_id, key) = ApiKey::generate(self.randomness.as_ref());
        let record =
            KeyRecord { id: key_id, digest: key.digest(), created_at: self.clock.now(), expires_at: None };
        self.store.insert(&client, Some(&record)).await.unwrap();
        (client.id, key)
    }

    async fn switch(&self, id: &ClientId, is_active: bool) {
        let change = ClientChange { is_active: Some(is_active), ..ClientChange::default() };
        self.accounts.change(&self.root, id, &change).await.unwrap();
    }

    async fn issue(&self, id: &ClientId, lifetime: Option<i64>, overlap: Option<i64>) -> Issued {
        let wish = KeyWish {
            lifetime: lifetime.map(|seconds| KeyLifetime::parse(seconds).unwrap()),
            overlap: overlap.map(|seconds| KeyOverlap::parse(seconds).unwrap()),
        };
        self.accounts.issue(&self.root, id, wish).await.unwrap()
    }
}

/// By key and by token, which have to agree.
async fn enter(access: &Access, id: &ClientId, key: &ApiKey) -> Result<(), AccessError> {
    let by_key = access.by_key(key.reveal()).await.map(|_| ());
    let by_token = access.by_token(id, &key.id()).await.map(|_| ());
    assert_eq!(by_key, by_token);
    by_key
}

fn is_cut_off(answer: &Result<(), AccessError>) -> bool {
    matches!(answer, Err(AccessError::Store(_)))
}

#[tokio::test]
async fn what_this_process_changes_acts_at_once_and_elsewhere_after_a_refresh() {
    let world = World::new().await;
    let (id, key) = world.client("CL-1").await;
    let elsewhere = world.elsewhere();
    let both = [world.access.as_ref(), &elsewhere];
    for access in both {
        assert_eq!(enter(access, &id, &key).await, Ok(()));
    }
    world.switch(&id, false).await;
    assert_eq!(enter(&world.access, &id, &key).await, Err(AccessError::Deactivated));
    assert_eq!(enter(&elsewhere, &id, &key).await, Ok(()), "it has not heard of it");
    assert_eq!(elsewhere.refresh().await, Ok(false));
    assert_eq!(enter(&elsewhere, &id, &key).await, Err(AccessError::Deactivated));

    world.switch(&id, true).await;
    let second = world.issue(&id, None, None).await;
    elsewhere.refresh().await.unwrap();
    for access in both {
        assert_eq!(enter(access, &id, &key).await, Ok(()));
        assert_eq!(enter(access, &id, &second.key).await, Ok(()));
    }
    world.accounts.revoke(&world.root, &id, &key.id()).await.unwrap();
    elsewhere.refresh().await.unwrap();
    for access in both {
        assert_eq!(enter(access, &id, &key).await, Err(AccessError::Unknown));
        assert_eq!(enter(access, &id, &second.key).await, Ok(()));
    }
    world.accounts.erase(&world.root, &id).await.unwrap();
    elsewhere.refresh().await.unwrap();
    for access in both {
        assert_eq!(enter(access, &id, &second.key).await, Err(AccessError::Unknown));
        assert!(access.client(&id).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_key_ends_by_the_clock_with_its_tokens() {
    let world = World::new().await;
    let (id, key) = world.client("CL-1").await;
    let short = world.issue(&id, Some(60), Some(10)).await;
    let access = &world.access;
    for entered in [enter(access, &id, &key).await, enter(access, &id, &short.key).await] {
        assert_eq!(entered, Ok(()));
    }
    world.clock.advance(9);
    assert_eq!(enter(access, &id, &key).await, Ok(()));
    world.clock.advance(1);
    assert_eq!(enter(access, &id, &key).await, Err(AccessError::Unknown), "the overlap is over");
    world.clock.advance(49);
    assert_eq!(enter(access, &id, &short.key).await, Ok(()));
    world.clock.advance(1);
    assert_eq!(enter(access, &id, &short.key).await, Err(AccessError::Unknown));
    world.store.cut_off();
    assert_eq!(enter(access, &id, &short.key).await, Err(AccessError::Unknown), "nobody has to be asked");
}

#[tokio::test]
async fn memory_is_trusted_for_ten_minutes_without_news() {
    let world = World::new().await;
    let (id, key) = world.client("CL-1").await;
    let access = &world.access;
    assert_eq!(enter(access, &id, &key).await, Ok(()));
    world.clock.advance(300);
    access.refresh().await.unwrap();
    world.store.cut_off();
    assert!(access.refresh().await.is_err());
    world.clock.advance(AUTH_STALE_MAX_SECONDS);
    assert_eq!(enter(access, &id, &key).await, Ok(()));
    world.clock.advance(1);
    assert!(access.refresh().await.is_err());
    assert!(is_cut_off(&enter(access, &id, &key).await));
    assert!(access.by_key(world.root_key.reveal()).await.is_ok(), "the configured admin is not in the store");
    world.store.heal();
    assert_eq!(enter(access, &id, &key).await, Ok(()), "the store answers, so memory is not needed");
    access.refresh().await.unwrap();
    world.store.cut_off();
    assert_eq!(enter(access, &id, &key).await, Ok(()), "and it is trusted again");
}

#[tokio::test]
async fn half_the_news_is_no_news() {
    let world = World::new().await;
    let (id, key) = world.client("CL-1").await;
    let (other, _) = world.client("CL-2").await;
    assert_eq!(enter(&world.access, &id, &key).await, Ok(()));
    let change = ClientChange { is_active: Some(false), ..ClientChange::default() };
    for _ in 0..1_100 {
        world.store.update(&other, &change, world.clock.now()).await.unwrap();
    }
    world.store.update(&id, &change, world.clock.now()).await.unwrap();
    world.clock.advance(AUTH_STALE_MAX_SECONDS / 2);
    assert_eq!(world.access.refresh().await, Ok(true), "there is more to hear");
    world.store.cut_off();
    assert_eq!(enter(&world.access, &id, &key).await, Ok(()));
    world.clock.advance(AUTH_STALE_MAX_SECONDS / 2 + 1);
    assert!(is_cut_off(&enter(&world.access, &id, &key).await));
}

#[tokio::test]
async fn bad_keys_are_not_remembered() {
    let world = World::new().await;
    let (_, bad) = ApiKey::generate(world.randomness.as_ref());
    let id = ClientId::parse("CL-1").unwrap();
    assert_eq!(enter(&world.access, &id, &bad).await, Err(AccessError::Unknown));
    assert!(world.access.remembered(bad.reveal()).is_none());
    world.store.cut_off();
    assert!(
        is_cut_off(&enter(&world.access, &id, &bad).await),
        "a look into the store that is down is no no"
    );
}

/// A look-up that read before a change and comes back after it must not be remembered: it would stay
/// until the next change.
#[tokio::test]
async fn a_look_up_that_a_change_overtakes_is_not_remembered() {
    let world = World::new().await;
    let (id, key) = world.client("CL-1").await;
    let elsewhere = Arc::new(world.elsewhere());
    // Forgotten by the feed, by the process that changes it, and by a feed that is too old.
    for round in 0..3 {
        world.switch(&id, true).await;
        elsewhere.refresh().await.unwrap();
        elsewhere.forget(&id);
        world.store.hold_accounts();
        let entering = tokio::spawn({
            let (access, key) = (elsewhere.clone(), key.clone());
            async move { access.by_key(key.reveal()).await.map(|_| ()) }
        });
        while world.store.held() == 0 {
            tokio::task::yield_now().await;
        }
        let change = ClientChange { is_active: Some(false), ..ClientChange::default() };
        world.store.update(&id, &change, world.clock.now()).await.unwrap();
        match round {
            0 => assert_eq!(elsewhere.refresh().await, Ok(false)),
            1 => elsewhere.forget(&id),
            _ => {
                let much_later = world.clock.now().plus_seconds(86_400);
                let other = world.client(&format!("CL-other-{round}")).await.0;
                world.store.update(&other, &change, much_later).await.unwrap();
                world.store.update(&other, &change, much_later).await.unwrap();
                world.store.purge(much_later).await.unwrap();
                assert_eq!(elsewhere.refresh().await, Ok(false));
            }
        }
        world.store.heal();
        // The answer to the overtaken call itself may be the old one or the new one.
        let _ = entering.await.unwrap();
        assert_eq!(enter(&elsewhere, &id, &key).await, Err(AccessError::Deactivated), "round {round}");
    }
}

#[tokio::test]
async fn uses_are_written_late_and_kept_while_the_store_is_away() {
    let world = World::new().await;
    let (id, key) = world.client("CL-1").await;
    let last = async || {
        let account = world.store.account(&id, Read::Latest).await.unwrap().unwrap();
        assert_eq!(account.last_access_at, account.keys[0].last_used_at);
        account.last_access_at
    };
    enter(&world.access, &id, &key).await.unwrap();
    assert_eq!(last().await, None);
    world.access.write_uses().await.unwrap();
    assert_eq!(last().await, Some(world.clock.now()));

    world.clock.advance(30);
    enter(&world.access, &id, &key).await.unwrap();
    world.access.forget(&id);
    world.store.cut_off();
    assert!(world.access.write_uses().await.is_err());
    world.store.heal();
    world.access.write_uses().await.unwrap();
    assert_eq!(last().await, Some(world.clock.now()), "neither an outage nor forgetting loses it");
    world.clock.advance(30);
    world.access.write_uses().await.unwrap();
    assert_ne!(last().await, Some(world.clock.now()), "it was not used");
}

#[tokio::test]
async fn everybody_manages_what_is_theirs() {
    let world = World::new().await;
    let (ada, ada_key) = world.client("CL-ada").await;
    let (bob, _) = world.client("CL-bob").await;
    let caller = world.access.by_key(ada_key.reveal()).await.unwrap();
    let accounts = &world.accounts;
    assert_eq!(accounts.get(&caller, &ada).await.unwrap().client.id, ada);
    let wish = KeyWish::default();
    let issued = accounts.issue(&caller, &ada, wish).await.unwrap();
    accounts.revoke(&caller, &ada, &issued.id).await.unwrap();

    assert!(matches!(accounts.get(&caller, &bob).await, Err(AccountError::NoSuchClient)));
    assert!(matches!(accounts.issue(&caller, &bob, wish).await, Err(AccountError::NoSuchClient)));
    assert!(matches!(accounts.revoke(&caller, &bob, &issued.id).await, Err(AccountError::NoSuchClient)));
    let change = ClientChange { role: Some(Role::Admin), ..ClientChange::default() };
    for id in [&ada, &bob] {
        assert!(matches!(accounts.change(&caller, id, &change).await, Err(AccountError::Forbidden)));
        assert!(matches!(accounts.erase(&caller, id).await, Err(AccountError::Forbidden)));
    }
    assert!(matches!(accounts.list(&caller, None, 9).await, Err(AccountError::Forbidden)));
}

#[tokio::test]
async fn nobody_shuts_the_last_door() {
    let world = World::new().await;
    let (eve, eve_key) = world.client("CL-eve").await;
    let to_admin = ClientChange { role: Some(Role::Admin), ..ClientChange::default() };
    world.accounts.change(&world.root, &eve, &to_admin).await.unwrap();
    let caller = world.access.by_key(eve_key.reveal()).await.unwrap();
    assert_eq!(caller.role(), Role::Admin, "a role acts at once");
    let off = ClientChange { is_active: Some(false), ..ClientChange::default() };
    let down = ClientChange { role: Some(Role::Service), ..ClientChange::default() };
    let root = world.root.client.id.clone();
    for (id, change) in [(&eve, &off), (&eve, &down), (&root, &off), (&root, &to_admin)] {
        let refused = world.accounts.change(&caller, id, change).await;
        assert!(matches!(refused, Err(AccountError::Conflict(_))), "{refused:?}");
    }
    for id in [&eve, &root] {
        assert!(matches!(world.accounts.erase(&caller, id).await, Err(AccountError::Conflict(_))));
    }
    let issued = world.accounts.issue(&caller, &root, KeyWish::default()).await;
    assert!(matches!(issued, Err(AccountError::Conflict(_))));
    assert!(world.access.by_key(world.root_key.reveal()).await.is_ok());
    world.accounts.change(&world.root, &eve, &down).await.unwrap();
    let caller = world.access.by_key(eve_key.reveal()).await.unwrap();
    assert_eq!(caller.role(), Role::Service);
}
