//! A page of days: what is still going on from the store, closed days from the cache, and what it lacks
//! from the store again.

use std::iter::Peekable;
use std::sync::Arc;
use std::vec;

use super::usage::{CachedUsage, put};
use crate::cache::{CacheValue, CachedDay, Lifetime};
use crate::error::StoreError;
use crate::port::{Lease, Lookup, Read, Wait};
use crate::time::{Date, Timestamp};
use crate::usage::{DailyCursor, DailyPage, DailyQuery, DailyRow, Days};

/// So many closed days of a question are looked up one by one; older ones come from the store, in one go.
const MAX_CACHED: usize = 92;
/// So many missing days are fetched together.
const MAX_RUN: usize = 10;
/// A question waits for others' computations for about so many seconds in all.
const PATIENCE: i64 = 2;

/// A page on its way.
pub(super) struct Assembly<'a> {
    usage: &'a CachedUsage,
    query: &'a DailyQuery,
    lifetime: Lifetime,
    page: DailyPage,
}

/// Whether the page is full, so that no older day is needed.
type Full = bool;

impl<'a> Assembly<'a> {
    pub fn of(usage: &'a CachedUsage, query: &'a DailyQuery, lifetime: Lifetime) -> Self {
        Self { usage, query, lifetime, page: DailyPage::default() }
    }

    pub async fn page(mut self) -> Result<DailyPage, StoreError> {
        let from = self.query.days.from();
        let start = self.query.after.as_ref().map_or(self.query.days.to(), |after| after.date);
        let start = start.min(self.query.days.to());
        let Some(closed) = self.newest_closed(from) else {
            self.ask_store(from, start).await?;
            return Ok(self.page);
        };
        if closed < start && self.ask_store(closed.tomorrow().unwrap_or(start), start).await? {
            return Ok(self.page);
        }
        let dates: Vec<Date> =
            self.query.days.newest_first(Some(closed.min(start))).take(MAX_CACHED).collect();
        let oldest = dates.last().copied();
        if self.closed_days(&dates).await? {
            return Ok(self.page);
        }
        if let Some(before) = oldest.and_then(|oldest| oldest.yesterday().ok()) {
            self.ask_store(from, before).await?;
        }
        Ok(self.page)
    }

    /// The newest closed day that is not before `from`.
    fn newest_closed(&self, from: Date) -> Option<Date> {
        let sealed = self.usage.sealed()?;
        let mut date = self.query.zone.date_of(sealed);
        while Timestamp::from(self.query.zone.day(date).to) > sealed {
            date = date.yesterday().ok()?;
        }
        (date >= from).then_some(date)
    }

    /// Adds days, given newest first.
    async fn closed_days(&mut self, mut dates: &[Date]) -> Result<Full, StoreError> {
        let patience = self.usage.clock.now().plus_seconds(PATIENCE);
        let mut ahead = None;
        while let Some((&date, older)) = dates.split_first() {
            let lookup = if let Some(lookup) = ahead.take() {
                Ok(lookup)
            } else {
                let wait = if self.usage.clock.now() < patience { Wait::Bounded } else { Wait::No };
                self.usage.cache.get(&self.usage.day(self.query, date), wait).await
            };
            let (full, done) = match lookup {
                Ok(Lookup::Fresh(value)) => (self.push(date, &value).await?, 1),
                Ok(Lookup::Stale(value)) => {
                    self.usage.refresh(self.usage.day(self.query, date), self.lifetime).await;
                    (self.push(date, &value).await?, 1)
                }
                Ok(Lookup::Missing(lease)) => {
                    let (leases, found) = self.missing_run(lease, dates).await;
                    let run = self.fetch(leases, dates).await?;
                    // What was found behind the run is of use only if the run came to its end.
                    ahead = found.filter(|(at, _)| dates.get(run.1) == Some(at)).map(|(_, lookup)| lookup);
                    run
                }
                // Somebody is at it for too long, or the cache is in trouble.
                Ok(Lookup::Busy) | Err(_) => {
                    let oldest = older.last().copied().unwrap_or(date);
                    return self.ask_store(oldest, date).await;
                }
            };
            if full {
                return Ok(true);
            }
            dates = &dates[done..];
        }
        Ok(false)
    }

    /// Leases of days that are missing one after the other, and what was found behind them. It waits for
    /// nobody: others may be waiting for these leases already.
    async fn missing_run(
        &self,
        first: Box<dyn Lease>,
        dates: &[Date],
    ) -> (Vec<Box<dyn Lease>>, Option<(Date, Lookup)>) {
        let mut leases = vec![first];
        for &date in dates.iter().take(MAX_RUN).skip(1) {
            match self.usage.cache.get(&self.usage.day(self.query, date), Wait::No).await {
                Ok(Lookup::Missing(lease)) => leases.push(lease),
                // One who holds leases does not wait, but will look again.
                Ok(Lookup::Busy) | Err(_) => break,
                Ok(found) => return (leases, Some((date, found))),
            }
        }
        (leases, None)
    }

    /// Fetches the first of some days, one for each lease, and puts in those that came whole. Says how many
    /// days are done with.
    async fn fetch(
        &mut self,
        leases: Vec<Box<dyn Lease>>,
        dates: &[Date],
    ) -> Result<(Full, usize), StoreError> {
        let run = &dates[..leases.len()];
        let (Some(&newest), Some(&oldest)) = (run.first(), run.last()) else { return Ok((false, 0)) };
        let query =
            DailyQuery { limit: self.usage.policy.day_rows, after: None, ..self.part(oldest, newest)? };
        let fetched = self.usage.repo.daily(&query, Read::Latest).await?;
        // Where there is more, the last day that came may lack rows.
        let cut = fetched.next.map(|next| next.date);
        let mut rows = fetched.rows.into_iter().peekable();
        let mut full = false;
        let mut done = 0;
        for (&date, lease) in run.iter().zip(leases) {
            if cut.is_some_and(|cut| date <= cut) {
                if done == 0 {
                    put(lease, CacheValue::Day(Arc::new(CachedDay::TooLong)), self.lifetime).await;
                    return Ok((self.ask_store(date, date).await?, 1));
                }
                // The leases that are left go to whoever asks next, perhaps this question.
                break;
            }
            let value = CacheValue::Day(Arc::new(CachedDay::of(rows_of(date, &mut rows))));
            put(lease, value.clone(), self.lifetime).await;
            full = full || self.push(date, &value).await?;
            done += 1;
        }
        Ok((full, done))
    }

    /// Adds a day of the cache.
    async fn push(&mut self, date: Date, value: &CacheValue) -> Result<Full, StoreError> {
        let after = self.query.after.as_ref().filter(|after| after.date == date);
        // One more than there is room for tells that there is more.
        let wanted = self.query.limit.saturating_sub(self.page.rows.len()) + 1;
        let rows = if let CacheValue::Day(day) = value { day.rows(after, wanted) } else { None };
        match rows {
            Some(rows) => Ok(self.page.push_day(self.query, date, rows)),
            // Too long to be kept, or not what a cache should hold.
            None => self.ask_store(date, date).await,
        }
    }

    /// Adds days of the store, as far as there are any.
    async fn ask_store(&mut self, from: Date, to: Date) -> Result<Full, StoreError> {
        if from > to {
            return Ok(false);
        }
        let room = self.query.limit.saturating_sub(self.page.rows.len());
        let query = DailyQuery { limit: room.max(1), ..self.part(from, to)? };
        let part = self.usage.repo.daily(&query, Read::Eventual).await?;
        if room > 0 {
            self.page.rows.extend(part.rows);
            self.page.next = part.next;
        } else if !part.rows.is_empty() {
            self.page.next = self.page.rows.last().map(cursor);
        }
        Ok(self.page.next.is_some())
    }

    /// The same question about some of its days.
    fn part(&self, from: Date, to: Date) -> Result<DailyQuery, StoreError> {
        // A part of a range is in order, and within the bound.
        let days = Days::between(from, to).map_err(|error| StoreError::Refused(error.to_string()))?;
        Ok(DailyQuery { days, ..self.query.clone() })
    }
}

fn rows_of(date: Date, rows: &mut Peekable<vec::IntoIter<DailyRow>>) -> Vec<DailyRow> {
    let mut of_day = Vec::new();
    while let Some(row) = rows.next_if(|row| row.date == date) {
        of_day.push(row);
    }
    of_day
}

fn cursor(row: &DailyRow) -> DailyCursor {
    DailyCursor { date: row.date, requests: row.summary.requests, client: row.client.clone() }
}
