//! The test switches do what they say, and nothing else.

use activity_adapter_memory::{MemoryStore, Times};
use activity_contract::make;
use activity_domain::activity::Activity;
use activity_domain::error::StoreError;
use activity_domain::port::{ActivitySink, Append, Appended, ClientRepo, Read};

fn three() -> Vec<Activity> {
    (1..=3).map(|id| make::call("CL-1", id, "2026-03-10T10:00:00Z")).collect()
}

fn is_unavailable<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unavailable(_)))
}

#[tokio::test]
async fn failing_appends_change_nothing_and_end() {
    let store = MemoryStore::new();
    let batch = make::batch(make::stream(1), 0, three());
    store.fail_appends(Times::Next(2));
    for _ in 0..2 {
        assert!(is_unavailable(&store.append(&batch).await));
    }
    assert_eq!(store.position(batch.stream).await, Ok(0));
    assert!(store.rows().is_empty());
    let all = Appended { stored: 3, ..Appended::default() };
    assert_eq!(store.append(&batch).await, Ok(Append::Stored(all)));
}

#[tokio::test]
async fn a_lost_answer_is_settled_by_the_cursor() {
    let store = MemoryStore::new();
    let batch = make::batch(make::stream(1), 0, three());
    store.lose_answers(Times::Next(1));
    assert!(is_unavailable(&store.append(&batch).await));
    assert_eq!(store.rows().len(), 3);
    assert_eq!(store.append(&batch).await, Ok(Append::Moved(3)));
}

#[tokio::test]
async fn until_healed_lasts_until_healed() {
    let store = MemoryStore::new();
    let batch = make::batch(make::stream(1), 0, three());
    store.fail_appends(Times::UntilHealed);
    for _ in 0..5 {
        assert!(is_unavailable(&store.append(&batch).await));
    }
    store.heal();
    assert!(store.append(&batch).await.is_ok());
}

#[tokio::test]
async fn cut_off_reaches_every_port() {
    let store = MemoryStore::new();
    store.cut_off();
    assert!(is_unavailable(&store.position(make::stream(1)).await));
    assert!(is_unavailable(&store.by_id(&make::client_id("CL-1"), Read::Eventual).await));
    assert!(store.insert(&make::client("CL-1"), None).await.is_err());
    store.heal();
    assert_eq!(store.by_id(&make::client_id("CL-1"), Read::Latest).await, Ok(None));
}

#[tokio::test]
async fn a_refused_row_is_set_aside_and_its_neighbours_go_on() {
    let store = MemoryStore::new();
    let rows = three();
    let poison = rows[1].id;
    store.refuse_rows(move |activity| activity.id == poison);
    let batch = make::batch(make::stream(1), 0, rows);
    let split = Appended { stored: 2, set_aside: 1, ..Appended::default() };
    assert_eq!(store.append(&batch).await, Ok(Append::Stored(split)));
    assert_eq!(store.set_aside()[0].payload, batch.records[1].payload);
    assert_eq!(store.rows().len(), 2);
}

#[tokio::test]
async fn all_rows_refused_are_an_outage_unless_there_is_one() {
    let store = MemoryStore::new();
    store.refuse_rows(|_| true);
    let batch = make::batch(make::stream(1), 0, three());
    assert!(is_unavailable(&store.append(&batch).await));
    assert!(store.set_aside().is_empty());
    assert_eq!(store.position(batch.stream).await, Ok(0));
    let single = make::batch(make::stream(1), 0, three()[..1].to_vec());
    let aside = Appended { set_aside: 1, ..Appended::default() };
    assert_eq!(store.append(&single).await, Ok(Append::Stored(aside)));
}

#[tokio::test]
async fn a_promoted_standby_lacks_the_newest_appends() {
    let store = MemoryStore::new();
    let mut rows = three().into_iter();
    let [first, second, third] =
        std::array::from_fn(|n| make::batch(make::stream(1), n as u64, rows.by_ref().take(1).collect()));
    let other = make::batch(make::stream(2), 0, vec![make::call("CL-2", 9, "2026-03-10T10:00:00Z")]);
    assert!(store.append(&first).await.is_ok());
    assert_eq!(store.promote(5), 0, "there is no standby yet");
    store.add_standby();
    for batch in [&second, &other, &third] {
        assert!(store.append(batch).await.is_ok());
    }
    assert_eq!((store.commits(), store.promote(2)), (3, 2));
    assert_eq!(store.position(make::stream(1)).await, Ok(2));
    assert_eq!(store.position(make::stream(2)).await, Ok(0));
    assert_eq!(store.rows().len(), 2);
    assert_eq!(store.append(&make::batch(make::stream(1), 3, three())).await, Ok(Append::Moved(2)));
    let fresh = Appended { stored: 1, ..Appended::default() };
    assert_eq!(store.append(&third).await, Ok(Append::Stored(fresh)), "it is fresh again");
    assert_eq!(store.promote(7), 1, "what was before the standby stays");
    assert_eq!(store.rows().len(), 2);
}

#[tokio::test]
async fn a_promoted_standby_lacks_what_was_set_aside() {
    let store = MemoryStore::new();
    store.add_standby();
    store.refuse_rows(|_| true);
    let single = make::batch(make::stream(1), 0, three()[..1].to_vec());
    assert!(store.append(&single).await.is_ok());
    assert_eq!((store.set_aside().len(), store.promote(1)), (1, 0));
    assert!(store.set_aside().is_empty());
}
