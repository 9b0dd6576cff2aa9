//! Laws of `ActLog`, and of repositories that are signed: what admins do is written down with what it changes.

use std::collections::BTreeSet;
use std::sync::Arc;

use activity_domain::act::{
    ACTS_KEPT_SECONDS, Act, ActQuery, Action, Difference, Entry, RequestId, Signature,
};
use activity_domain::client::{Client, ClientChange, ClientName, RateLimit, Role};
use activity_domain::key::KeyRecord;
use activity_domain::port::{ClientRepo, Read};
use activity_domain::time::Timestamp;
use tokio::task::JoinSet;

use crate::{Harness, Stores, make};

fn now() -> Timestamp {
    make::at("2026-03-10T12:00:00.000001Z")
}

fn signature(at: Timestamp) -> Signature {
    let request = RequestId::parse("request-1").expect("an id");
    Signature { actor: make::client_id("CL-admin"), at, request: Some(request) }
}

fn signed(stores: &Stores) -> Arc<dyn ClientRepo> {
    stores.clients.signed(signature(now()))
}

/// All entries, unless something narrows the question.
fn everything() -> ActQuery {
    let (from, to) = (Timestamp::EPOCH, Timestamp::LATEST);
    ActQuery { from, to, actor: None, target: None, action: None, before: None, limit: 1_000 }
}

async fn ask(stores: &Stores, query: &ActQuery) -> Vec<Entry> {
    stores.acts.acts(query, Read::Latest).await.expect("acts")
}

/// All acts, oldest first.
async fn acts(stores: &Stores) -> Vec<Act> {
    let entries = ask(stores, &everything()).await;
    entries.into_iter().rev().map(|entry| entry.act).collect()
}

fn ada() -> Client {
    let (name, email) = ("Ada Canary", "ada.canary@example.org");
    let name = ClientName::parse(name).expect("a name");
    Client { name, email: Some(make::email(email)), ..make::client("CL-1") }
}

/// A change of everything there is.
fn whole_change() -> ClientChange {
    ClientChange {
        name: Some(ClientName::parse("Ada Canary-Second").expect("a name")),
        email: Some(make::email("second.canary@example.org")),
        rate_limit: Some(RateLimit::parse(7).expect("a limit")),
        limits: Some(make::limits(vec![make::shadow(make::limit("burst", 5, 60, Some("/a b")))])),
        role: Some(Role::Service),
        is_active: Some(false),
    }
}

fn difference(field: &str, before: Option<&str>, after: Option<&str>) -> Difference {
    Difference::new(field, before.map(str::to_owned), after.map(str::to_owned))
}

/// Each act is there with its signature, in the order in which they were done, and so is what it did.
pub async fn what_is_done_is_written_down(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let (repo, id) = (signed(&stores), ada().id);
    let overlap = now().plus_seconds(60);
    let second = KeyRecord { created_at: now(), expires_at: Some(overlap), ..make::key(2) };
    assert_eq!(repo.insert(&ada(), Some(&make::key(1))).await, Ok(()));
    assert_eq!(repo.add_key(&id, &second, Some(overlap)).await, Ok(()));
    assert!(repo.update(&id, &whole_change(), now()).await.expect("update").is_some());
    assert_eq!(repo.revoke_key(&id, &second.id, now()).await, Ok(true));
    assert_eq!(repo.erase(&id, &make::client_id("anon-1"), now()).await, Ok(true));
    let reset = Act::new(Action::RateLimitReset, Some(id.clone()));
    let prewarm = Act::new(Action::CachePrewarm, None).about("number", "7");
    for act in [&reset, &prewarm] {
        assert_eq!(stores.acts.note(&signature(now()), act).await, Ok(()));
    }

    let mut changed = ada();
    whole_change().apply(&mut changed);
    let expected = [
        Act::registered(&ada(), Some(&make::key(1))),
        Act::issued(&id, &second, Some(overlap)),
        Act::changed(&ada(), &changed, &whole_change()),
        Act::revoked(&id, &second.id),
        Act::erased(&id),
        reset,
        prewarm,
    ];
    assert_eq!(acts(&stores).await, expected);
    let entries = ask(&stores, &everything()).await;
    assert!(entries.iter().all(|entry| entry.by == signature(now()) && entry.no > 0));
    assert!(entries.windows(2).all(|pair| pair[0].no > pair[1].no));
    assert_eq!(stores.clients.by_id(&id, Read::Latest).await, Ok(None), "and it was done");
}

/// What a change changed is told with what it was before; names and addresses without.
pub async fn a_change_is_told_field_by_field(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    stores.clients.insert(&ada(), None).await.expect("insert");
    let same = ClientChange { role: Some(Role::Client), ..Default::default() };
    for change in [whole_change(), same] {
        assert!(signed(&stores).update(&ada().id, &change, now()).await.expect("update").is_some());
    }
    let acts = acts(&stores).await;
    let told = [
        difference("name", None, None),
        difference("email", None, None),
        difference("rateLimit", Some("1000"), Some("7")),
        difference("limits", Some(""), Some("burst=5/60s at /a b (shadow)")),
        difference("role", Some("client"), Some("service")),
        difference("isActive", Some("true"), Some("false")),
    ];
    assert_eq!(acts[0].differences, told);
    assert_eq!(acts[1].differences, [difference("role", Some("service"), Some("client"))]);
}

/// No entry without its act.
pub async fn what_is_refused_or_does_nothing_is_not_written_down(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    stores.clients.insert(&ada(), Some(&make::key(1))).await.expect("insert");
    stores.clients.insert(&make::client("CL-2"), None).await.expect("insert");
    let (repo, second, nobody) = (signed(&stores), make::client_id("CL-2"), make::client_id("CL-3"));
    let taken = ClientChange { email: ada().email, ..Default::default() };
    assert!(repo.insert(&ada(), None).await.is_err());
    assert!(repo.insert(&make::client("CL-4"), Some(&make::key(1))).await.is_err());
    assert!(repo.update(&second, &taken, now()).await.is_err());
    assert_eq!(repo.update(&nobody, &whole_change(), now()).await, Ok(None));
    assert!(repo.add_key(&nobody, &make::key(5), None).await.is_err());
    assert!(repo.add_key(&second, &make::key(1), None).await.is_err());
    assert_eq!(repo.revoke_key(&second, &make::key(1).id, now()).await, Ok(false));
    assert_eq!(repo.erase(&nobody, &make::client_id("anon-1"), now()).await, Ok(false));
    assert!(repo.erase(&ada().id, &second, now()).await.is_err(), "the anonymous id is taken");
    assert_eq!(acts(&stores).await, []);
}

/// What clients do themselves, and imports, is nobody's act; and signing leaves the repository as it was.
pub async fn without_a_signature_nothing_is_written_down(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let _signed = signed(&stores);
    let (repo, id) = (&stores.clients, ada().id);
    repo.insert(&ada(), Some(&make::key(1))).await.expect("insert");
    repo.add_key(&id, &make::key(2), None).await.expect("add_key");
    repo.update(&id, &whole_change(), now()).await.expect("update");
    repo.revoke_key(&id, &make::key(2).id, now()).await.expect("revoke_key");
    repo.erase(&id, &make::client_id("anon-1"), now()).await.expect("erase");
    signed(&stores).insert_missing(&[make::client("CL-9")]).await.expect("insert_missing");
    assert_eq!(acts(&stores).await, []);
}

/// Whether an entry is among those that are asked for.
type IsMeant<'a> = &'a dyn Fn(&Entry) -> bool;

/// Entries come newest first; pages by any number join to the whole, and each part of a question narrows it.
pub async fn acts_come_newest_first_in_pages_and_by_what_is_asked_for(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    for number in 0..12 {
        let by = Signature {
            actor: make::client_id(&format!("CL-admin-{}", number % 2)),
            at: now().plus_seconds(number),
            request: None,
        };
        let action = if number % 3 == 0 { Action::RateLimitReset } else { Action::SetAsideDrop };
        let target = (number % 4 != 0).then(|| make::client_id(&format!("CL-{}", number % 4)));
        stores.acts.note(&by, &Act::new(action, target)).await.expect("note");
    }
    let all = ask(&stores, &everything()).await;
    assert!(
        all.len() == 12
            && all.windows(2).all(|pair| pair[0].no > pair[1].no && pair[0].by.at > pair[1].by.at)
    );
    for limit in [1, 5, 12, 13] {
        let (mut paged, mut before) = (Vec::new(), None);
        loop {
            let page = ask(&stores, &ActQuery { limit, before, ..everything() }).await;
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            before = Some(last.no);
            paged.extend(page);
        }
        assert_eq!(paged, all, "by {limit}");
    }
    let (from, to) = (now().plus_seconds(3), now().plus_seconds(7));
    let actor = make::client_id("CL-admin-1");
    let target = make::client_id("CL-3");
    let questions: [(ActQuery, IsMeant<'_>); 5] = [
        (ActQuery { from, to, ..everything() }, &|entry| (from..to).contains(&entry.by.at)),
        (ActQuery { actor: Some(actor.clone()), ..everything() }, &|entry| entry.by.actor == actor),
        (ActQuery { target: Some(target.clone()), ..everything() }, &|entry| {
            entry.act.target.as_ref() == Some(&target)
        }),
        (ActQuery { action: Some(Action::SetAsideDrop), ..everything() }, &|entry| {
            entry.act.action == Action::SetAsideDrop
        }),
        (
            ActQuery {
                from,
                actor: Some(actor.clone()),
                action: Some(Action::RateLimitReset),
                ..everything()
            },
            &|entry| {
                entry.by.at >= from && entry.by.actor == actor && entry.act.action == Action::RateLimitReset
            },
        ),
    ];
    for (query, is_meant) in questions {
        let expected: Vec<Entry> = all.iter().filter(|entry| is_meant(entry)).cloned().collect();
        assert!(!expected.is_empty() && expected.len() < all.len(), "{query:?}");
        assert_eq!(ask(&stores, &query).await, expected, "{query:?}");
    }
    assert_eq!(ask(&stores, &ActQuery { limit: 0, ..everything() }).await, []);
}

/// Nothing of an entry has to go with its client: there is no name, no address and no secret in it, before an
/// erasure as after; the id stays.
pub async fn entries_name_nobody(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let (repo, id) = (signed(&stores), ada().id);
    repo.insert(&ada(), Some(&make::key(1))).await.expect("insert");
    repo.update(&id, &whole_change(), now()).await.expect("update");
    repo.add_key(&id, &make::key(2), None).await.expect("add_key");
    repo.erase(&id, &make::client_id("anon-1"), now()).await.expect("erase");
    while stores.upkeep.purge(now()).await.expect("purge").more {}
    let entries = ask(&stores, &ActQuery { target: Some(id), ..everything() }).await;
    assert_eq!(entries.len(), 4);
    let text = format!("{entries:?}").to_lowercase();
    assert!(!text.contains("canary") && !text.contains('@'), "{text}");
}

/// However many act at once, nothing is done without an entry, and no two have one number.
pub async fn of_concurrent_acts_every_one_is_written_down(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let mut acting = JoinSet::new();
    for number in 0..16_u8 {
        let repo = signed(&stores);
        acting.spawn(async move {
            let client = make::client(&format!("CL-{number}"));
            repo.insert(&client, Some(&make::key(number))).await.expect("insert");
            repo.revoke_key(&client.id, &make::key(number).id, now()).await
        });
    }
    assert!(acting.join_all().await.into_iter().all(|revoked| revoked == Ok(true)));
    let entries = ask(&stores, &everything()).await;
    let numbers: BTreeSet<u64> = entries.iter().map(|entry| entry.no).collect();
    assert_eq!((entries.len(), numbers.len()), (32, 32));
    for number in 0..16 {
        let target = Some(make::client_id(&format!("CL-{number}")));
        let own = ask(&stores, &ActQuery { target, ..everything() }).await;
        let actions: Vec<Action> = own.iter().map(|entry| entry.act.action).collect();
        assert_eq!(actions, [Action::KeyRevoke, Action::ClientRegister]);
    }
}

/// Entries stay for two years and no longer.
pub async fn acts_are_forgotten_after_two_years(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    for seconds in [0, 1] {
        let act = Act::new(Action::CachePrewarm, None).about("number", &seconds.to_string());
        stores.acts.note(&signature(now().plus_seconds(seconds)), &act).await.expect("note");
    }
    let purge = async |at| while stores.upkeep.purge(at).await.expect("purge").more {};
    purge(now().plus_seconds(ACTS_KEPT_SECONDS)).await;
    assert_eq!(acts(&stores).await.len(), 2);
    purge(now().plus_seconds(ACTS_KEPT_SECONDS + 1)).await;
    assert_eq!(acts(&stores).await, [Act::new(Action::CachePrewarm, None).about("number", "1")]);
}
