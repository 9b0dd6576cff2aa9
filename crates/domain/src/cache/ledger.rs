//! What is known to have changed late: by it, a value is told to be old, wherever it comes from.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Changed, LateChange, Position, Question};
use crate::span::Span;

/// So many changes are remembered; then the older half is let go of, and what is older than that counts as old.
const REMEMBERED: usize = 20_000;

/// Late changes of one history, by number, from some number on.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    history: Option<Arc<str>>,
    /// All changes from this number on are in it.
    from: u64,
    /// In the order of their numbers.
    changes: VecDeque<LateChange>,
}

impl Ledger {
    /// Begins anew, with all changes of a history from some number on.
    pub fn restart(&mut self, position: &Position, from: u64, changes: &[LateChange]) {
        *self = Self { history: Some(position.history.clone()), from, changes: VecDeque::new() };
        self.note(changes);
    }

    /// Adds changes, each once.
    pub fn note(&mut self, changes: &[LateChange]) {
        for change in changes.iter().filter(|change| change.no >= self.from) {
            // Nearly all come in order.
            let place = self.changes.partition_point(|known| known.no <= change.no);
            self.changes.insert(place, *change);
        }
        while self.changes.len() > REMEMBERED {
            let last_dropped = self.changes.drain(..REMEMBERED / 2).next_back();
            self.from = self.from.max(last_dropped.map_or(0, |change| change.no + 1));
            let from = self.from;
            self.changes.retain(|change| change.no >= from);
        }
    }

    /// Whether the answer to a question still holds that was read in a state of this history in which all changes
    /// below a number were settled. The span is the question's.
    pub fn holds(&self, history: &str, settled: u64, question: &Question, span: Span) -> bool {
        if self.history.as_deref() != Some(history) || settled < self.from {
            return false;
        }
        let first = self.changes.partition_point(|change| change.no < settled);
        !self.changes.range(first..).any(|change| match change.what {
            Changed::Minutes(touched) => touched.from < span.to && span.from < touched.to,
            Changed::Names => matches!(question, Question::Top { .. }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::Minute;
    use crate::time::Zone;

    fn position(history: &str) -> Position {
        Position { history: history.into(), settled: 0, open: 0, words: "".into() }
    }

    fn minutes(no: u64, from: i64, to: i64) -> LateChange {
        LateChange { no, what: Changed::Minutes(Span { from: Minute(from), to: Minute(to) }) }
    }

    /// Whether the first day of UTC holds, read when all below a number was settled.
    fn holds(ledger: &Ledger, settled: u64) -> bool {
        let question = Question::Day { zone: Zone::utc(), date: "1970-01-01".parse().unwrap(), client: None };
        ledger.holds("a", settled, &question, question.span())
    }

    #[test]
    fn a_value_holds_if_it_was_read_after_all_changes_to_its_minutes() {
        let mut ledger = Ledger::default();
        assert!(!holds(&ledger, u64::MAX), "nothing is known");
        ledger.restart(&position("a"), 5, &[minutes(9, 1_425, 1_440), minutes(7, 1_440, 1_500)]);
        ledger.note(&[minutes(8, -15, 0), LateChange { no: 20, what: Changed::Names }]);
        assert_eq!(
            [4, 5, 9, 10, 30].map(|settled| holds(&ledger, settled)),
            [false, false, false, true, true]
        );
        // One that was begun earlier and took longer.
        ledger.note(&[minutes(6, 0, 15), minutes(15, 0, 15)]);
        assert_eq!([10, 15, 16].map(|settled| holds(&ledger, settled)), [false, false, true]);
        ledger.restart(&position("b"), 0, &[]);
        assert!(!holds(&ledger, u64::MAX), "it is of another history");
    }

    #[test]
    fn names_are_in_the_busiest_clients_only() {
        let mut ledger = Ledger::default();
        ledger.restart(&position("a"), 0, &[LateChange { no: 3, what: Changed::Names }]);
        assert!(holds(&ledger, 1));
        let span = Span { from: Minute(0), to: Minute(15) };
        let top = Question::Top { span, limit: 3 };
        assert!(!ledger.holds("a", 3, &top, span) && ledger.holds("a", 4, &top, span));
    }

    #[test]
    fn it_is_bounded_and_what_it_no_longer_knows_is_old() {
        let mut ledger = Ledger::default();
        ledger.restart(&position("a"), 0, &[]);
        let many: Vec<LateChange> = (0..50_000).map(|no| minutes(no, 9_000, 9_015)).collect();
        ledger.note(&many);
        assert!(ledger.changes.len() <= REMEMBERED);
        assert!(!holds(&ledger, 0) && !holds(&ledger, 29_999) && holds(&ledger, 49_999));
    }
}
