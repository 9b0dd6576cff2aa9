//! Laws of `UsageRepo`, by example.

use activity_domain::activity::Activity;
use activity_domain::port::Read;
use activity_domain::span::{Minute, Span};
use activity_domain::time::{Timestamp, Zone};
use activity_domain::usage::{DailyPage, DailyQuery, Days, MAX_DAYS, MAX_PAGE, TopQuery};

use crate::{Harness, Stores, ask, make};

async fn append(stores: &Stores, stream: u128, rows: Vec<Activity>) {
    ask::store(stores, &make::batch(make::stream(stream), 0, rows)).await;
}

fn query(days: Days, zone: &str) -> DailyQuery {
    let zone = Zone::parse(zone).expect("a zone");
    DailyQuery { days, zone, client: None, limit: MAX_PAGE, after: None }
}

/// Nothing in, nothing out, and no error.
pub async fn an_empty_store_has_empty_answers(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    for read in [Read::Latest, Read::Eventual] {
        let query = query(make::days("2026-03-01", "2026-03-31"), "Asia/Kathmandu");
        assert_eq!(stores.usage.daily(&query, read).await, Ok(DailyPage::default()));
        let query = TopQuery { span: ask::always(), limit: MAX_PAGE };
        assert_eq!(stores.usage.top(&query, read).await, Ok(Vec::new()));
    }
    assert_eq!(ask::total(&stores).await, 0);
}

/// A client that did nothing has no rows, registered or not; nor has a day on which nothing happened.
pub async fn a_client_without_activities_has_no_days(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    stores.clients.insert(&make::client("CL-idle"), None).await.expect("insert");
    append(&stores, 1, vec![make::call("CL-1", 1, "2026-03-10T10:00:00Z")]).await;
    for (client, rows) in [(None, 1), (Some("CL-1"), 1), (Some("CL-idle"), 0), (Some("CL-none"), 0)] {
        let client = client.map(make::client_id);
        let query = DailyQuery { client, ..query(make::days("2026-03-01", "2026-03-31"), "UTC") };
        assert_eq!(ask::daily(&stores, query).await.len(), rows);
    }
    assert_eq!(ask::top(&stores, ask::always()).await.len(), 1);
}

/// A span holds its first instant and not its last, to the microsecond.
pub async fn a_span_is_half_open(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let times = [
        "2026-03-10T10:06:59.999999Z",
        "2026-03-10T10:07:00Z",
        "2026-03-10T10:08:59.999999Z",
        "2026-03-10T10:09:00Z",
    ];
    append(&stores, 1, times.into_iter().map(|time| make::call("CL-1", 1, time)).collect()).await;
    let span = Span::around(make::at(times[1]), make::at(times[3]), ask::now());
    let nothing = Span { from: span.to, to: span.to };
    for _ in 0..2 {
        let rows = ask::top(&stores, span).await;
        assert_eq!((rows.len(), rows[0].summary.requests), (1, 2));
        assert_eq!(rows[0].summary.last_seen, Some(make::at(times[2])));
        assert!(ask::top(&stores, nothing).await.is_empty());
        ask::compact(&stores, ask::now()).await;
    }
}

/// A day holds what lies between the zone's midnights, to the microsecond, however long it is.
pub async fn a_day_is_what_the_zone_calls_a_day(harness: &dyn Harness) {
    let days = [
        ("UTC", "2024-02-29", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"),
        ("Asia/Kathmandu", "2026-03-10", "2026-03-09T18:15:00Z", "2026-03-10T18:15:00Z"),
        ("America/New_York", "2026-03-08", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"),
        ("America/New_York", "2025-11-02", "2025-11-02T04:00:00Z", "2025-11-03T05:00:00Z"),
        ("America/St_Johns", "2026-03-08", "2026-03-08T03:30:00Z", "2026-03-09T02:30:00Z"),
        ("Australia/Lord_Howe", "2025-10-05", "2025-10-04T13:30:00Z", "2025-10-05T13:00:00Z"),
        ("Pacific/Apia", "2011-12-29", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"),
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"),
    ];
    for (zone, day, start, end) in days {
        let stores = harness.fresh().await;
        let around = |time| {
            let at = make::at(time);
            let before = Timestamp::from_micros(at.as_micros() - 1).expect("an instant");
            [before, at].map(|at| Activity { at, ..make::call("CL-1", 1, time) })
        };
        append(&stores, 1, [around(start), around(end)].concat()).await;
        for _ in 0..2 {
            let found = ask::daily(&stores, query(make::days(day, day), zone)).await;
            let counts: Vec<_> = found.iter().map(|row| (row.date, row.summary.requests)).collect();
            assert_eq!(counts, [(make::date(day), 2)], "{zone}");
            ask::compact(&stores, ask::now()).await;
        }
    }
}

/// A limit cuts off those with the fewest requests, and pages of a day begin with the most.
pub async fn the_busiest_come_first(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let row = |id, n| make::call(id, n, "2026-03-10T10:00:00Z");
    let rows = [("a", 2), ("b", 9), ("c", 10), ("d", 1)];
    append(&stores, 1, rows.iter().flat_map(|(id, n)| (0..*n).map(|n| row(id, n))).collect()).await;
    for _ in 0..2 {
        let query = DailyQuery { limit: 2, ..query(make::days("2026-03-01", "2026-03-31"), "UTC") };
        let daily = ask::daily(&stores, query).await;
        assert_eq!(daily.iter().map(|row| row.client.as_str()).collect::<String>(), "cbad");
        let query = TopQuery { span: ask::always(), limit: 2 };
        let top = stores.usage.top(&query, Read::Latest).await.expect("top");
        assert_eq!(top.iter().map(|row| row.client.as_str()).collect::<String>(), "cb");
        ask::compact(&stores, ask::now()).await;
    }
}

/// Equal counts stand in the order of their ids' bytes, in both questions, and a limit cuts there.
pub async fn ties_go_by_client_in_byte_order(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let ordered = ["-", ".", "10", "9", "CL-10", "CL-2", "Z", "_", "a", "b"];
    let arriving = [3, 9, 0, 6, 8, 1, 5, 2, 7, 4].map(|index: usize| ordered[index]);
    let row = |id| make::call(id, 1, "2026-03-10T10:00:00Z");
    append(&stores, 1, arriving.into_iter().map(row).collect()).await;
    for _ in 0..2 {
        let query = DailyQuery { limit: 3, ..query(make::days("2026-03-10", "2026-03-10"), "UTC") };
        let daily = ask::daily(&stores, query).await;
        assert_eq!(daily.iter().map(|row| row.client.as_str()).collect::<Vec<_>>(), ordered);
        for limit in [1, 4, 10] {
            let query = TopQuery { span: ask::always(), limit };
            let top = stores.usage.top(&query, Read::Latest).await.expect("top");
            assert_eq!(top.iter().map(|row| row.client.as_str()).collect::<Vec<_>>(), ordered[..limit]);
        }
        ask::compact(&stores, ask::now()).await;
    }
}

/// A registered client goes by its name, another by its id; a span is a sum, which has no percentiles.
pub async fn top_knows_names_and_has_no_percentiles(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    stores.clients.insert(&make::client("CL-1"), None).await.expect("insert");
    let row = |id, time| make::answered(make::call(id, 1, time), 200, Some(5_000));
    let times = ["2026-03-10T10:00:00Z", "2025-03-10T10:00:00Z"];
    append(&stores, 1, times.into_iter().flat_map(|t| [row("CL-1", t), row("CL-2", t)]).collect()).await;
    for _ in 0..2 {
        let top = ask::top(&stores, ask::always()).await;
        assert_eq!(top.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["name of CL-1", "CL-2"]);
        assert!(top.iter().all(|row| row.summary.timed == 2 && row.summary.micros == 10_000));
        assert!(top.iter().all(|row| row.summary.quantiles.is_none()));
        ask::compact(&stores, ask::now()).await;
    }
}

/// To the microsecond, whatever came in which order and was compacted in between.
pub async fn last_seen_is_the_latest_event_not_the_last_arrival(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let latest = "2026-03-10T10:07:30.000001Z";
    let times = ["2026-03-10T10:07:30Z", latest, "2026-03-10T10:07:29Z", "2025-01-01T00:00:00Z"];
    for (stream, time) in (1..).zip(times) {
        append(&stores, stream, vec![make::call("CL-1", 1, time)]).await;
        ask::compact(&stores, ask::now()).await;
    }
    assert_eq!(ask::top(&stores, ask::always()).await[0].summary.last_seen, Some(make::at(latest)));
    let quarter =
        Span { from: make::at(latest).minute().floor_to(15), to: make::at(latest).minute().ceil_to(15) };
    assert_eq!(ask::top(&stores, quarter).await[0].summary.last_seen, Some(make::at(latest)));
}

/// The longest range that may be asked, with a row here and there.
pub async fn ten_years_of_sparse_days_come_in_pages(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    let zone = Zone::parse("Asia/Kathmandu").expect("a zone");
    let now = ask::now();
    let days = Days::last(MAX_DAYS.into(), &zone, now).expect("the longest range");
    let mut expected: Vec<_> = days.newest_first(None).step_by(61).collect();
    expected.push(days.from());
    let noon = |date| Minute(zone.day(date).from.0 + 12 * 60).into();
    let row = |date| Activity { at: noon(date), ..make::call("CL-1", 1, "2026-03-10T00:00:00Z") };
    let outside = [days.from().yesterday(), days.to().tomorrow()].map(|date| row(date.expect("a date")));
    append(&stores, 1, expected.iter().copied().map(row).chain(outside).collect()).await;
    for _ in 0..2 {
        let query = DailyQuery { limit: 20, ..query(days, "Asia/Kathmandu") };
        let found = ask::daily(&stores, query).await;
        assert_eq!(found.iter().map(|row| row.date).collect::<Vec<_>>(), expected);
        ask::compact(&stores, now).await;
    }
}

/// An event that arrives when its day is long compacted counts on that day.
pub async fn late_rows_count_on_the_day_of_the_event(harness: &dyn Harness) {
    let stores = harness.fresh().await;
    for (stream, id) in (1..).zip([1, 2, 2, 3]) {
        let row = make::answered(make::call("CL-1", id, "2025-06-01T10:00:00Z"), 404, Some(100));
        append(&stores, stream, vec![row]).await;
        ask::compact(&stores, ask::now()).await;
    }
    let rows = ask::daily(&stores, query(make::days("2025-05-01", "2026-03-12"), "UTC")).await;
    assert_eq!((rows.len(), rows[0].date), (1, make::date("2025-06-01")));
    let row = &rows[0].summary;
    assert_eq!((row.requests, row.errors, row.timed, row.micros), (3, 3, 3, 300));
    assert!(row.quantiles.is_some_and(|took| (took.p50() - 100.0).abs() <= 1.0));
}
