//! Tokens of one subject in hand, and decisions from them.

use std::ops::Range;
use std::time::Duration;

use activity_domain::limit::{Charge, Charges, Decision, Quota, QuotaState, Taken, Verdict};
use activity_domain::time::Timestamp;

use crate::limiter::{Back, Handed};

/// Instants are those of the lease's clock, in microseconds.
#[derive(Debug)]
pub(super) struct Hand {
    /// When the tokens were counted, by the time of Redis.
    at: Timestamp,
    /// They are not good any more from then on.
    ends: i64,
    purses: Vec<Purse>,
}

/// Tokens of one quota.
#[derive(Debug)]
struct Purse {
    quota: Quota,
    tokens: u32,
    /// What was left when these tokens had been counted.
    left: u32,
    /// When nothing that was spent counts any more.
    resets: i64,
    /// The same once something is spent.
    resets_if_spent: i64,
}

impl Hand {
    /// What was handed out together with these states, while the call lasted; `None` if that is nothing.
    ///
    /// All of it counts in the slot of one instant, which came after the beginning of the call. So the lease is over before
    /// that slot is if it does not last longer than what was left of it then, from the beginning on. One percent less,
    /// because clocks do not go alike.
    pub fn new(states: &[QuotaState], handed: &Handed, call: Range<i64>, longest: Duration) -> Option<Self> {
        if handed.quotas.iter().all(|(tokens, _)| *tokens == 0) {
            return None;
        }
        let at = handed.at.as_micros();
        let slot_ends = |quota: Quota| (at / slot(quota) + 1) * slot(quota);
        let slots_last = states.iter().map(|state| slot_ends(state.quota) - at).min()?;
        let life = i64::try_from(longest.as_micros()).unwrap_or(i64::MAX).min(slots_last);
        let here = |instant: i64| call.end + (instant - handed.shown);
        let purse = |(state, (tokens, empties)): (&QuotaState, &(u32, i64))| Purse {
            quota: state.quota,
            tokens: *tokens,
            left: state.remaining,
            resets: here(*empties),
            resets_if_spent: here(slot_ends(state.quota) + 60 * slot(state.quota)),
        };
        let purses = states.iter().zip(&handed.quotas).map(purse).collect();
        Some(Self { at: handed.at, ends: call.start + life - life / 100, purses })
    }

    /// Whether it is over.
    pub fn has_ended(&self, now: i64) -> bool {
        now >= self.ends
    }

    /// Admits a call that there are tokens for, if its quotas are those of the lease. All others are for Redis to decide.
    pub fn decide(&mut self, charges: &Charges, now: i64) -> Option<Decision> {
        let charges = charges.as_slice();
        if self.has_ended(now) || charges.len() != self.purses.len() {
            return None;
        }
        let (mut taken, mut would_refuse) = (Taken::new(self.at), Vec::new());
        for (index, charge) in charges.iter().enumerate() {
            let purse = &self.purses[self.place(index, charge)?];
            if charge.cost > purse.tokens.into() {
                if !purse.is_too_much(charge) {
                    return None;
                }
                would_refuse.push(index);
            } else if charge.cost > 0 {
                taken.note(index);
            }
        }
        let mut states = Vec::with_capacity(charges.len());
        for (index, charge) in charges.iter().enumerate() {
            let place = self.place(index, charge)?;
            let purse = &mut self.purses[place];
            if taken.has(index) {
                purse.spend(charge.cost);
            }
            states.push(purse.state(now));
        }
        Some(Decision { verdict: Verdict::Admitted(taken), would_refuse, states })
    }

    /// What is left, if anything.
    pub fn into_back(self) -> Option<Back> {
        let left = self.purses.iter().filter(|purse| purse.tokens > 0);
        let tokens: Vec<_> = left.map(|purse| (purse.quota.name, purse.tokens)).collect();
        (!tokens.is_empty()).then_some(Back { at: self.at, tokens })
    }

    /// Where the tokens of a charge's quota are: mostly at the same index. A quota that has changed has none.
    fn place(&self, index: usize, charge: &Charge) -> Option<usize> {
        if self.purses.get(index).is_some_and(|purse| purse.quota == charge.quota) {
            return Some(index);
        }
        self.purses.iter().position(|purse| purse.quota == charge.quota)
    }
}

fn slot(quota: Quota) -> i64 {
    i64::try_from(quota.window.slot_micros()).unwrap_or(i64::MAX / 61)
}

impl Purse {
    /// Whether a shadow quota would refuse a charge for certain.
    fn is_too_much(&self, charge: &Charge) -> bool {
        self.quota.shadow && charge.cost > u64::from(self.left) + u64::from(self.tokens)
    }

    /// Takes a cost that there are tokens for.
    fn spend(&mut self, cost: u64) {
        self.tokens -= u32::try_from(cost).unwrap_or(self.tokens).min(self.tokens);
        self.resets = self.resets_if_spent;
    }

    fn state(&self, now: i64) -> QuotaState {
        let wait = u64::try_from(self.resets - now).unwrap_or(0);
        QuotaState {
            quota: self.quota,
            remaining: self.left + self.tokens,
            reset_seconds: wait.div_ceil(1_000_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use activity_domain::client::RateLimit;
    use activity_domain::limit::{QuotaName, Window};

    use super::*;

    const LONGEST: Duration = Duration::from_millis(500);

    fn quota(name: &str, limit: i64, seconds: i64) -> Quota {
        let (name, limit) = (QuotaName::parse(name).unwrap(), RateLimit::parse(limit).unwrap());
        Quota { name, limit, window: Window::parse(seconds).unwrap(), shadow: false }
    }

    /// Tokens that were counted so many microseconds after the beginning of a slot of all windows, by a call from 1,000 to 1,200.
    fn hand(quotas: &[(Quota, u32)], into_slot: i64) -> Option<Hand> {
        let at = 12 * 86_400_000_000 + into_slot;
        let states: Vec<_> = quotas
            .iter()
            .map(|(quota, _)| QuotaState { quota: *quota, remaining: 40, reset_seconds: 0 })
            .collect();
        let quotas = quotas.iter().map(|(_, tokens)| (*tokens, 0)).collect();
        let handed = Handed { at: Timestamp::from_micros(at).unwrap(), shown: at, quotas };
        Hand::new(&states, &handed, 1_000..1_200, LONGEST)
    }

    fn call(costs: &[(Quota, u64)]) -> Charges {
        let charges = costs.iter().map(|(quota, cost)| Charge { quota: *quota, cost: *cost });
        Charges::parse(charges.collect()).unwrap()
    }

    #[test]
    fn it_ends_with_the_first_slot_and_is_measured_from_the_beginning_of_the_call() {
        let (minute, short) = (quota("default", 100, 60), quota("burst", 100, 6));
        for (quotas, into_slot, life) in [
            (&[(minute, 5)][..], 0, 495_000),
            (&[(minute, 5)], 900_000, 99_000),
            (&[(minute, 5)], 999_999, 1),
            (&[(minute, 5), (short, 5)], 0, 99_000),
            (&[(minute, 5), (short, 0)], 90_000, 9_900),
        ] {
            let mut hand = hand(quotas, into_slot).unwrap();
            let costs: Vec<_> = quotas.iter().map(|(quota, _)| (*quota, 0)).collect();
            assert!(hand.decide(&call(&costs), 1_000 + life - 1).is_some(), "{into_slot}");
            assert!(hand.decide(&call(&costs), 1_000 + life).is_none(), "{into_slot}");
        }
    }

    #[test]
    fn it_admits_what_there_are_tokens_for_and_nothing_else() {
        let [first, second] = [quota("default", 100, 60), quota("export", 100, 60)];
        let mut hand = hand(&[(first, 5), (second, 2)], 0).unwrap();
        for too_much in [[(first, 6), (second, 0)], [(first, 1), (second, 3)]] {
            assert!(hand.decide(&call(&too_much), 1_500).is_none());
        }
        for other in
            [[(quota("default", 99, 60), 1), (second, 0)], [(quota("default", 100, 61), 1), (second, 0)]]
        {
            assert!(hand.decide(&call(&other), 1_500).is_none());
        }
        assert!(hand.decide(&call(&[(first, 1)]), 1_500).is_none(), "it names fewer quotas");
        // In another order.
        let decision = hand.decide(&call(&[(second, 2), (first, 3)]), 1_500).unwrap();
        assert_eq!(decision.states.iter().map(|state| state.remaining).collect::<Vec<_>>(), [40, 42]);
        assert_eq!(hand.into_back().unwrap().tokens, [(first.name, 2)]);
    }

    #[test]
    fn there_is_none_without_tokens() {
        assert!(hand(&[(quota("default", 100, 60), 0)], 0).is_none());
        let mut hand = hand(&[(quota("default", 100, 60), 1)], 0).unwrap();
        assert!(hand.decide(&call(&[(quota("default", 100, 60), 1)]), 1_500).is_some());
        assert_eq!(hand.into_back(), None);
    }
}
