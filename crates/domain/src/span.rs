//! Ranges of time and the blocks of rollups that cover them.
//!
//! Usage is kept in blocks of four lengths. A range is answered from the fewest blocks that cover
//! it: whole days in its middle, hours, quarter hours and minutes towards its ends. That is why a
//! day in any time zone costs a handful of blocks and never a look at raw rows.

mod terms;

pub use terms::Term;

use crate::time::Timestamp;

/// Minutes since 1970-01-01T00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minute(pub i64);

impl Minute {
    /// The last multiple of `length` minutes that is not after this one.
    #[must_use]
    pub fn floor_to(self, length: i64) -> Self {
        Self(self.0.div_euclid(length) * length)
    }

    /// The first multiple of `length` minutes that is not before this one.
    #[must_use]
    pub fn ceil_to(self, length: i64) -> Self {
        Self((self.0 + length - 1).div_euclid(length) * length)
    }
}

/// How long minute blocks are kept, in days: what lies further back is known to the quarter hour.
pub const MINUTES_KEPT_DAYS: i64 = 8;

/// The first minute of which minute blocks can be relied on at `now`.
pub fn minute_horizon(now: Timestamp) -> Minute {
    Minute(now.minute().0 - MINUTES_KEPT_DAYS * Level::Day.minutes()).ceil_to(15)
}

/// The first hour of which hour blocks of endpoints can be relied on at `now`: the first of a day of UTC, so
/// that what lies before is made of whole days.
pub fn hour_horizon(now: Timestamp) -> Minute {
    let day = Level::Day.minutes();
    Minute(now.minute().0 - MINUTES_KEPT_DAYS * day).floor_to(day)
}

/// The lengths of blocks, shortest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// One minute; kept for [`MINUTES_KEPT_DAYS`].
    Minute,
    /// 15 minutes: every zone's days begin and end on one.
    Quarter,
    /// 60 minutes.
    Hour,
    /// A day of UTC.
    Day,
}

impl Level {
    /// All levels, shortest first.
    pub const ALL: [Self; 4] = [Self::Minute, Self::Quarter, Self::Hour, Self::Day];

    /// The length of a block.
    pub const fn minutes(self) -> i64 {
        match self {
            Self::Minute => 1,
            Self::Quarter => 15,
            Self::Hour => 60,
            Self::Day => 1_440,
        }
    }

    /// Where the block that holds this minute begins.
    pub fn block_of(self, minute: Minute) -> Minute {
        minute.floor_to(self.minutes())
    }
}

/// A half-open range of minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// First minute inside.
    pub from: Minute,
    /// First minute after.
    pub to: Minute,
}

/// A run of adjacent blocks of one length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The blocks' length.
    pub level: Level,
    /// The minutes that the run covers; both ends are borders of blocks.
    pub span: Span,
}

impl Run {
    /// The part of it within a span whose ends are borders of its blocks, if there is one.
    pub fn within(self, span: Span) -> Option<Self> {
        let span = Span { from: self.span.from.max(span.from), to: self.span.to.min(span.to) };
        (span.from < span.to).then_some(Self { span, ..self })
    }
}

impl Span {
    /// The span that holds `[from, to)`, rounded outward: to minutes where those are kept at `now`,
    /// else to quarter hours.
    pub fn around(from: Timestamp, to: Timestamp, now: Timestamp) -> Self {
        let horizon = minute_horizon(now);
        let first = from.minute();
        let mut last = to.minute();
        if Timestamp::from(last) < to {
            last = Minute(last.0 + 1);
        }
        let grain = |m: Minute| if m >= horizon { 1 } else { 15 };
        Self { from: first.floor_to(grain(first)), to: last.ceil_to(grain(last)) }
    }

    /// The span that holds `[from, to)`, rounded outward to hours where those of endpoints are kept at `now`,
    /// else to days of UTC.
    pub fn around_hours(from: Timestamp, to: Timestamp, now: Timestamp) -> Self {
        let minutes = Self::around(from, to, now);
        let horizon = hour_horizon(now);
        let grain = |m: Minute| if m >= horizon { Level::Hour.minutes() } else { Level::Day.minutes() };
        let hours = Self { from: minutes.from.floor_to(60), to: minutes.to.ceil_to(60) };
        Self { from: hours.from.floor_to(grain(hours.from)), to: hours.to.ceil_to(grain(hours.to)) }
    }

    /// Whether a minute lies inside.
    pub fn contains(self, minute: Minute) -> bool {
        self.from <= minute && minute < self.to
    }

    /// The fewest runs of blocks that cover exactly this span: at most seven, in order of time.
    pub fn runs(self) -> Vec<Run> {
        let mut runs = Vec::with_capacity(7);
        self.cover(&Level::ALL, &mut runs);
        runs
    }

    fn cover(self, levels: &[Level], runs: &mut Vec<Run>) {
        let Some((&level, finer)) = levels.split_last() else { return };
        if self.from >= self.to {
            return;
        }
        let inner = Self { from: self.from.ceil_to(level.minutes()), to: self.to.floor_to(level.minutes()) };
        if inner.from >= inner.to {
            return self.cover(finer, runs);
        }
        Self { from: self.from, to: inner.from }.cover(finer, runs);
        runs.push(Run { level, span: inner });
        Self { from: inner.to, to: self.to }.cover(finer, runs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn runs_cover_a_span_exactly_once(from in 0i64..50_000_000, length in 0i64..100_000) {
            let span = Span { from: Minute(from), to: Minute(from + length) };
            let runs = span.runs();
            prop_assert!(runs.len() <= 7);
            let mut at = span.from;
            for run in &runs {
                prop_assert_eq!(run.span.from, at);
                prop_assert!(run.span.to > at);
                prop_assert_eq!(run.level.block_of(run.span.from), run.span.from);
                prop_assert_eq!(run.level.block_of(run.span.to), run.span.to);
                at = run.span.to;
            }
            prop_assert_eq!(at, span.to);
        }

        /// Quarter-aligned spans never need minutes, which are kept for a few days only.
        #[test]
        fn spans_on_quarter_hours_use_no_minutes(from in 0i64..1_000_000, quarters in 0i64..10_000) {
            let span = Span { from: Minute(from * 15), to: Minute((from + quarters) * 15) };
            prop_assert!(span.runs().iter().all(|run| run.level != Level::Minute));
        }
    }

    #[test]
    fn instants_round_outward_and_coarser_in_the_past() {
        let at = |text| Timestamp::parse(text).unwrap();
        let now = at("2026-01-31T12:00:00Z");
        let near = Span::around(at("2026-01-30T10:07:30Z"), at("2026-01-30T11:07:00Z"), now);
        assert_eq!(Timestamp::from(near.from), at("2026-01-30T10:07:00Z"));
        assert_eq!(Timestamp::from(near.to), at("2026-01-30T11:07:00Z"));
        let hours = |from, to| {
            let span = Span::around_hours(at(from), at(to), now);
            [span.from, span.to].map(|minute| Timestamp::from(minute).to_string())
        };
        // The hours of the 23rd are the first that are kept, all of them.
        let first = hours("2026-01-22T23:30:00Z", "2026-01-23T00:00:00.1Z");
        assert_eq!(first, ["2026-01-22T00:00:00Z", "2026-01-23T01:00:00Z"]);
        let before = hours("2026-01-21T10:00:00Z", "2026-01-22T10:00:00Z");
        assert_eq!(before, ["2026-01-21T00:00:00Z", "2026-01-23T00:00:00Z"]);
        let far = Span::around(at("2025-01-30T10:07:30Z"), at("2025-01-30T11:07:00Z"), now);
        assert_eq!(Timestamp::from(far.from), at("2025-01-30T10:00:00Z"));
        assert_eq!(Timestamp::from(far.to), at("2025-01-30T11:15:00Z"));
    }
}
