//! Laws of the list of changes: whoever follows it misses none.

use std::collections::HashSet;
use std::sync::Arc;

use activity_domain::client::ClientChange;
use activity_domain::id::Fingerprint;
use activity_domain::key::KeyRecord;
use activity_domain::port::{CHANGES_KEPT_SECONDS, Changes};
use activity_domain::time::Timestamp;

use crate::{Harness, Stores, make};

fn now() -> Timestamp {
    make::at("2026-03-10T12:00:00Z")
}

fn of(id: &str) -> Fingerprint {
    Fingerprint::of(&make::client_id(id))
}

fn switched_off() -> ClientChange {
    ClientChange { is_active: Some(false), ..ClientChange::default() }
}

async fn since(stores: &Stores, version: u64) -> Changes {
    stores.clients.changes_since(version).await.expect("changes")
}

async fn change(stores: &Stores, id: &str, at: Timestamp) {
    let changed = stores.clients.update(&make::client_id(id), &switched_off(), at).await;
    assert!(matches!(changed, Ok(Some(_))), "{changed:?}");
}

async fn with_clients(harness: &dyn Harness, ids: &[&str]) -> Stores {
    let stores = harness.fresh().await;
    for (number, id) in (1..).zip(ids) {
        stores.clients.insert(&make::client(id), Some(&make::key(number))).await.expect("insert");
    }
    stores
}

/// Each change is listed once, in order, under the next version; what changes nothing is not, nor is a
/// new client or the use of a key.
pub async fn every_change_has_the_next_version(harness: &dyn Harness) {
    let stores = with_clients(harness, &["CL-1", "CL-2", "CL-3"]).await;
    let [one, two, three] = ["CL-1", "CL-2", "CL-3"].map(make::client_id);
    let nothing = |version| Changes::Since { clients: Vec::new(), version, more: false };
    assert_eq!(since(&stores, 0).await, nothing(0));

    change(&stores, "CL-2", now()).await;
    let key = KeyRecord { created_at: now(), ..make::key(9) };
    stores.clients.add_key(&one, &key, Some(now())).await.expect("add_key");
    stores.clients.revoke_key(&one, &key.id, now()).await.expect("revoke_key");
    stores.clients.erase(&three, &make::client_id("anon-3"), now()).await.expect("erase");
    // None of these changes anything.
    stores.clients.insert(&make::client("CL-4"), Some(&make::key(4))).await.expect("insert");
    stores.clients.touch(&[(make::key(2).id, now())]).await.expect("touch");
    stores.clients.revoke_key(&two, &key.id, now()).await.expect("revoke_key");
    stores.clients.erase(&three, &make::client_id("anon-4"), now()).await.expect("erase");
    stores.clients.update(&three, &switched_off(), now()).await.expect("update");
    assert!(stores.clients.add_key(&three, &make::key(7), None).await.is_err());

    let all = [of("CL-2"), of("CL-1"), of("CL-1"), of("CL-3")];
    for version in 0..=4 {
        let clients = all[version..].to_vec();
        assert_eq!(since(&stores, version as u64).await, Changes::Since { clients, version: 4, more: false });
    }
}

/// Many changes come in pages, which do not overlap and leave nothing out.
pub async fn many_changes_come_in_pages(harness: &dyn Harness) {
    let stores = with_clients(harness, &["CL-1", "CL-2"]).await;
    for round in 0..1_100 {
        change(&stores, if round < 600 { "CL-1" } else { "CL-2" }, now()).await;
    }
    let Changes::Since { clients, version, more } = since(&stores, 0).await else { panic!("too old") };
    assert_eq!((clients.len() as u64, more), (version, true));
    assert!(clients.len() <= 1_000);
    let (mut all, mut version) = (clients, version);
    loop {
        let Changes::Since { clients, version: next, more } = since(&stores, version).await else {
            panic!("too old")
        };
        all.extend(clients);
        version = next;
        if !more {
            break;
        }
    }
    assert_eq!(version, 1_100);
    assert_eq!(all, [vec![of("CL-1"); 600], vec![of("CL-2"); 500]].concat());
}

/// Old changes are forgotten; whoever asks from before them is told so, and so is whoever asks from a
/// version that was never given out.
pub async fn forgotten_changes_are_told(harness: &dyn Harness) {
    let stores = with_clients(harness, &["CL-1", "CL-2", "CL-3"]).await;
    assert_eq!(since(&stores, 7).await, Changes::TooOld { version: 0 });
    let hours_later = now().plus_seconds(2 * CHANGES_KEPT_SECONDS);
    change(&stores, "CL-1", now()).await;
    change(&stores, "CL-2", now()).await;
    stores.upkeep.purge(now()).await.expect("purge");
    let both = Changes::Since { clients: vec![of("CL-1"), of("CL-2")], version: 2, more: false };
    assert_eq!(since(&stores, 0).await, both, "nothing is old yet");

    change(&stores, "CL-3", hours_later).await;
    // A clock that was put back must not open a gap.
    change(&stores, "CL-1", now()).await;
    stores.upkeep.purge(hours_later).await.expect("purge");
    for version in [0, 1, 5, u64::MAX] {
        assert_eq!(since(&stores, version).await, Changes::TooOld { version: 4 }, "since {version}");
    }
    let rest = Changes::Since { clients: vec![of("CL-3"), of("CL-1")], version: 4, more: false };
    assert_eq!(since(&stores, 2).await, rest);

    stores.upkeep.purge(hours_later.plus_seconds(CHANGES_KEPT_SECONDS * 9)).await.expect("purge");
    assert_eq!(since(&stores, 2).await, Changes::TooOld { version: 4 });
    let nothing = Changes::Since { clients: Vec::new(), version: 4, more: false };
    assert_eq!(since(&stores, 4).await, nothing, "who is up to date stays so");
    change(&stores, "CL-2", hours_later).await;
    let next = Changes::Since { clients: vec![of("CL-2")], version: 5, more: false };
    assert_eq!(since(&stores, 4).await, next);
}

/// Beside any number of writers, a follower sees each change once, and versions without gaps.
pub async fn a_follower_beside_writers_misses_nothing(harness: &dyn Harness) {
    let ids = ["CL-0", "CL-1", "CL-2", "CL-3"];
    let stores = with_clients(harness, &ids).await;
    let writers = ids.map(|id| {
        let repo = Arc::clone(&stores.clients);
        tokio::spawn(async move {
            for _ in 0..25 {
                repo.update(&make::client_id(id), &switched_off(), now()).await.expect("update");
            }
        })
    });
    let (mut seen, mut at) = (Vec::new(), 0);
    while at < 100 {
        let Changes::Since { clients, version, .. } = since(&stores, at).await else { panic!("too old") };
        assert_eq!(version, at + clients.len() as u64, "no gaps");
        (seen, at) = ([seen, clients].concat(), version);
        tokio::task::yield_now().await;
    }
    for writer in writers {
        writer.await.expect("a writer that does not panic");
    }
    assert_eq!(seen.len(), 100);
    assert_eq!(seen.iter().copied().collect::<HashSet<_>>(), ids.map(of).into());
}
