//! Runs that are added, and runs that are taken away again.

use super::{Level, Run, Span};

/// A run of blocks in a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// The blocks.
    pub run: Run,
    /// Whether they are taken away instead of added.
    pub is_taken_away: bool,
}

impl Span {
    /// Runs that add up to exactly this span, at most nine. Its beginning may be that of a longer block, less what
    /// lies before it: 12 hours, 2 quarter hours and 7 minutes are then the most, where [`Self::runs`] has 23, 3
    /// and 14. No block that is added reaches over the end, so that of those who did anything in the span, the
    /// latest time of what is added is right; of others it is not.
    pub fn terms(self) -> Vec<Term> {
        let border = |level: &Level| self.from.ceil_to(level.minutes()) <= self.to;
        let Some(coarsest) = Level::ALL.into_iter().rev().find(border) else { return Vec::new() };
        let mut terms = self.beginning(coarsest);
        let from = self.from.ceil_to(coarsest.minutes());
        terms.extend(Self { from, ..self }.runs().into_iter().map(|run| Term { run, is_taken_away: false }));
        terms
    }

    /// What lies before the first border of a length. From there, it is gone to the nearest border of each shorter
    /// length in turn: what is passed on the way back is added, on the way forth it is taken away.
    fn beginning(self, coarsest: Level) -> Vec<Term> {
        let mut terms = Vec::with_capacity(9);
        let mut at = self.from.ceil_to(coarsest.minutes());
        for level in Level::ALL.into_iter().rev().filter(|level| *level <= coarsest) {
            let (floor, ceil) = (self.from.floor_to(level.minutes()), self.from.ceil_to(level.minutes()));
            let nearest = if self.from.0 - floor.0 < ceil.0 - self.from.0 { floor } else { ceil };
            if nearest != at {
                let span = Self { from: nearest.min(at), to: nearest.max(at) };
                terms.push(Term { run: Run { level, span }, is_taken_away: at < nearest });
            }
            at = nearest;
        }
        terms
    }
}

#[cfg(test)]
mod tests {
    use super::super::Minute;
    use super::*;
    use proptest::prelude::*;

    fn span() -> impl Strategy<Value = Span> {
        (0i64..50_000, 0i64..8_000)
            .prop_map(|(from, long)| Span { from: Minute(from), to: Minute(from + long) })
    }

    proptest! {
        #[test]
        fn terms_add_up_to_each_minute_of_a_span_once(span in span()) {
            let terms = span.terms();
            let start = Level::Day.block_of(span.from);
            for minute in (start.0..span.to.0 + Level::Day.minutes()).map(Minute) {
                let holding = terms.iter().filter(|term| term.run.span.contains(minute));
                let times: i32 = holding.map(|term| if term.is_taken_away { -1 } else { 1 }).sum();
                prop_assert_eq!(times, i32::from(span.contains(minute)), "{:?}", minute);
            }
        }

        #[test]
        fn terms_are_few_blocks_and_end_with_the_span(span in span()) {
            let terms = span.terms();
            prop_assert!(terms.len() <= 9);
            let blocks = |run: &Run| (run.span.to.0 - run.span.from.0) / run.level.minutes();
            for Term { run, .. } in &terms {
                let ends = [run.span.from, run.span.to];
                prop_assert!(ends.iter().all(|end| run.level.block_of(*end) == *end));
                prop_assert!(run.span.from < run.span.to && run.span.to <= span.to);
            }
            let all = |runs: &[Run]| runs.iter().map(blocks).sum::<i64>();
            let runs: Vec<Run> = terms.iter().map(|term| term.run).collect();
            prop_assert!(all(&runs) <= all(&span.runs()) + 3);
            for term in span.beginning(Level::Day) {
                let most = match term.run.level {
                    Level::Minute => 7,
                    Level::Quarter => 2,
                    Level::Hour => 12,
                    Level::Day => 1,
                };
                prop_assert!(blocks(&term.run) <= most);
            }
        }

        /// Minutes are kept for a few days only.
        #[test]
        fn spans_on_quarter_hours_take_no_minutes(from in 0i64..10_000, quarters in 0i64..1_000) {
            let span = Span { from: Minute(from * 15), to: Minute((from + quarters) * 15) };
            prop_assert!(span.terms().iter().all(|term| term.run.level != Level::Minute));
        }
    }
}
