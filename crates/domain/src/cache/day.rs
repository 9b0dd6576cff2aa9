//! A day of usage, kept small.

use std::cmp::Reverse;

use crate::id::ClientId;
use crate::rollup::Summary;
use crate::usage::{DailyCursor, DailyRow};

/// The rows of a day in their order, or that there are too many to be kept.
#[derive(Debug, Clone, PartialEq)]
pub enum CachedDay {
    /// The rows.
    Rows(Box<[(ClientId, Summary)]>),
    /// More rows than are kept.
    TooLong,
}

impl CachedDay {
    /// A day with these rows, which have to be all of it and in their order.
    pub fn of(rows: impl IntoIterator<Item = DailyRow>) -> Self {
        Self::Rows(rows.into_iter().map(|row| (row.client, row.summary)).collect())
    }

    /// Its first rows behind a cursor, as many as are wanted; `None` if they are not kept.
    pub fn rows(&self, after: Option<&DailyCursor>, wanted: usize) -> Option<Vec<(ClientId, Summary)>> {
        let Self::Rows(rows) = self else { return None };
        let had = |(client, summary): &(ClientId, Summary), after: &DailyCursor| {
            (Reverse(summary.requests), client) <= (Reverse(after.requests), &after.client)
        };
        let skipped = after.map_or(0, |after| rows.partition_point(|row| had(row, after)));
        Some(rows[skipped..].iter().take(wanted).cloned().collect())
    }

    /// About how many bytes it takes.
    pub fn weight(&self) -> u64 {
        let Self::Rows(rows) = self else { return 0 };
        let names: usize = rows.iter().map(|(client, _)| client.as_str().len()).sum();
        (size_of_val::<[_]>(rows) + names) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(client: &str, requests: u64) -> DailyRow {
        let summary = Summary { requests, timed: 1, micros: 5, ..Summary::default() };
        DailyRow { date: "2026-03-10".parse().unwrap(), client: ClientId::parse(client).unwrap(), summary }
    }

    #[test]
    fn rows_come_back_as_they_were_from_behind_a_cursor_on() {
        let rows = [row("a", 9), row("b", 7), row("c", 7), row("d", 1)];
        let day = CachedDay::of(rows.clone());
        let all: Vec<_> = rows.iter().map(|row| (row.client.clone(), row.summary)).collect();
        assert_eq!(day.rows(None, 9), Some(all.clone()));
        assert_eq!(day.rows(None, 2), Some(all[..2].to_vec()));
        let after = |requests, client| DailyCursor {
            date: rows[0].date,
            requests,
            client: ClientId::parse(client).unwrap(),
        };
        assert_eq!(day.rows(Some(&after(7, "b")), 9), Some(all[2..].to_vec()));
        // Rows that are not there (any more) are a place all the same.
        assert_eq!(day.rows(Some(&after(8, "zz")), 9), Some(all[1..].to_vec()));
        assert_eq!(day.rows(Some(&after(1, "d")), 9), Some(Vec::new()));
        assert_eq!(CachedDay::TooLong.rows(None, 9), None);
        assert!(day.weight() > CachedDay::of([]).weight());
    }
}
