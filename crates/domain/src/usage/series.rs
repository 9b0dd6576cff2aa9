//! Usage over time: what is in each bucket, told apart by something.

use std::cmp::Reverse;

use super::Buckets;
use crate::error::Invalid;
use crate::hygiene::OTHER;
use crate::id::ClientId;
use crate::rollup::{Summary, Tally};

/// The most series in an answer, the one of all the others included.
pub const MAX_GROUPS: usize = 50;

/// What the series of an answer are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBy {
    /// Nothing: one series.
    None,
    /// The class of the status.
    Status,
    /// The endpoint.
    Endpoint,
    /// The method.
    Method,
    /// The client.
    Client,
}

impl GroupBy {
    const ALL: [Self; 5] = [Self::None, Self::Status, Self::Endpoint, Self::Method, Self::Client];

    /// The name in questions and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Status => "status",
            Self::Endpoint => "endpoint",
            Self::Method => "method",
            Self::Client => "client",
        }
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Result<Self, Invalid> {
        let found = Self::ALL.into_iter().find(|group| group.as_str() == name);
        found.ok_or_else(|| Invalid::new("must be one of none, status, endpoint, method, client"))
    }
}

/// Usage over time.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesQuery {
    /// When.
    pub buckets: Buckets,
    /// One client, or everybody.
    pub client: Option<ClientId>,
    /// What series are told apart by.
    pub group: GroupBy,
}

impl SeriesQuery {
    /// How many series the answer may have.
    pub fn max_groups(&self) -> usize {
        match self.group {
            GroupBy::None => 1,
            _ => MAX_GROUPS,
        }
    }
}

/// What happened in each bucket: [`Summary`] as an answer, [`Tally`] while it is put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series<Point = Summary> {
    /// The status class, endpoint, method or client; [`OTHER`] for what is not told apart; `None` where there
    /// is one series only.
    pub group: Option<String>,
    /// One for each bucket, in order of time. They have no latest event time.
    pub points: Vec<Point>,
}

impl<Point: Clone + Default> Series<Point> {
    /// A series in which nothing happened.
    pub fn empty(group: Option<String>, buckets: usize) -> Self {
        Self { group, points: vec![Point::default(); buckets] }
    }
}

impl Series {
    /// How many requests it has.
    pub fn requests(&self) -> u64 {
        self.points.iter().map(|point| point.requests).sum()
    }

    /// Puts series in order, most requests first and ties by name. [`OTHER`] comes last.
    pub fn in_order(mut series: Vec<Self>) -> Vec<Self> {
        let place = |series: &Self| {
            let is_other = series.group.as_deref() == Some(OTHER);
            (is_other, Reverse(series.requests()), series.group.clone())
        };
        series.sort_by_cached_key(place);
        series
    }
}

impl Series<Tally> {
    fn weight(&self) -> u64 {
        self.points.iter().map(|point| point.requests).sum()
    }

    fn merge(&mut self, other: &Self) {
        for (point, more) in self.points.iter_mut().zip(&other.points) {
            point.merge(more);
        }
    }

    /// Puts series in order, as [`Series::in_order`] does, and makes one of all that are more than so many.
    pub fn rank(series: Vec<Self>, most: usize) -> Vec<Series> {
        let (mut named, others): (Vec<_>, Vec<_>) =
            series.into_iter().partition(|series| series.group.as_deref() != Some(OTHER));
        named.sort_by(|a, b| (b.weight(), &a.group).cmp(&(a.weight(), &b.group)));
        let keep = if named.len() + others.len() > most { most.saturating_sub(1) } else { named.len() };
        let rest: Vec<Self> = named.split_off(keep.min(named.len())).into_iter().chain(others).collect();
        if let Some((first, more)) = rest.split_first() {
            let mut other = Self { group: Some(OTHER.to_owned()), points: first.points.clone() };
            for series in more {
                other.merge(series);
            }
            named.push(other);
        }
        named.into_iter().map(Series::from).collect()
    }
}

impl From<Series<Tally>> for Series {
    fn from(series: Series<Tally>) -> Self {
        Self { group: series.group, points: series.points.iter().map(Summary::from).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_come_first_and_the_rest_are_one() {
        let series = |name: &str, requests: u64| Series {
            group: Some(name.to_owned()),
            points: vec![Tally { requests, ..Tally::default() }],
        };
        let all = || vec![series("b", 2), series(OTHER, 9), series("a", 2), series("c", 5)];
        let shown = |ranked: Vec<Series>| -> Vec<(String, u64)> {
            ranked.into_iter().map(|s| (s.group.clone().unwrap(), s.requests())).collect()
        };
        let named = |pairs: &[(&str, u64)]| -> Vec<(String, u64)> {
            pairs.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect()
        };
        assert_eq!(shown(Series::rank(all(), 4)), named(&[("c", 5), ("a", 2), ("b", 2), (OTHER, 9)]));
        assert_eq!(shown(Series::rank(all(), 3)), named(&[("c", 5), ("a", 2), (OTHER, 11)]));
        assert_eq!(shown(Series::rank(all(), 1)), named(&[(OTHER, 18)]));
    }
}
