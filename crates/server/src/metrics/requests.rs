//! Requests, callers and streams.

use std::fmt;

use activity_http::live::Live;
use activity_http::live::seats::Kind;
use activity_http::watch::Watch;

use super::page::Page;

pub fn write(page: &mut Page<'_>, watch: &Watch, live: &Live) -> fmt::Result {
    let counted = watch.requests.now();
    let statuses = counted.iter().flat_map(|one| {
        one.statuses.iter().map(|(status, count)| {
            let status = if *status == 0 { "other".to_owned() } else { status.to_string() };
            let labels =
                [("method", one.method.to_owned()), ("route", one.route.to_owned()), ("status", status)];
            (labels, *count)
        })
    });
    page.counters("activity_http_requests", "Requests answered", statuses)?;
    let took = counted.iter().map(|one| ([("method", one.method), ("route", one.route)], one.micros.clone()));
    page.histograms(
        "activity_http_request_duration_seconds",
        "From the headers of a request to those of its answer",
        1_000_000,
        took,
    )?;
    page.gauge("activity_http_requests_in_flight", "Requests that are being answered", watch.in_flight())?;
    let refused = [
        ("unknown", &watch.refused.unknown),
        ("deactivated", &watch.refused.deactivated),
        ("throttled", &watch.refused.throttled),
        ("unavailable", &watch.refused.unavailable),
    ];
    page.counters(
        "activity_authentications_failed",
        "Callers who showed something and were not let in",
        refused.map(|(reason, count)| ([("reason", reason)], count.get())),
    )?;
    let streams = [("sse", Kind::Sse), ("websocket", Kind::WebSocket)];
    page.gauges(
        "activity_streams_open",
        "Live streams",
        streams.map(|(name, kind)| ([("kind", name)], live.seats.of_kind(kind) as u64)),
    )
}
