//! A real Apache log with known totals. It stays outside the repository: the test runs where the file
//! is, and says so where it is not.

use std::io::Read;
use std::path::Path;

use std::collections::BTreeMap;

use activity_domain::activity::Endpoint;
use activity_domain::hygiene::Template;
use serde_json::Value;

use crate::support::{Node, real_log};
use crate::truth::{Call, get, recount, reported, top};
use crate::{counted, import};

/// The lines of the log. The one whose last quote is missing is not a line of this format.
fn lines(path: &Path) -> Vec<String> {
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut text).unwrap();
    let text = String::from_utf8_lossy(&text).into_owned();
    text.lines().filter(|line| line.ends_with('"')).map(str::to_owned).collect()
}

/// Method and target of a line.
fn request(line: &str) -> (&str, &str) {
    let (_, rest) = line.split_once("] \"").unwrap();
    let mut parts = rest.split(' ');
    (parts.next().unwrap(), parts.next().unwrap())
}

/// Reads a line in the plainest way: fields by their place between blanks and quotes.
fn call(line: &str) -> Call {
    let (client, rest) = line.split_once(' ').unwrap();
    let (_, rest) = rest.split_once('[').unwrap();
    let (time, rest) = rest.split_once("] \"").unwrap();
    let (_, rest) = rest.split_once("\" ").unwrap();
    let at = jiff::fmt::strtime::parse("%d/%b/%Y:%H:%M:%S %z", time).unwrap();
    Call {
        client: client.into(),
        seconds: at.to_timestamp().unwrap().as_second(),
        status: rest[..3].parse().unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_log_has_its_true_totals() {
    let Some(path) = real_log() else { return };
    let mut node = Node::new(&[]);
    let first = import(&node, "ip", &[&path]);
    assert_eq!((counted(&first, "stored"), counted(&first, "rejected")), (9_999, 1));
    assert_eq!(counted(&first, "new clients"), 1_753);
    let rejects = std::fs::read_to_string(node.path("import.rejects")).unwrap();
    assert!(rejects.contains(":8899\t"), "{rejects}");
    let second = import(&node, "ip", &[&path]);
    assert_eq!((counted(&second, "stored"), counted(&second, "duplicates")), (0, 9_999));

    node.start().await;
    let busiest = top(&node, ("2015-05-17", "2015-05-22"), 5).await;
    let expected = [
        ("66.249.73.135", 482),
        ("46.105.14.53", 364),
        ("130.237.218.86", 357),
        ("75.97.9.59", 273),
        ("50.16.19.13", 113),
    ];
    assert_eq!(busiest, expected.map(|(name, count)| (name.to_owned(), count)));

    let lines = lines(&path);
    let calls: Vec<Call> = lines.iter().map(|line| call(line)).collect();
    for zone in ["UTC", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe"] {
        for bucket in ["15m", "1h", "1d"] {
            assert_series(&node, &calls, bucket, zone).await;
        }
    }
    assert_endpoints(&node, &lines).await;
    for zone in ["UTC", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe"] {
        let table = reported(&node, ("2015-05-16", "2015-05-22"), zone).await;
        assert_eq!(table, recount(&calls, zone), "{zone}");
        if zone == "UTC" {
            let of_day = |day: &str| -> u64 {
                table.iter().filter(|((date, _), _)| date == day).map(|(_, (requests, _))| requests).sum()
            };
            let days = ["2015-05-17", "2015-05-18", "2015-05-19", "2015-05-20"].map(of_day);
            assert_eq!(days, [1_632, 2_893, 2_896, 2_578]);
            assert_eq!(table.values().map(|(_, errors)| errors).sum::<u64>(), 220);
        }
    }
}

const RANGE: &str = "from=2015-05-17T00:00:00Z&to=2015-05-22T00:00:00Z";

/// Series by status class, against a plain recount: every call lies in the last bucket that begins before it.
async fn assert_series(node: &Node, calls: &[Call], bucket: &str, zone: &str) {
    let path = format!("/api/usage/series?{RANGE}&bucket={bucket}&timezone={zone}&groupBy=status");
    let usage = get(node, &path).await;
    let mut reported: BTreeMap<(String, i64), u64> = BTreeMap::new();
    let mut starts = Vec::new();
    for series in usage["series"].as_array().unwrap() {
        for point in series["points"].as_array().unwrap() {
            let at = point["at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second();
            starts.push(at);
            let count = point["requestCount"].as_u64().unwrap();
            if count > 0 {
                reported.insert((series["group"].as_str().unwrap().to_owned(), at), count);
            }
        }
    }
    starts.sort_unstable();
    starts.dedup();
    let mut expected: BTreeMap<(String, i64), u64> = BTreeMap::new();
    for call in calls {
        let start = starts[starts.partition_point(|start| *start <= call.seconds) - 1];
        *expected.entry((format!("{}xx", call.status / 100), start)).or_default() += 1;
    }
    assert_eq!(reported, expected, "{bucket} in {zone}");
    let of_class = |class: &str| -> u64 {
        reported.iter().filter(|((group, _), _)| group == class).map(|(_, count)| count).sum()
    };
    assert_eq!(["2xx", "3xx", "4xx", "5xx"].map(of_class), [9_170, 609, 217, 3]);
}

/// Endpoints against a recount of the lines: the busiest thousand, and the five that are known.
async fn assert_endpoints(node: &Node, lines: &[String]) {
    let mut expected: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
    for line in lines {
        let (method, target) = request(line);
        let template = Template::of(&Endpoint::parse(target).unwrap());
        let counts = expected.entry((method.to_owned(), template.as_str().to_owned())).or_default();
        counts.0 += 1;
        counts.1 += u64::from(call(line).status >= 400);
    }
    let usage = get(node, &format!("/api/usage/endpoints?{RANGE}&limit=1000")).await;
    let rows = usage["data"].as_array().unwrap();
    assert_eq!(rows.len(), expected.len().min(1_000));
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    for row in rows {
        let counts = (row["requestCount"].as_u64().unwrap(), row["errorCount"].as_u64().unwrap());
        let key = (text(row, "method"), text(row, "endpoint"));
        assert_eq!(expected.get(&key), Some(&counts), "{row}");
    }
    let mut busiest: BTreeMap<String, u64> = BTreeMap::new();
    for row in rows {
        *busiest.entry(text(row, "endpoint")).or_default() += row["requestCount"].as_u64().unwrap();
    }
    for (path, count) in [
        ("/favicon.ico", 807),
        ("/", 575),
        ("/style2.css", 546),
        ("/reset.css", 538),
        ("/images/jordan-80.png", 533),
    ] {
        assert_eq!(busiest.get(path), Some(&count), "{path}");
    }
}
