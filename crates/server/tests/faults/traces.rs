//! Traces reach a collector, and one that is away costs nobody anything.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::support::{Collector, Event, Node, Random, until};

const LONG: Duration = Duration::from_secs(30);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_a_child_of_its_caller_and_batches_have_spans() {
    let collector = Collector::start().await;
    let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()), ("LOG_BATCH_INTERVAL_MS", "20")];
    let mut node = Node::started(&settings).await;
    let account = node.register("ada", "client").await;
    node.record(&account.key, &Event::several(3, &account, &mut Random(41)), true).await;
    let asked = node.http.get(node.at("/api/clients/someone"));
    let asked =
        asked.header("traceparent", format!("00-{TRACE}-{CALLER}-01")).header("x-request-id", "mine-7");
    asked.send().await.unwrap();
    let unsampled = "5bf92f3577b34da6a3ce929d0e0e4736";
    let asked = node.http.get(node.at("/livez")).header("traceparent", format!("00-{unsampled}-{CALLER}-00"));
    asked.send().await.unwrap();
    // What is still waiting goes out with the end.
    node.stop().await;
    for expected in
        ["GET /api/clients/{clientId}", "mine-7", "POST /api/register", "store batch", "activity-tracker"]
    {
        assert!(collector.has(expected.as_bytes()), "{expected}");
    }
    assert!(collector.has(&bytes(TRACE)) && collector.has(&bytes(CALLER)), "the caller's trace");
    assert!(!collector.has(&bytes(unsampled)), "whoever does not sample is not sampled");
    assert!(!collector.has(b"someone"), "paths stay here");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_is_told_of_once_and_noticed_by_nobody() {
    // One that does not listen, and one that says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for address in [away, silent.local_addr().unwrap()] {
        let url = format!("http://{address}");
        let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()), ("LOG_BATCH_INTERVAL_MS", "20")];
        let mut node = Node::started(&settings).await;
        let account = node.register("ada", "client").await;
        node.record(&account.key, &Event::several(10, &account, &mut Random(42)), true).await;
        until("lost spans", LONG, async || {
            for _ in 0..100 {
                assert!(node.http.get(node.at("/livez")).send().await.unwrap().status().is_success());
            }
            let lost = node.metrics().await.get("activity_trace_spans_total{outcome=\"failed\"}");
            (lost > 100.0).then_some(())
        })
        .await;
        let begun = Instant::now();
        let last = node.stop().await;
        assert_eq!(last["stored"], 10);
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        assert_eq!(node.log().matches("the collector takes no spans").count(), 1, "{}", node.log());
    }
}
