//! A day of usage, kept small.

use std::cmp::Reverse;
use std::mem;

use crate::error::Invalid;
use crate::id::ClientId;
use crate::rollup::Tally;
use crate::sketch::Sketch;
use crate::usage::{DailyCursor, DailyRow};

/// The rows of a day in their order, or that there are too many to be kept.
#[derive(Debug, Clone, PartialEq)]
pub enum CachedDay {
    /// The rows.
    Rows(Box<[CachedRow]>),
    /// More rows than are kept.
    TooLong,
}

/// A client's day. Its sketch is in the stored form, which takes a fraction of the room.
#[derive(Debug, Clone, PartialEq)]
pub struct CachedRow {
    client: ClientId,
    /// With an empty sketch.
    tally: Tally,
    sketch: Box<[u8]>,
}

impl CachedDay {
    /// A day with these rows, which have to be all of it and in their order.
    pub fn of(rows: impl IntoIterator<Item = DailyRow>) -> Self {
        Self::Rows(rows.into_iter().map(CachedRow::from).collect())
    }

    /// Its first rows behind a cursor, as many as are wanted; `None` if they are not kept.
    pub fn rows(
        &self,
        after: Option<&DailyCursor>,
        wanted: usize,
    ) -> Option<Result<Vec<(ClientId, Tally)>, Invalid>> {
        let Self::Rows(rows) = self else { return None };
        let had = |row: &CachedRow, after: &DailyCursor| {
            (Reverse(row.tally.requests), &row.client) <= (Reverse(after.requests), &after.client)
        };
        let skipped = after.map_or(0, |after| rows.partition_point(|row| had(row, after)));
        Some(rows[skipped..].iter().take(wanted).map(CachedRow::read).collect())
    }

    /// About how many bytes it takes.
    pub fn weight(&self) -> u64 {
        let Self::Rows(rows) = self else { return 0 };
        let inside: usize = rows.iter().map(|row| row.sketch.len() + row.client.as_str().len()).sum();
        (size_of_val::<[CachedRow]>(rows) + inside) as u64
    }
}

impl From<DailyRow> for CachedRow {
    fn from(row: DailyRow) -> Self {
        let DailyRow { client, mut tally, date: _ } = row;
        let sketch = mem::take(&mut tally.sketch).encode().into_boxed_slice();
        Self { client, tally, sketch }
    }
}

impl CachedRow {
    fn read(&self) -> Result<(ClientId, Tally), Invalid> {
        let tally = Tally { sketch: Sketch::decode(&self.sketch)?, ..self.tally.clone() };
        Ok((self.client.clone(), tally))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(client: &str, requests: u64) -> DailyRow {
        let mut tally = Tally { requests, timed: 1, micros: 5, ..Tally::default() };
        tally.sketch.add(5);
        DailyRow { date: "2026-03-10".parse().unwrap(), client: ClientId::parse(client).unwrap(), tally }
    }

    #[test]
    fn rows_come_back_as_they_were_from_behind_a_cursor_on() {
        let rows = [row("a", 9), row("b", 7), row("c", 7), row("d", 1)];
        let day = CachedDay::of(rows.clone());
        let all: Vec<_> = rows.iter().map(|row| (row.client.clone(), row.tally.clone())).collect();
        assert_eq!(day.rows(None, 9), Some(Ok(all.clone())));
        assert_eq!(day.rows(None, 2), Some(Ok(all[..2].to_vec())));
        let after = |requests, client| DailyCursor {
            date: rows[0].date,
            requests,
            client: ClientId::parse(client).unwrap(),
        };
        assert_eq!(day.rows(Some(&after(7, "b")), 9), Some(Ok(all[2..].to_vec())));
        // Rows that are not there (any more) are a place all the same.
        assert_eq!(day.rows(Some(&after(8, "zz")), 9), Some(Ok(all[1..].to_vec())));
        assert_eq!(day.rows(Some(&after(1, "d")), 9), Some(Ok(Vec::new())));
        assert_eq!(CachedDay::TooLong.rows(None, 9), None);
        assert!(day.weight() > CachedDay::of([]).weight());
    }
}
