//! Usage, recounted from the raw rows with every question.

use std::collections::BTreeMap;

use activity_domain::client::ClientName;
use activity_domain::error::StoreError;
use activity_domain::id::ClientId;
use activity_domain::port::{Compacted, Purged, Read, Retained, Upkeep, UsageRepo};
use activity_domain::rollup::{Summary, Tally};
use activity_domain::span::Span;
use activity_domain::time::Timestamp;
use activity_domain::usage::{
    DailyPage, DailyQuery, EndpointRow, EndpointsQuery, LogPage, LogQuery, Series, SeriesQuery, TopQuery,
    TopRow,
};
use async_trait::async_trait;

use crate::store::{MemoryStore, State};

#[async_trait]
impl UsageRepo for MemoryStore {
    async fn daily(&self, query: &DailyQuery, _: Read) -> Result<DailyPage, StoreError> {
        let state = self.reach()?;
        let mut page = DailyPage::default();
        let start = query.after.as_ref().map(|after| after.date);
        for date in query.days.newest_first(start) {
            let mut tallies = state.recount(query.zone.day(date));
            tallies.retain(|client, _| query.client.as_ref().is_none_or(|only| only == client));
            let clients = tallies.iter().map(|(client, tally)| (client.clone(), Summary::from(tally)));
            if page.push_day(query, date, clients.collect()) {
                break;
            }
        }
        Ok(page)
    }

    async fn top(&self, query: &TopQuery, _: Read) -> Result<Vec<TopRow>, StoreError> {
        let state = self.reach()?;
        let rows = state.recount(query.span).into_iter().map(|(client, tally)| {
            let name = state.name(&client)?;
            // The question promises no percentiles, and nobody shall come to rely on them.
            let summary = Summary { quantiles: None, ..Summary::from(&tally) };
            Ok(TopRow { client, name, summary })
        });
        Ok(TopRow::rank(rows.collect::<Result<_, StoreError>>()?, query.limit))
    }

    async fn series(&self, query: &SeriesQuery, _: Read) -> Result<Vec<Series>, StoreError> {
        Ok(self.reach()?.series(query))
    }

    async fn endpoints(&self, query: &EndpointsQuery, _: Read) -> Result<Vec<EndpointRow>, StoreError> {
        Ok(self.reach()?.endpoints(query))
    }

    async fn activities(&self, query: &LogQuery, _: Read) -> Result<LogPage, StoreError> {
        Ok(self.reach()?.activities(query))
    }
}

#[async_trait]
impl Upkeep for MemoryStore {
    /// There are no blocks, so there is nothing to do.
    async fn compact(&self, _: Timestamp) -> Result<Compacted, StoreError> {
        self.reach().map(|_| Compacted::default())
    }

    async fn retain(&self, from: Timestamp) -> Result<Retained, StoreError> {
        let mut state = self.reach()?;
        state.retained_from = state.retained_from.max(from);
        let before = state.rows.len();
        let from = state.retained_from;
        state.rows.retain(|(_, at, _), _| *at >= from);
        Ok(Retained { dropped: (before - state.rows.len()) as u64, more: false })
    }

    /// Rows of erased clients go at once, so only what is old is left to do.
    async fn purge(&self, now: Timestamp) -> Result<Purged, StoreError> {
        let mut state = self.reach()?;
        state.forget_changes(now);
        state.forget_tickets(now);
        state.forget_acts(now);
        Ok(Purged::default())
    }
}

impl State {
    fn recount(&self, span: Span) -> BTreeMap<ClientId, Tally> {
        let mut tallies: BTreeMap<ClientId, Tally> = BTreeMap::new();
        for activity in self.counted.iter().filter(|row| span.contains(row.at.minute())) {
            tallies.entry(activity.client.clone()).or_default().add(activity);
        }
        tallies
    }

    /// A client's name; one that is not registered goes by its id.
    fn name(&self, id: &ClientId) -> Result<ClientName, StoreError> {
        if let Some(client) = self.clients.get(id) {
            return Ok(client.name.clone());
        }
        ClientName::parse(id.as_str())
            .map_err(|error| StoreError::Corrupt { place: format!("client {id}"), reason: error.to_string() })
    }
}
