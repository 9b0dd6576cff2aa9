//! Usage counted the slow and plain way, straight from the list of activities. It shares no code with
//! the domain's tallies, spans and sketches: those are what it judges.

use std::collections::BTreeMap;

use activity_domain::activity::{Activity, ResponseTime};
use activity_domain::id::ClientId;
use activity_domain::time::{Date, Timestamp};
use jiff::tz::TimeZone;

/// What a client did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    pub requests: u64,
    pub errors: u64,
    pub last_seen: Option<Timestamp>,
    /// Response times in microseconds, sorted.
    pub took: Vec<u64>,
}

impl Counted {
    fn of(rows: &[&Activity]) -> Self {
        let mut took: Vec<u64> =
            rows.iter().filter_map(|row| row.response_time).map(ResponseTime::as_micros).collect();
        took.sort_unstable();
        Self {
            requests: rows.len() as u64,
            errors: rows.iter().filter(|row| row.status.code().is_some_and(|code| code >= 400)).count()
                as u64,
            last_seen: rows.iter().map(|row| row.at).max(),
            took,
        }
    }

    /// The smallest response time that at least so many percent are not above.
    pub fn percentile(&self, percent: usize) -> Option<u64> {
        let rank = (percent * self.took.len()).div_ceil(100).max(1);
        self.took.get(rank - 1).copied()
    }
}

/// Clients with their counts, most requests first, ties by the bytes of their ids.
fn by_client<'a>(rows: impl Iterator<Item = &'a Activity>) -> Vec<(ClientId, Counted)> {
    let mut groups: BTreeMap<&str, Vec<&Activity>> = BTreeMap::new();
    for row in rows {
        groups.entry(row.client.as_str()).or_default().push(row);
    }
    // The map is in order of ids and the sort is stable, so ties stay in order of ids.
    let mut groups: Vec<Vec<&Activity>> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    groups.iter().map(|group| (group[0].client.clone(), Counted::of(group))).collect()
}

/// Rows by day, newest first, and client.
pub fn daily(rows: &[Activity], zone: &str, from: Date, to: Date) -> Vec<(Date, ClientId, Counted)> {
    let zone = TimeZone::get(zone).expect("a zone");
    let mut dates: BTreeMap<Date, Vec<&Activity>> = BTreeMap::new();
    for row in rows {
        dates.entry(day_of(row.at, &zone)).or_default().push(row);
    }
    let wanted = dates.into_iter().rev().filter(|(date, _)| from <= *date && *date <= to);
    wanted
        .flat_map(|(date, rows)| {
            by_client(rows.into_iter()).into_iter().map(move |(client, counted)| (date, client, counted))
        })
        .collect()
}

/// Clients of a half-open range of time, given in minutes since 1970.
pub fn top(rows: &[Activity], from: i64, to: i64) -> Vec<(ClientId, Counted)> {
    let range = from * 60_000_000..to * 60_000_000;
    by_client(rows.iter().filter(|row| range.contains(&row.at.as_micros())))
}

/// Rows by what a function says of them.
pub fn by<K: Ord>(rows: &[Activity], key: impl Fn(&Activity) -> Option<K>) -> BTreeMap<K, Counted> {
    let mut groups: BTreeMap<K, Vec<&Activity>> = BTreeMap::new();
    for row in rows {
        if let Some(key) = key(row) {
            groups.entry(key).or_default().push(row);
        }
    }
    groups.into_iter().map(|(key, rows)| (key, Counted::of(&rows))).collect()
}

/// The minute at which the bucket of an instant begins: found by going back minute by minute until the
/// zone's clock shows a border.
pub fn bucket_of(at: Timestamp, bucket: &str, zone: &str) -> i64 {
    let zone = TimeZone::get(zone).expect("a zone");
    let minute = at.as_micros().div_euclid(60_000_000);
    let instant = |minute: i64| jiff::Timestamp::from_second(minute * 60).expect("an instant");
    match bucket {
        "1m" => minute,
        "5m" => minute - minute % 5,
        "15m" => minute - minute % 15,
        "1h" => (0..180)
            .map(|back| minute - back)
            .find(|m| zone.to_datetime(instant(*m)).minute() == 0)
            .expect("an hour"),
        _ => {
            let midnight = day_of(at, &zone).at(0, 0, 0, 0);
            zone.to_timestamp(midnight).expect("a midnight").as_second() / 60
        }
    }
}

/// A path with numbers as `{id}`, which are all the ids that histories have.
pub fn template(row: &Activity) -> String {
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let parts = row.endpoint.as_str().split('/').map(|part| if is_number(&part) { "{id}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// The class of the status.
pub fn status_class(row: &Activity) -> String {
    row.status.code().map_or_else(|| "unknown".to_owned(), |code| format!("{}xx", code / 100))
}

/// The method, as far as it is counted by name.
pub fn method(row: &Activity) -> &'static str {
    ["GET", "POST", "PUT", "DELETE"]
        .into_iter()
        .find(|name| *name == row.method.as_str())
        .unwrap_or("(other)")
}

/// The day that an instant belongs to. A day runs from its first midnight to the next day's first
/// midnight, even where clocks that go back just after midnight show the day before once more.
fn day_of(at: Timestamp, zone: &TimeZone) -> Date {
    let at = jiff::Timestamp::from_microsecond(at.as_micros()).expect("an instant");
    let start = |date: Date| zone.to_timestamp(date.at(0, 0, 0, 0)).expect("a midnight");
    let shown = zone.to_datetime(at).date();
    let next = shown.tomorrow().expect("a next day");
    if start(next) <= at { next } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::make;

    #[test]
    fn days_follow_the_zone() {
        let day = |time: &str, zone: &str| day_of(make::at(time), &TimeZone::get(zone).unwrap()).to_string();
        assert_eq!(day("2026-01-01T18:14:59.999999Z", "Asia/Kathmandu"), "2026-01-01");
        assert_eq!(day("2026-01-01T18:15:00Z", "Asia/Kathmandu"), "2026-01-02");
        assert_eq!(day("2011-12-30T09:59:59Z", "Pacific/Apia"), "2011-12-29");
        assert_eq!(day("2011-12-30T10:00:00Z", "Pacific/Apia"), "2011-12-31");
        // At 00:01 on the 7th the clocks went back to 23:01 on the 6th.
        assert_eq!(day("2010-11-07T02:29:59Z", "America/St_Johns"), "2010-11-06");
        assert_eq!(day("2010-11-07T02:45:00Z", "America/St_Johns"), "2010-11-07");
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let counted = Counted { took: (1..=200).collect(), ..Counted::default() };
        let found = [0, 50, 95, 99, 100].map(|percent| counted.percentile(percent));
        assert_eq!(found, [1, 100, 190, 198, 200].map(Some));
        assert_eq!(Counted::default().percentile(50), None);
    }
}
