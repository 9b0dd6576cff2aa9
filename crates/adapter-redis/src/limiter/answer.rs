//! What the script answers, in terms of the domain.

use activity_domain::limit::{Quota, QuotaState};
use activity_domain::time::Timestamp;

use super::Handed;

/// Instants are microseconds since 1970.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// What the clock shows. Waiting goes by that.
    shown: i64,
    /// What was counted at: not before an earlier one.
    pub counted_at: i64,
    /// The quota that refuses, and when it no longer will.
    refused: Option<(usize, i64)>,
    /// Bit `n` is set if charge `n` was counted.
    counted: i64,
    /// Bit `n` is set if charge `n` is that of a shadow quota that would have refused it.
    over: i64,
    /// How much counts in each quota; when nothing of it will count any more, 0 if nothing does; and how many tokens of it
    /// were handed out now.
    totals: Vec<[i64; 3]>,
}

impl Answer {
    /// Takes the script's numbers.
    pub fn parse(numbers: &[i64]) -> Option<Self> {
        let [shown, counted_at, by, until, counted, over, totals @ ..] = numbers else { return None };
        let (totals, []) = totals.as_chunks::<3>() else { return None };
        Some(Self {
            shown: *shown,
            counted_at: *counted_at,
            refused: usize::try_from(*by).ok().map(|by| (by, *until)),
            counted: *counted,
            over: *over,
            totals: totals.to_vec(),
        })
    }

    /// The index of the quota that refuses, and after how many seconds it no longer does.
    pub fn refusal(&self) -> Option<(usize, u64)> {
        self.refused.map(|(by, until)| (by, self.seconds_until(until)))
    }

    pub fn has_counted(&self, charge: usize) -> bool {
        self.counted & (1 << charge) != 0
    }

    pub fn would_refuse(&self, charge: usize) -> bool {
        self.over & (1 << charge) != 0
    }

    /// The tokens that were handed out, and counted at this instant.
    pub fn handed(&self, at: Timestamp) -> Handed {
        let tokens = |[_, empties, handed]: &[i64; 3]| (u32::try_from(*handed).unwrap_or(0), *empties);
        Handed { at, shown: self.shown, quotas: self.totals.iter().map(tokens).collect() }
    }

    /// Where the quotas stand that were asked about, in their order. What was handed out does not remain.
    pub fn states(&self, quotas: impl Iterator<Item = Quota>) -> Vec<QuotaState> {
        let state = |(quota, [total, empties, _]): (Quota, &[i64; 3])| QuotaState {
            quota,
            remaining: u32::try_from(i64::from(quota.limit.get()) - total).unwrap_or(0),
            reset_seconds: self.seconds_until(*empties),
        };
        quotas.zip(&self.totals).map(state).collect()
    }

    /// Whole seconds that the clock needs to reach an instant, rounded up.
    fn seconds_until(&self, instant: i64) -> u64 {
        u64::try_from(instant - self.shown).unwrap_or(0).div_ceil(1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_three_numbers_for_each_quota() {
        let answer = Answer::parse(&[5, 7, 1, 2_000_006, 0, 0, 3, 9, 0, 4, 0, 2]).unwrap();
        assert_eq!(answer.refusal(), Some((1, 3)));
        assert_eq!(answer.totals, [[3, 9, 0], [4, 0, 2]]);
        let at = Timestamp::from_micros(7).unwrap();
        assert_eq!(answer.handed(at).quotas, [(0, 9), (2, 0)]);
        assert_eq!(Answer::parse(&[5, 7, -1, 0, 5, 2]).unwrap().refusal(), None);
        for bad in [&[][..], &[1; 5], &[1; 8]] {
            assert_eq!(Answer::parse(bad), None);
        }
    }

    #[test]
    fn charges_are_bits() {
        let answer = Answer::parse(&[0, 0, -1, 0, 0b1000_0001, 0b10]).unwrap();
        let set = |has: &dyn Fn(usize) -> bool| (0..8).filter(|n| has(*n)).collect::<Vec<_>>();
        assert_eq!(set(&|n| answer.has_counted(n)), [0, 7]);
        assert_eq!(set(&|n| answer.would_refuse(n)), [1]);
    }
}
