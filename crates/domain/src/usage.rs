//! The questions about usage, and their answers.

use std::cmp::Reverse;

use crate::client::ClientName;
use crate::error::Invalid;
use crate::id::ClientId;
use crate::rollup::Summary;
use crate::span::Span;
use crate::time::{Date, Timestamp, Zone};

mod buckets;
mod endpoints;
mod log;
mod pieces;
mod series;

pub use buckets::{Bucket, BucketError, Buckets, MAX_BUCKETS, MAX_GROUPED_BUCKETS};
pub use endpoints::{EndpointRow, EndpointSort, EndpointsQuery, busiest};
pub use log::{EndpointFilter, LogCursor, LogFilter, LogPage, LogQuery, MAX_TRAILS, StatusFilter};
pub use pieces::{Kept, Pieces};
pub use series::{GroupBy, MAX_GROUPS, Series, SeriesQuery};

/// The longest range of a daily question, in days.
pub const MAX_DAYS: i32 = 3_660;
/// The longest page.
pub const MAX_PAGE: usize = 1_000;

/// First and last day of a range, both inclusive, at most [`MAX_DAYS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    from: Date,
    to: Date,
}

impl Days {
    /// Days between two dates.
    pub fn between(from: Date, to: Date) -> Result<Self, Invalid> {
        if from > to {
            return Err(Invalid::new("must not be after `to`"));
        }
        if from.year() < 1970 || from.until(to).map_or(i32::MAX, |span| span.get_days()) >= MAX_DAYS {
            return Err(Invalid::new(format!(
                "must reach back over at most {MAX_DAYS} days, to 1970 at most"
            )));
        }
        Ok(Self { from, to })
    }

    /// The last `count` days up to and including today's date in a zone.
    pub fn last(count: i64, zone: &Zone, now: Timestamp) -> Result<Self, Invalid> {
        let count = i32::try_from(count).ok().filter(|n| (1..=MAX_DAYS).contains(n));
        let count = count.ok_or_else(|| Invalid::new(format!("must be between 1 and {MAX_DAYS}")))?;
        let to = zone.date_of(now);
        let from = to.saturating_sub(jiff::Span::new().days(count - 1));
        Self::between(from, to)
    }

    /// The first day.
    pub fn from(&self) -> Date {
        self.from
    }

    /// The last day.
    pub fn to(&self) -> Date {
        self.to
    }

    /// The days, newest first, beginning at `start` where one is given.
    pub fn newest_first(&self, start: Option<Date>) -> impl Iterator<Item = Date> + use<> {
        let from = self.from;
        let first = start.map_or(self.to, |start| start.min(self.to));
        std::iter::successors(Some(first), |day| day.yesterday().ok()).take_while(move |day| *day >= from)
    }
}

/// Usage by day and client.
#[derive(Debug, Clone, PartialEq)]
pub struct DailyQuery {
    /// Which days.
    pub days: Days,
    /// Whose days.
    pub zone: Zone,
    /// One client, or all.
    pub client: Option<ClientId>,
    /// The length of the page: at most [`MAX_PAGE`] for a caller, more for a cache that fills itself.
    pub limit: usize,
    /// Where the page before ended.
    pub after: Option<DailyCursor>,
}

/// One client on one day.
#[derive(Debug, Clone, PartialEq)]
pub struct DailyRow {
    /// The day in the query's zone.
    pub date: Date,
    /// The client.
    pub client: ClientId,
    /// What it did.
    pub summary: Summary,
}

/// The last row of a page. Rows come newest day first, then most requests, then by client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DailyCursor {
    /// Its day.
    pub date: Date,
    /// Its requests.
    pub requests: u64,
    /// Its client.
    pub client: ClientId,
}

/// A page of rows and where the next one starts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DailyPage {
    /// The rows in order.
    pub rows: Vec<DailyRow>,
    /// Present when there is more.
    pub next: Option<DailyCursor>,
}

impl DailyPage {
    /// Adds a day's rows in their order, up to the query's limit, leaving out what the page before
    /// had. Returns whether the page is full; then no older day is needed.
    pub fn push_day(&mut self, query: &DailyQuery, date: Date, clients: Vec<(ClientId, Summary)>) -> bool {
        let mut rows: Vec<DailyRow> =
            clients.into_iter().map(|(client, summary)| DailyRow { date, client, summary }).collect();
        if let Some(after) = query.after.as_ref().filter(|after| after.date == date) {
            rows.retain(|row| {
                (Reverse(row.summary.requests), &row.client) > (Reverse(after.requests), &after.client)
            });
        }
        rows.sort_by(|a, b| {
            (Reverse(a.summary.requests), &a.client).cmp(&(Reverse(b.summary.requests), &b.client))
        });
        for row in rows {
            if self.rows.len() == query.limit {
                self.next = self.rows.last().map(|last| DailyCursor {
                    date: last.date,
                    requests: last.summary.requests,
                    client: last.client.clone(),
                });
                return true;
            }
            self.rows.push(row);
        }
        false
    }
}

/// The clients with the most requests.
#[derive(Debug, Clone, PartialEq)]
pub struct TopQuery {
    /// When; see [`Span::around`].
    pub span: Span,
    /// How many, at most [`MAX_PAGE`].
    pub limit: usize,
}

/// One client's place among the top.
#[derive(Debug, Clone, PartialEq)]
pub struct TopRow {
    /// The client.
    pub client: ClientId,
    /// Its name.
    pub name: ClientName,
    /// What it did in the span, without percentiles: for those, distributions would have to be merged.
    pub summary: Summary,
}

impl TopRow {
    /// Puts rows in order, most requests first and ties by client, and keeps the first `limit`.
    pub fn rank(mut rows: Vec<Self>, limit: usize) -> Vec<Self> {
        rows.sort_by(|a, b| {
            (Reverse(a.summary.requests), &a.client).cmp(&(Reverse(b.summary.requests), &b.client))
        });
        rows.truncate(limit);
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_inclusive_and_bounded() {
        let day = |text: &str| text.parse::<Date>().unwrap();
        let days = Days::between(day("2026-02-27"), day("2026-03-02")).unwrap();
        let listed: Vec<String> = days.newest_first(None).map(|d| d.to_string()).collect();
        assert_eq!(listed, ["2026-03-02", "2026-03-01", "2026-02-28", "2026-02-27"]);
        assert!(Days::between(day("2026-03-02"), day("2026-03-01")).is_err());
        assert!(Days::between(day("2000-01-01"), day("2026-03-01")).is_err());
        let now = Timestamp::parse("2026-01-01T02:00:00Z").unwrap();
        let zone = Zone::parse("America/New_York").unwrap();
        let week = Days::last(7, &zone, now).unwrap();
        assert_eq!((week.from(), week.to()), (day("2025-12-25"), day("2025-12-31")));
        for bad in [0, -1, 3_661, i64::MAX] {
            assert!(Days::last(bad, &zone, now).is_err());
        }
    }
}
