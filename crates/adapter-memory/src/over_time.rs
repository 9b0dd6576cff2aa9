//! Usage over time, by endpoint, and one by one: recounted like the rest.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;

use activity_domain::activity::Activity;
use activity_domain::hygiene::{Caps, OTHER, StatusClass, Template, Verb};
use activity_domain::id::ClientId;
use activity_domain::rollup::{ClientNo, Summary, Tally};
use activity_domain::usage::{
    EndpointRow, EndpointsQuery, GroupBy, LogCursor, LogPage, LogQuery, MAX_TRAILS, Series, SeriesQuery,
};

use crate::store::State;

/// An activity with the name that its endpoint is counted under.
struct Counted<'a> {
    activity: &'a Activity,
    endpoint: Option<Template>,
}

impl State {
    pub(crate) fn series(&self, query: &SeriesQuery) -> Vec<Series> {
        let buckets = query.buckets.len();
        let mut groups: BTreeMap<Option<String>, Series<Tally>> = BTreeMap::new();
        if query.group == GroupBy::None {
            groups.insert(None, Series::empty(None, buckets));
        }
        for Counted { activity, endpoint } in self.named(query.client.as_ref().map(ClientId::as_str)) {
            let Some(place) = query.buckets.place(activity.at.minute()) else { continue };
            let group = match query.group {
                GroupBy::None => None,
                GroupBy::Status => Some(StatusClass::of(activity.status).as_str().to_owned()),
                GroupBy::Method => Some(Verb::of(&activity.method).as_str().to_owned()),
                GroupBy::Client => Some(activity.client.to_string()),
                GroupBy::Endpoint => Some(name(endpoint)),
            };
            let series = groups.entry(group.clone()).or_insert_with(|| Series::empty(group, buckets));
            add(&mut series.points[place], activity);
        }
        Series::rank(groups.into_values().collect(), query.max_groups())
    }

    pub(crate) fn endpoints(&self, query: &EndpointsQuery) -> Vec<EndpointRow> {
        let mut tallies: BTreeMap<(String, Verb), Tally> = BTreeMap::new();
        let counted = self.named(query.client.as_ref().map(ClientId::as_str));
        for Counted { activity, endpoint } in counted {
            if query.span.contains(activity.at.minute()) {
                let key = (name(endpoint), Verb::of(&activity.method));
                add(tallies.entry(key).or_default(), activity);
            }
        }
        let row = |((endpoint, verb), tally)| EndpointRow { endpoint, verb, summary: Summary::from(&tally) };
        EndpointRow::rank(tallies.into_iter().map(row).collect(), query.sort, query.limit)
    }

    pub(crate) fn activities(&self, query: &LogQuery) -> LogPage {
        let order = |row: &Activity| (Reverse(row.at), row.client.clone(), row.id);
        let after = query.after.as_ref().map(|after| (Reverse(after.at), after.client.clone(), after.id));
        let mut found: Vec<&Activity> = self
            .rows
            .values()
            .filter(|row| query.from <= row.at && row.at < query.to)
            .filter(|row| query.client.as_ref().is_none_or(|client| *client == row.client))
            .filter(|row| query.filter.matches(row))
            .filter(|row| after.as_ref().is_none_or(|after| order(row) > *after))
            .collect();
        found.sort_by_key(|row| order(row));
        let mut trails = 0;
        let is_room = |row: &&&Activity| {
            let is_room = trails < MAX_TRAILS;
            let trail = row.audit.as_ref().filter(|_| query.with_audit);
            trails += trail.map_or(0, |trail| trail.as_bytes().len());
            is_room
        };
        let shown = found.iter().take(query.limit).take_while(is_room).count();
        let next = (shown < found.len()).then(|| LogCursor::behind(found[shown - 1]));
        let shown = found.into_iter().take(shown).cloned();
        let rows = shown.map(|row| Activity { audit: row.audit.filter(|_| query.with_audit), ..row });
        LogPage { rows: rows.collect(), next }
    }

    /// Everything of one client, or of everybody, with the names of the endpoints, which depend on the order
    /// in which things came.
    fn named(&self, client: Option<&str>) -> Vec<Counted<'_>> {
        let mut caps = Caps::new(self.max_endpoints);
        let mut numbers: BTreeMap<&str, u64> = BTreeMap::new();
        let mut counted = Vec::new();
        for activity in &self.counted {
            let next = numbers.len() as u64 + 1;
            let number = ClientNo(*numbers.entry(activity.client.as_str()).or_insert(next));
            let template = Template::of(&activity.endpoint);
            let nothing = |_, _| Ok::<_, Infallible>(HashSet::new());
            let Ok(named) = caps.name(activity.at.minute(), number, &template, nothing);
            let is_named = if client.is_some() { named.for_client } else { named.for_everybody };
            if client.is_none_or(|only| only == activity.client.as_str()) {
                counted.push(Counted { activity, endpoint: is_named.then_some(template) });
            }
        }
        counted
    }
}

/// These tallies have no latest event time, and nobody shall come to rely on one.
fn add(tally: &mut Tally, activity: &Activity) {
    tally.add(activity);
    tally.last_seen = None;
}

fn name(endpoint: Option<Template>) -> String {
    endpoint.map_or_else(|| OTHER.to_owned(), |template| template.as_str().to_owned())
}
