//! Services that report to a real tracker with the crate `activity-client`: each request is recorded once, also while
//! the tracker is killed and started again.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests; clippy knows only the tests")]

#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use activity_client::tower::RecordLayer;
use activity_client::{Call, Client, Credential, Options, Recording, Reporter, Verdict};
use activity_testkit::free_port;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpResponse, HttpServer, web};
use serde_json::Value;
use support::{Node, until};
use tokio::task::JoinSet;

/// Requests of each round.
const CALLS: u64 = 1_500;

/// A tracker that comes back on its port.
async fn tracker() -> Node {
    let port = free_port().to_string();
    let settings =
        [("PORT", port.as_str()), ("TRUSTED_PROXIES", "127.0.0.1/32"), ("LOG_BATCH_INTERVAL_MS", "50")];
    Node::started(&settings).await
}

fn reporter(tracker: &Node, key: &str) -> Reporter {
    let client = Client::new(&tracker.url.borrow(), key).unwrap();
    let options = Options { interval: Duration::from_millis(20), capacity: 100_000, ..Options::default() };
    Reporter::start(client, Options { grace: Duration::from_mins(1), ..options }).unwrap()
}

fn on_actix(recording: Recording) -> SocketAddr {
    let recording = web::Data::new(recording);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let app = move || {
        App::new()
            .app_data(recording.clone())
            .wrap(from_fn(activity_client::actix::record))
            .route("/things/{id}", web::get().to(async || HttpResponse::Created().body("a thing")))
    };
    tokio::spawn(HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap().run());
    address
}

async fn on_axum(recording: Recording) -> SocketAddr {
    let thing = axum::routing::get(async || (axum::http::StatusCode::CREATED, "a thing"));
    let app = axum::Router::new().route("/things/{id}", thing).layer(RecordLayer::new(recording));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

/// Calls a service from many tasks; two of three calls find a route.
async fn call(http: &reqwest::Client, service: SocketAddr, client: Option<&str>, done: &Arc<AtomicU64>) {
    let mut callers = JoinSet::new();
    for caller in 0..10 {
        let (http, client, done) = (http.clone(), client.map(str::to_owned), done.clone());
        callers.spawn(async move {
            for n in 0..CALLS / 10 {
                let path =
                    if n % 3 == 0 { format!("/nowhere/{n}") } else { format!("/things/{}", n * 10 + caller) };
                let mut request = http.get(format!("http://{service}{path}"));
                if let Some(client) = &client {
                    request = request.header("x-client-id", client);
                }
                let status = request.send().await.unwrap().status().as_u16();
                assert_eq!(status, if n % 3 == 0 { 404 } else { 201 });
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    callers.join_all().await;
}

/// All events of the log.
async fn recorded(tracker: &Node) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let url = tracker.at(&format!("/api/logs?limit=1000{cursor}"));
        let page = tracker.http.get(url).header("x-api-key", tracker.admin_key()).send().await.unwrap();
        let page: Value = page.json().await.unwrap();
        all.extend(page["data"].as_array().unwrap().iter().cloned());
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

/// Waits until so many are recorded, and checks that they are what was called.
async fn check(tracker: &Node, client: &str, calls: u64) {
    let all = until("all calls to be stored", Duration::from_mins(1), async || {
        let all = recorded(tracker).await;
        (all.len() as u64 >= calls).then_some(all)
    })
    .await;
    let ids: BTreeSet<&str> = all.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!((all.len() as u64, ids.len() as u64), (calls, calls));
    let found = all.iter().filter(|event| event["statusCode"] == 201).collect::<Vec<_>>();
    assert_eq!(found.len() as u64, calls / 3 * 2);
    for event in &found {
        assert_eq!((&event["endpoint"], &event["clientId"]), (&"/things/{id}".into(), &client.into()));
        assert!(event["responseTime"].as_f64().unwrap() >= 0.0 && event["responseBytes"] == 7, "{event}");
    }
    assert!(all.iter().all(|event| event["method"] == "GET" && event["ipAddress"] != "junk"));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_is_recorded_once_while_the_tracker_restarts() {
    for is_axum in [false, true] {
        let mut tracker = tracker().await;
        let ada = tracker.register("ada", "client").await;
        let reporter = reporter(&tracker, &ada.key);
        let recording = Recording::own(reporter.clone());
        let service = if is_axum { on_axum(recording).await } else { on_actix(recording) };
        let done = Arc::<AtomicU64>::default();
        let http = tracker.http.clone();
        let load = call(&http, service, None, &done);
        let restart = async {
            for part in 1..=2 {
                until("a part of the load", Duration::from_mins(1), async || {
                    (done.load(Ordering::Relaxed) >= part * CALLS / 4).then_some(())
                })
                .await;
                tracker.kill();
                until("more load", Duration::from_mins(1), async || {
                    (done.load(Ordering::Relaxed) >= part * CALLS / 4 + CALLS / 8).then_some(())
                })
                .await;
                tracker.start().await;
            }
        };
        tokio::join!(load, restart);
        let totals = reporter.shut_down().await;
        assert_eq!((totals.reported, totals.delivered), (CALLS, CALLS), "{totals:?}");
        check(&tracker, &ada.id, CALLS).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_reports_for_those_whom_it_let_pass() {
    let tracker = tracker().await;
    let (ada, service) = (tracker.register("ada", "client").await, tracker.register("api", "service").await);
    let client = Client::new(&tracker.url.borrow(), &service.key).unwrap();
    let reporter = reporter(&tracker, &service.key);
    let address = on_actix(Recording::behind_gateway(reporter.clone()));
    let call = Call { method: "GET", uri: "/things/7" };
    let Verdict::Pass(pass) = client.verify(Credential::Token(&ada.token), call).await.unwrap() else {
        panic!("ada may pass");
    };
    assert_eq!(pass.client_id, ada.id);
    let request =
        tracker.http.get(format!("http://{address}/things/7")).header("x-client-id", &pass.client_id);
    let passed = request.header("x-activity-id", pass.activity_id.to_string()).send().await.unwrap();
    assert_eq!(passed.status(), 201);
    // Whose it is says nobody.
    assert_eq!(tracker.http.get(format!("http://{address}/things/7")).send().await.unwrap().status(), 201);
    let totals = reporter.shut_down().await;
    assert_eq!((totals.reported, totals.delivered), (1, 1));
    let Verdict::Refused(refusal) = client.verify(Credential::Key("atk_junk"), call).await.unwrap() else {
        panic!("nobody knows that key");
    };
    assert_eq!(refusal.status, 401);
    let all = until("the call", Duration::from_mins(1), async || {
        let all = recorded(&tracker).await;
        (!all.is_empty()).then_some(all)
    })
    .await;
    assert_eq!((all.len(), all[0]["id"].as_str()), (1, Some(pass.activity_id.to_string().as_str())));
    assert_eq!((&all[0]["clientId"], &all[0]["endpoint"]), (&ada.id.clone().into(), &"/things/{id}".into()));
}
