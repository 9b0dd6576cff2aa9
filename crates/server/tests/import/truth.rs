//! What the API says about a log, and what a plain recount of it says.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::support::Node;

/// Requests and errors by day and client's name.
pub type Table = BTreeMap<(String, String), (u64, u64)>;

/// A request as a log has it.
#[derive(Debug, Clone)]
pub struct Call {
    pub client: String,
    pub seconds: i64,
    pub status: u16,
}

/// Counts calls by the calendar of a zone.
pub fn recount(calls: &[Call], zone: &str) -> Table {
    let zone = TimeZone::get(zone).unwrap();
    let mut table = Table::new();
    for call in calls {
        let day = zone.to_datetime(Timestamp::from_second(call.seconds).unwrap()).date().to_string();
        let cell = table.entry((day, call.client.clone())).or_default();
        cell.0 += 1;
        cell.1 += u64::from(call.status >= 400);
    }
    table
}

/// The same from GET /api/usage/daily, over all pages, with the names that `top` gives to clients.
pub async fn reported(node: &Node, range: (&str, &str), zone: &str) -> Table {
    let names = names(node, range).await;
    let mut table = Table::new();
    let mut cursor = String::new();
    loop {
        let (from, to) = range;
        let path = format!("/api/usage/daily?from={from}&to={to}&timezone={zone}&limit=400{cursor}");
        let page = get(node, &path).await;
        for row in page["data"].as_array().unwrap() {
            let name = names[row["clientId"].as_str().unwrap()].clone();
            let counts = (row["requestCount"].as_u64().unwrap(), row["errorCount"].as_u64().unwrap());
            let before = table.insert((row["date"].as_str().unwrap().to_owned(), name), counts);
            assert_eq!(before, None, "a row came twice");
        }
        let Some(next) = page["nextCursor"].as_str() else { return table };
        cursor = format!("&cursor={next}");
    }
}

/// The busiest clients: name and requests.
pub async fn top(node: &Node, range: (&str, &str), limit: usize) -> Vec<(String, u64)> {
    let rows = top_rows(node, range, limit).await;
    rows.iter()
        .map(|row| (row["name"].as_str().unwrap().to_owned(), row["requestCount"].as_u64().unwrap()))
        .collect()
}

async fn names(node: &Node, range: (&str, &str)) -> BTreeMap<String, String> {
    // More clients than a page has would be missing here, and the look-up by name would fail.
    let mut names = BTreeMap::new();
    let first: jiff::civil::Date = range.0.parse().unwrap();
    let last: jiff::civil::Date = range.1.parse().unwrap();
    for day in first
        .yesterday()
        .unwrap()
        .series(jiff::Span::new().days(1))
        .take_while(|day| *day <= last.tomorrow().unwrap())
    {
        let (from, to) = (day.to_string(), day.tomorrow().unwrap().to_string());
        for row in top_rows(node, (&from, &to), 1_000).await {
            names.insert(
                row["clientId"].as_str().unwrap().to_owned(),
                row["name"].as_str().unwrap().to_owned(),
            );
        }
    }
    names
}

async fn top_rows(node: &Node, (from, to): (&str, &str), limit: usize) -> Vec<Value> {
    let path = format!("/api/usage/top?from={from}T00:00:00Z&to={to}T00:00:00Z&limit={limit}");
    get(node, &path).await["data"].as_array().unwrap().clone()
}

/// An answer to the admin.
pub async fn get(node: &Node, path: &str) -> Value {
    let request = node.http.get(node.at(path)).header("x-api-key", node.admin_key());
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    response.json().await.unwrap()
}
