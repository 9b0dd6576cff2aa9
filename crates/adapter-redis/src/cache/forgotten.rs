//! What was forgotten here, for as long as the store has not told of it; and the leases that are out.
//!
//! Other instances' values may be from before, and say where the store stood when they were read; but which change it
//! was that this instance made is known only when the store is asked the next time. Until then, of what it covers only
//! values that were computed here, since, are served.

use std::collections::HashMap;

use activity_domain::cache::{CacheKey, Question, Scope};
use activity_domain::span::Span;

/// So many are told apart; more become one that covers everything.
const MAX_MARKS: usize = 256;

#[derive(Default)]
pub(super) struct Forgotten {
    /// How often something was forgotten.
    sequence: u64,
    marks: Vec<Mark>,
    leases: HashMap<CacheKey, Out>,
}

struct Mark {
    scope: Scope,
    sequence: u64,
    /// How many questions to the store were begun by then: those do not know of it.
    begun: u64,
}

/// A lease that is out.
pub(super) struct Out {
    pub token: String,
    span: Span,
}

impl Forgotten {
    /// How often something was forgotten so far.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Forgets. Returns the leases that are void now.
    pub fn forget(&mut self, scope: &Scope, begun: u64, done: u64) -> Vec<(CacheKey, Out)> {
        if scope.first().is_none() {
            return Vec::new();
        }
        self.sequence += 1;
        self.marks.retain(|mark| mark.begun >= done);
        let scope_of_mark = if self.marks.len() < MAX_MARKS {
            scope.clone()
        } else {
            self.marks.clear();
            Scope::Everything
        };
        self.marks.push(Mark { scope: scope_of_mark, sequence: self.sequence, begun });
        self.leases.extract_if(|key, out| scope.covers(&key.question, out.span)).collect()
    }

    /// Whether a value may be served. `own` is the sequence of one that was computed here.
    pub fn allows(&self, question: &Question, span: Span, own: Option<u64>, done: u64) -> bool {
        self.marks.iter().all(|mark| {
            // A question that was begun since has been answered: the store has told.
            done > mark.begun
                || own.is_some_and(|sequence| sequence >= mark.sequence)
                || !mark.scope.covers(question, span)
        })
    }

    /// A lease was given.
    pub fn lend(&mut self, key: &CacheKey, token: &str, span: Span) {
        self.leases.insert(key.clone(), Out { token: token.to_owned(), span });
    }

    /// A lease comes back. Whether it was still out.
    pub fn give_back(&mut self, key: &CacheKey, token: &str) -> bool {
        let is_out = self.leases.get(key).is_some_and(|out| out.token == token);
        if is_out {
            self.leases.remove(key);
        }
        is_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use activity_domain::time::Zone;

    #[test]
    fn what_was_forgotten_is_not_served_until_the_store_has_told() {
        let question = Question::Day { zone: Zone::utc(), date: "1970-01-01".parse().unwrap(), client: None };
        let span = question.span();
        let mut forgotten = Forgotten::default();
        assert!(forgotten.allows(&question, span, None, 0));
        // The fourth question to the store is under way.
        forgotten.forget(&Scope::Everything, 4, 3);
        let sequence = forgotten.sequence();
        let allows = |own, done| forgotten.allows(&question, span, own, done);
        assert!(!allows(None, 3) && !allows(None, 4), "the fourth may not know");
        assert!(allows(None, 5), "the fifth was begun afterwards");
        assert!(!allows(Some(sequence - 1), 4) && allows(Some(sequence), 4), "what was computed here since");
    }

    #[test]
    fn marks_are_bounded() {
        let mut forgotten = Forgotten::default();
        for _ in 0..3 * MAX_MARKS {
            forgotten.forget(&Scope::Names, 0, 0);
        }
        assert!(forgotten.marks.len() <= MAX_MARKS);
        let question = Question::Day { zone: Zone::utc(), date: "1970-01-01".parse().unwrap(), client: None };
        assert!(!forgotten.allows(&question, question.span(), None, 0), "rather too much than too little");
    }
}
