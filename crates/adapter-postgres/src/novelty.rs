//! Whether the rows of the next batch are likely to be new.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Batches without a known row that are waited for at most.
const MOST: u32 = 1_024;
/// Right guesses in a row that make it less patient. Below one known row in about so many batches guessing pays.
const STREAK: u32 = 16;

/// New rows are inserted in half the time where nobody has to look for known ones among them. A batch with a
/// known one fails then and is inserted again, so this is tried only while batches have none: after a failure
/// as many of them have to come first as `patience` says, which doubles with every failure and is halved by
/// every [`STREAK`] successes in a row.
#[derive(Debug)]
pub(crate) struct Novelty(Mutex<State>);

#[derive(Debug)]
struct State {
    patience: u32,
    awaited: u32,
    streak: u32,
}

impl Default for Novelty {
    fn default() -> Self {
        Self(Mutex::new(State { patience: 1, awaited: 0, streak: 0 }))
    }
}

impl Novelty {
    /// Whether all rows of the next batch are expected to be new.
    pub fn is_expected(&self) -> bool {
        self.state().awaited == 0
    }

    /// They were expected to be new, and were.
    pub fn was_right(&self) {
        let mut state = self.state();
        state.streak += 1;
        if state.streak == STREAK {
            state.streak = 0;
            state.patience = (state.patience / 2).max(1);
        }
    }

    /// They were expected to be new, and one was not.
    pub fn was_wrong(&self) {
        let mut state = self.state();
        state.patience = (state.patience * 2).min(MOST);
        state.awaited = state.patience;
        state.streak = 0;
    }

    /// A batch was looked through, and had so many known rows.
    pub fn found(&self, known: u64) {
        let mut state = self.state();
        state.awaited = if known == 0 { state.awaited.saturating_sub(1) } else { state.patience };
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Failed attempts among so many batches, one in `every` of which has a known row.
    fn failures(batches: u32, every: u32) -> usize {
        let novelty = Novelty::default();
        let failed = |n: u32| {
            let is_known = n.is_multiple_of(every);
            let is_guessed = novelty.is_expected();
            match (is_guessed, is_known) {
                (true, false) => novelty.was_right(),
                (false, _) => novelty.found(u64::from(is_known)),
                (true, true) => {
                    novelty.was_wrong();
                    // It is inserted again, and looked through then.
                    novelty.found(1);
                }
            }
            is_guessed && is_known
        };
        (1..=batches).filter(|n| failed(*n)).count()
    }

    #[test]
    fn a_known_row_now_and_then_costs_an_attempt_each_time() {
        assert_eq!(failures(10_000, 100), 100);
    }

    #[test]
    fn known_rows_everywhere_cost_one_attempt() {
        assert_eq!(failures(10_000, 1), 1);
    }

    #[test]
    fn batches_with_known_rows_in_between_cost_few() {
        assert!(failures(10_000, 2) <= 10, "{}", failures(10_000, 2));
        assert!(failures(10_000, 5) <= 10_000 / 5 / 4, "{}", failures(10_000, 5));
    }

    #[test]
    fn new_rows_are_expected_again_after_some_batches_without_known_ones() {
        let novelty = Novelty::default();
        for _ in 0..20 {
            novelty.was_wrong();
        }
        let waited = (0..10_000).take_while(|_| !novelty.is_expected()).inspect(|_| novelty.found(0)).count();
        assert_eq!(waited, MOST as usize);
    }
}
