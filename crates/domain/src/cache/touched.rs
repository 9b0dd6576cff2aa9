//! Where activities were stored: a small set of minutes that never says too little.

use std::iter;

use crate::span::{Minute, Span};
use crate::time::Timestamp;

/// What lies closer together counts as one: days and most spans begin and end on quarter hours.
const GRAIN: i64 = 15;
/// How many spans it is made of at most. A batch of new events touches one or two.
const MAX_SPANS: usize = 64;

/// Minutes in which something changed: at least those that were added. Where activities lie far apart,
/// it has a bounded number of spans, and minutes between them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// In order, with gaps between them.
    spans: Vec<Span>,
}

impl Touched {
    /// Adds the time of an activity.
    pub fn add(&mut self, at: Timestamp) {
        let from = at.minute().floor_to(GRAIN);
        self.insert(Span { from, to: Minute(from.0 + GRAIN) });
    }

    /// Adds a span as it is.
    pub fn add_span(&mut self, span: Span) {
        if span.from < span.to {
            self.insert(span);
        }
    }

    /// What it is made of: in order, with gaps between them.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Adds all of another set.
    pub fn merge(&mut self, other: &Self) {
        other.spans.iter().for_each(|span| self.insert(*span));
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Whether a span has one of these minutes in it.
    pub fn meets(&self, span: Span) -> bool {
        let next = self.spans.partition_point(|touched| touched.to <= span.from);
        span.from < span.to && self.spans.get(next).is_some_and(|touched| touched.from < span.to)
    }

    /// The first minute.
    pub fn first(&self) -> Option<Minute> {
        self.spans.first().map(|span| span.from)
    }

    /// The same in so many spans at most, with minutes between them where there were more.
    #[must_use]
    pub fn within(mut self, spans: usize) -> Self {
        while self.spans.len() > spans.max(1) {
            self.close_smallest_gap();
        }
        self
    }

    fn insert(&mut self, new: Span) {
        // All that meet the new one or stand beside it become one with it.
        let first = self.spans.partition_point(|span| span.to < new.from);
        let after = self.spans.partition_point(|span| span.from <= new.to);
        let joined = self.spans[first..after]
            .iter()
            .fold(new, |joined, span| Span { from: joined.from.min(span.from), to: joined.to.max(span.to) });
        self.spans.splice(first..after, iter::once(joined));
        if self.spans.len() > MAX_SPANS {
            self.close_smallest_gap();
        }
    }

    fn close_smallest_gap(&mut self) {
        let gap = |pair: &[Span]| pair[1].from.0 - pair[0].to.0;
        let gaps = self.spans.windows(2).map(gap).enumerate();
        if let Some((at, _)) = gaps.min_by_key(|(_, gap)| *gap) {
            self.spans[at].to = self.spans[at + 1].to;
            self.spans.remove(at + 1);
        }
    }
}

impl FromIterator<Timestamp> for Touched {
    fn from_iter<T: IntoIterator<Item = Timestamp>>(times: T) -> Self {
        let mut touched = Self::default();
        times.into_iter().for_each(|at| touched.add(at));
        touched
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn times() -> impl Strategy<Value = Vec<Timestamp>> {
        let near = 29_000_000i64..29_003_000;
        let far = 0i64..50_000_000;
        prop::collection::vec(prop_oneof![near, far].prop_map(|m| Timestamp::from(Minute(m))), 0..300)
    }

    proptest! {
        #[test]
        fn it_never_says_too_little(
            times in times(), more in times(), from in 28_999_000i64..29_004_000, length in 0i64..3_000,
        ) {
            let mut touched: Touched = times.iter().copied().collect();
            touched.merge(&more.iter().copied().collect());
            prop_assert!(touched.spans.len() <= MAX_SPANS);
            prop_assert!(touched.spans.windows(2).all(|pair| pair[0].to < pair[1].from));
            prop_assert_eq!(touched.is_empty(), times.is_empty() && more.is_empty());
            let span = Span { from: Minute(from), to: Minute(from + length) };
            let is_in = times.iter().chain(&more).any(|at| span.contains(at.minute()));
            prop_assert!(!is_in || touched.meets(span));
            let first = times.iter().chain(&more).map(|at| at.minute()).min();
            prop_assert_eq!(touched.first(), first.map(|minute| minute.floor_to(GRAIN)));
        }

        /// Up to its bound it says no more than the quarter hours that were touched.
        #[test]
        fn a_few_are_exact(times in prop::collection::vec(0i64..10_000, 0..60), quarter in 0i64..700) {
            let touched: Touched = times.iter().map(|m| Timestamp::from(Minute(*m))).collect();
            let span = Span { from: Minute(quarter * GRAIN), to: Minute((quarter + 1) * GRAIN) };
            let is_in = times.iter().any(|m| span.contains(Minute(*m)));
            prop_assert_eq!(touched.meets(span), is_in);
        }
    }

    #[test]
    fn an_empty_span_meets_nothing() {
        let touched: Touched = [Timestamp::from(Minute(5))].into_iter().collect();
        assert!(!touched.meets(Span { from: Minute(5), to: Minute(5) }));
        assert!(touched.meets(Span { from: Minute(14), to: Minute(15) }));
        assert!(!touched.meets(Span { from: Minute(15), to: Minute(16) }));
    }
}
