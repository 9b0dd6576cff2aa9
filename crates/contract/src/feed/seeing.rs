//! Who sees which events, in which order.

use std::sync::Arc;

use activity_domain::activity::{Activity, Endpoint, Method, Status};
use activity_domain::client::EndpointPrefix;
use activity_domain::hygiene::StatusClass;
use activity_domain::live::{Filter, LiveEvent, Scope, StatusFilter};
use proptest::prelude::*;

use super::{FeedHarness, NOON, calls, only, reader, settle, told};
use crate::{make, property};

fn any_call() -> impl Strategy<Value = Activity> {
    let client = prop::sample::select(vec!["a", "b", "c"]);
    let path = prop::sample::select(vec!["/things/1234", "/things/1234/parts", "/thingses", "/x"]);
    let method = prop::sample::select(vec!["GET", "POST"]);
    (client, path, method, prop::sample::select(vec![200i64, 404, 500, 503])).prop_map(
        |(client, path, method, status)| Activity {
            endpoint: Endpoint::parse(path).expect("a path"),
            method: Method::parse(method).expect("a method"),
            ..make::answered(make::call(client, 0, NOON), status, None)
        },
    )
}

fn any_reader() -> impl Strategy<Value = (Scope, Filter)> {
    let scope = prop::sample::select(vec![Scope::Everybody, only("a"), only("b"), only("nobody")]);
    let path = prop::option::of(prop::sample::select(vec!["/", "/things", "/things/{id}", "/things/1234"]));
    let status = prop::sample::select(vec![
        None,
        Some(StatusFilter::Code(Status::parse(404).expect("a status"))),
        StatusClass::from_digit(5).map(StatusFilter::Class),
    ]);
    (scope, path, prop::option::of(Just("POST")), status).prop_map(|(scope, path, method, status)| {
        let filter = Filter {
            endpoint: path.map(|path| EndpointPrefix::parse(path).expect("a path")),
            method: method.map(|method| Method::parse(method).expect("a method")),
            status,
        };
        (scope, filter)
    })
}

/// What a filter means, said once more.
fn is_seen(scope: &Scope, filter: &Filter, call: &Activity) -> bool {
    let path = call.endpoint.as_str();
    let is_path = match filter.endpoint.as_ref().map(EndpointPrefix::as_str) {
        None | Some("/") => true,
        Some(_) => path.starts_with("/things/1234"),
    };
    let code = call.status.stored();
    let is_status = match filter.status {
        None => true,
        Some(StatusFilter::Code(_)) => code == 404,
        Some(StatusFilter::Class(_)) => code >= 500,
    };
    let is_scope = match scope {
        Scope::Everybody => true,
        Scope::Client(client) => *client == call.client,
    };
    is_scope && is_path && is_status && filter.method.as_ref().is_none_or(|method| *method == call.method)
}

/// Whatever is accepted, anywhere, each reader anywhere is told of what its scope and filter have of it, in the order
/// in which each feed published it, and of nothing else: above all of no other client's events.
pub async fn a_reader_sees_its_scope_through_its_filter_in_order(harness: &impl FeedHarness) {
    let feeds = harness.fresh().await;
    // No more than may wait for a reader.
    let most = usize::try_from(feeds.waiting / 4).expect("few");
    let published = prop::collection::vec(prop::collection::vec(any_call(), 1..4), 1..most / 4);
    let readers = prop::collection::vec((any_reader(), any::<bool>()), 1..6);
    let next = std::sync::atomic::AtomicU64::new(1);
    property::check(&(published, readers), async |(published, wanted)| {
        settle(&feeds).await;
        let place = |is_one: bool| if is_one { &feeds.one } else { &feeds.other };
        let subscribe = |((scope, filter), is_one): &((Scope, Filter), bool)| {
            place(*is_one).subscribe(scope.clone(), filter.clone(), None).expect("there is room")
        };
        let mut readers: Vec<_> = wanted.iter().map(subscribe).collect();
        let mut all = [Vec::new(), Vec::new()];
        for (turn, batch) in published.into_iter().enumerate() {
            let mut batch = batch;
            for call in &mut batch {
                let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                call.id = make::call("x", number.into(), NOON).id;
            }
            all[turn % 2].extend(batch.iter().cloned());
            place(turn % 2 == 0).publish(batch);
        }
        for (reader, ((scope, filter), _)) in readers.iter_mut().zip(&wanted) {
            let seen = |calls: &[Activity]| -> Vec<Activity> {
                calls.iter().filter(|call| is_seen(scope, filter, call)).cloned().collect()
            };
            let expected = [seen(&all[0]), seen(&all[1])];
            let told = told(reader, (expected[0].len() + expected[1].len()) as u64).await;
            prop_assert_eq!(told.missed, 0);
            for expected in expected {
                let calls = told.events.iter().map(|event| event.activity.clone());
                let got: Vec<Activity> = calls.filter(|call| expected.contains(call)).collect();
                prop_assert_eq!(got, expected);
            }
            prop_assert!(reader.ready().is_none(), "nothing else is seen");
        }
        Ok(())
    });
}

/// Events are numbered for everybody and for each client, without a gap, and shown once for all.
pub async fn an_event_has_its_numbers_and_is_shown_once(harness: &impl FeedHarness) {
    let feeds = harness.fresh().await;
    let mut readers = [reader(&feeds.one, Scope::Everybody), reader(&feeds.one, only("b"))];
    feeds.one.publish([calls("a", 1..3), calls("b", 3..5)].concat());
    let of_all = told(&mut readers[0], 4).await.events;
    let of_b = told(&mut readers[1], 2).await.events;
    let numbers = |events: &[Arc<LiveEvent>]| -> Vec<(u64, u64)> {
        let first = events[0].number - 1;
        events.iter().map(|event| (event.number - first, event.own)).collect()
    };
    assert_eq!(numbers(&of_all), [(1, 1), (2, 2), (3, 1), (4, 2)]);
    assert_eq!(of_b[0].own, 1);
    let shown = of_all[2].shown(|_| "first".into()).clone();
    assert_eq!(of_b[0].shown(|_| "second".into()), &shown);
}

/// Where nobody has been for long, events need not be published; where somebody is, they are wanted.
pub async fn events_are_wanted_while_there_are_readers(harness: &impl FeedHarness) {
    let feeds = harness.fresh().await;
    let reader = reader(&feeds.other, only("a"));
    assert!(feeds.one.is_wanted() && feeds.other.is_wanted());
    assert_eq!(feeds.other.counts().readers, 1);
    drop(reader);
    assert!(feeds.one.is_wanted(), "it may come back");
    assert_eq!(feeds.other.counts().readers, 0);
}
