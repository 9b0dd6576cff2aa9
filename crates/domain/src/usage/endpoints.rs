//! Usage by endpoint and method.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

use crate::error::Invalid;
use crate::hygiene::{OTHER, Verb};
use crate::id::ClientId;
use crate::rollup::Summary;
use crate::sketch::Quantiles;
use crate::span::Span;

/// Which endpoints come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointSort {
    /// Those with the most requests.
    Requests,
    /// Those with the most errors.
    Errors,
    /// The slowest, by their 95th percentile.
    P95,
}

impl EndpointSort {
    /// Reads a name.
    pub fn parse(name: &str) -> Result<Self, Invalid> {
        match name {
            "requests" => Ok(Self::Requests),
            "errors" => Ok(Self::Errors),
            "p95" => Ok(Self::P95),
            _ => Err(Invalid::new("must be one of requests, errors, p95")),
        }
    }
}

/// Usage by endpoint and method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointsQuery {
    /// When; see [`Span::around_hours`].
    pub span: Span,
    /// One client, or everybody.
    pub client: Option<ClientId>,
    /// Which come first.
    pub sort: EndpointSort,
    /// How many, at most [`super::MAX_PAGE`].
    pub limit: usize,
}

/// One endpoint under one method.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointRow {
    /// The endpoint, with ids as `{id}`, or [`crate::hygiene::OTHER`].
    pub endpoint: String,
    /// The method.
    pub verb: Verb,
    /// What happened; without the latest event time.
    pub summary: Summary,
}

impl EndpointRow {
    /// Puts rows in order, ties by most requests, then endpoint and method, and keeps the first `limit`.
    pub fn rank(mut rows: Vec<Self>, sort: EndpointSort, limit: usize) -> Vec<Self> {
        let weight = |row: &Self| match sort {
            EndpointSort::Requests => row.summary.requests as f64,
            EndpointSort::Errors => row.summary.errors as f64,
            EndpointSort::P95 => row.summary.quantiles.map_or(-1.0, Quantiles::p95),
        };
        rows.sort_by(|a, b| {
            let tie = |row: &Self| (Reverse(row.summary.requests), row.endpoint.clone(), row.verb);
            weight(b).total_cmp(&weight(a)).then_with(|| tie(a).cmp(&tie(b)))
        });
        rows.truncate(limit);
        rows
    }
}

/// The endpoints that get a series of their own where there may be so many series, the one of all others
/// included. Ties go by name.
pub fn busiest(mut requests: BTreeMap<String, u64>, most: usize) -> HashSet<String> {
    let keep = if requests.len() > most { most.saturating_sub(1) } else { most };
    requests.remove(OTHER);
    let mut ranked: Vec<(Reverse<u64>, String)> =
        requests.into_iter().map(|(name, count)| (Reverse(count), name)).collect();
    ranked.sort();
    ranked.into_iter().take(keep).map(|(_, name)| name).collect()
}
