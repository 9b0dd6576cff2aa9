//! A real access log on Postgres: the totals that are known of it, and to every question the answer of the
//! embedded store.

use std::path::Path;

use activity_testkit::Database;
use serde_json::Value;

use crate::support::{Node, real_log, until};
use crate::{ADMIN_KEY, LONG, node};

const LINES: u64 = 9_999;
const ZONES: [&str; 4] = ["UTC", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe"];
/// All of the log; a part that begins and ends within days of all zones; a night; nothing.
const RANGES: [(&str, &str); 4] = [
    ("2015-05-16T00:00:00Z", "2015-05-22T00:00:00Z"),
    ("2015-05-17T15:20:00Z", "2015-05-20T03:40:00Z"),
    ("2015-05-18T22:00:00Z", "2015-05-19T06:00:00Z"),
    ("2015-05-25T00:00:00Z", "2015-05-26T00:00:00Z"),
];

/// Imports the log twice: the second time nothing is new.
fn import(node: &Node, log: &Path) {
    let counted = |said: &str, name: &str| -> u64 {
        let line = said.lines().find_map(|line| line.trim().strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()).map_or(0, |count| count.parse().unwrap())
    };
    for expected in [[LINES, 0, 1_753, 1], [0, LINES, 0, 1]] {
        let (ok, said) = node.run(&["import", "--client-by", "ip", log.to_str().unwrap()]);
        let counts = ["stored", "duplicates", "new clients", "rejected"].map(|name| counted(&said, name));
        assert!(ok && counts == expected, "{said}");
    }
}

/// Status and body, but for what is another one with each answer.
async fn ask(node: &Node, question: &str) -> (u16, Value) {
    let request = node.http.get(node.at(&format!("/api/usage/{question}"))).header("x-api-key", ADMIN_KEY);
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let mut body: Value = answer.json().await.unwrap();
    for passing in ["generatedAt", "requestId"] {
        body.as_object_mut().unwrap().remove(passing);
    }
    (status, body)
}

/// All rows of a question that has pages.
async fn rows(node: &Node, question: &str) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let (status, mut page) = ask(node, &format!("{question}{cursor}")).await;
        assert_eq!(status, 200, "{question}{cursor}: {page}");
        rows.append(page["data"].as_array_mut().unwrap());
        let Some(next) = page["nextCursor"].as_str() else { return rows };
        cursor = format!("&cursor={next}");
    }
}

/// The id of the busiest client, which follows from its name.
async fn busiest(node: &Node) -> String {
    let (from, to) = RANGES[0];
    let (_, top) = ask(node, &format!("top?from={from}&to={to}&limit=1")).await;
    top["data"][0]["clientId"].as_str().unwrap().to_owned()
}

/// Everything that may be asked of the log, of everybody and of one client.
fn questions(one: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (from, to) in RANGES {
        for limit in [1, 3, 10, 1_000] {
            all.push(format!("top?from={from}&to={to}&limit={limit}"));
        }
        for client in [String::new(), format!("&clientId={one}")] {
            let range = format!("from={from}&to={to}{client}");
            for (sort, limit) in [("requests", 7), ("requests", 1_000), ("errors", 100), ("p95", 100)] {
                all.push(format!("endpoints?{range}&sort={sort}&limit={limit}"));
            }
            // Not kept for so long, and refused alike.
            all.extend(["1m", "5m"].map(|bucket| format!("series?{range}&bucket={bucket}")));
            for zone in ZONES {
                for bucket in ["15m", "1h", "1d"] {
                    for group in ["none", "status", "method", "client", "endpoint"] {
                        all.push(format!("series?{range}&timezone={zone}&bucket={bucket}&groupBy={group}"));
                    }
                }
                let days = format!("from={}&to={}{client}", &from[..10], &to[..10]);
                for limit in [1_000, 11] {
                    all.push(format!("daily?{days}&timezone={zone}&limit={limit}"));
                }
            }
        }
    }
    all
}

/// What is known of the log.
async fn true_totals(node: &Node) {
    let (from, to) = RANGES[0];
    let count = |row: &Value, field: &str| row[field].as_u64().unwrap();
    let days = rows(node, "daily?from=2015-05-16&to=2015-05-22&limit=400").await;
    for (date, requests) in
        [("2015-05-17", 1_632), ("2015-05-18", 2_893), ("2015-05-19", 2_896), ("2015-05-20", 2_578)]
    {
        let of_day = days.iter().filter(|row| row["date"] == date);
        assert_eq!(of_day.map(|row| count(row, "requestCount")).sum::<u64>(), requests, "{date}");
    }
    assert_eq!(days.iter().map(|row| count(row, "errorCount")).sum::<u64>(), 220);

    let (_, top) = ask(node, &format!("top?from={from}&to={to}&limit=5")).await;
    let top =
        top["data"].as_array().unwrap().iter().map(|row| (row["name"].clone(), count(row, "requestCount")));
    let expected = [
        ("66.249.73.135", 482),
        ("46.105.14.53", 364),
        ("130.237.218.86", 357),
        ("75.97.9.59", 273),
        ("50.16.19.13", 113),
    ];
    assert_eq!(top.collect::<Vec<_>>(), expected.map(|(name, requests)| (name.into(), requests)));

    for (group, expected) in [
        ("status", vec![("2xx", 9_170), ("3xx", 609), ("4xx", 217), ("5xx", 3)]),
        ("method", vec![("GET", 9_951), ("HEAD", 42), ("POST", 5), ("OPTIONS", 1)]),
    ] {
        let (_, usage) = ask(node, &format!("series?from={from}&to={to}&bucket=1h&groupBy={group}")).await;
        let sums = usage["series"].as_array().unwrap().iter().map(|series| {
            let points = series["points"].as_array().unwrap();
            (series["group"].clone(), points.iter().map(|point| count(point, "requestCount")).sum::<u64>())
        });
        let expected = expected.into_iter().map(|(name, requests)| (name.into(), requests));
        assert_eq!(sums.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }

    let (_, endpoints) = ask(node, &format!("endpoints?from={from}&to={to}&limit=1000")).await;
    let endpoints = endpoints["data"].as_array().unwrap();
    for (path, requests) in [
        ("/favicon.ico", 807),
        ("/", 575),
        ("/style2.css", 546),
        ("/reset.css", 538),
        ("/images/jordan-80.png", 533),
    ] {
        let of_path = endpoints.iter().filter(|row| row["endpoint"] == path);
        assert_eq!(of_path.map(|row| count(row, "requestCount")).sum::<u64>(), requests, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_log_has_its_true_totals_and_the_answers_of_the_embedded_store() {
    let Some(log) = real_log() else { return };
    let database = Database::empty();
    let mut on_postgres = node(database.address(), &[]);
    let mut embedded = Node::new(&[("ADMIN_API_KEY", ADMIN_KEY)]);
    import(&on_postgres, &log);
    import(&embedded, &log);
    assert_eq!(database.sql("SELECT count(*) FROM activity"), LINES.to_string());
    on_postgres.start().await;
    embedded.start().await;
    true_totals(&on_postgres).await;
    // And once all of it has been folded into blocks.
    let waiting = || database.sql("SELECT count(*) FROM usage_delta");
    until("the log to be compacted", LONG, async || (waiting() == "0").then_some(())).await;
    true_totals(&on_postgres).await;
    compare(&on_postgres, &embedded).await;
}

/// Asks both everything.
async fn compare(on_postgres: &Node, embedded: &Node) {
    let one = busiest(on_postgres).await;
    let (mut answered, mut refused) = (0, 0);
    for question in questions(&one) {
        let (ours, theirs) = (ask(on_postgres, &question).await, ask(embedded, &question).await);
        assert_eq!(ours, theirs, "{question}");
        match ours.0 {
            200 => answered += 1,
            422 => refused += 1,
            other => panic!("{other} for {question}"),
        }
    }
    assert!(answered > 300 && refused > 50, "{answered} and {refused}");
    for zone in ZONES {
        for limit in [97, 400] {
            let question = format!("daily?from=2015-05-16&to=2015-05-22&timezone={zone}&limit={limit}");
            let ours = rows(on_postgres, &question).await;
            assert!(ours.len() > 1_753, "{question}");
            assert_eq!(ours, rows(embedded, &question).await, "{question}");
        }
    }
}
