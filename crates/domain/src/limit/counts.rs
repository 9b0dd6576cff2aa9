//! All quotas of one subject, decided together.

use super::ring::Ring;
use super::{Cost, Decision, Now, Quota, QuotaName, QuotaState, Quotas, Taken, Verdict};

/// What counts against one subject: a counter for each quota that it has taken from. Pure arithmetic;
/// the caller brings the time and keeps others out meanwhile.
///
/// A counter takes 288 bytes, however many calls it counts.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    rings: Vec<(QuotaName, Ring)>,
}

impl Counts {
    /// Takes the cost from all quotas, or from none.
    pub fn take(&mut self, quotas: &Quotas, cost: Cost, now: Now) -> Decision {
        self.advance(quotas, now);
        let verdict = self.refusal(quotas, cost, now).unwrap_or_else(|| {
            self.add(quotas, cost, now);
            Verdict::Admitted(Taken::new(now.counted(), cost))
        });
        Decision { verdict, states: self.states(quotas, now) }
    }

    /// Gives back what was taken from these quotas, where it still counts.
    pub fn refund(&mut self, quotas: &Quotas, taken: &Taken) {
        for quota in quotas.as_slice() {
            if let (Some(ring), Ok(cost)) = (self.ring_mut(quota.name), u32::try_from(taken.cost().get())) {
                ring.give_back(taken.at(), cost);
            }
        }
    }

    /// Where these quotas stand. Changes nothing.
    pub fn peek(&self, quotas: &Quotas, now: Now) -> Vec<QuotaState> {
        let mut view = self.clone();
        view.advance(quotas, now);
        view.states(quotas, now)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.rings.clear();
    }

    /// Whether nothing counts any more, so that it can be forgotten.
    pub fn is_idle(&self, now: Now) -> bool {
        let now = now.counted().as_micros().unsigned_abs();
        self.rings.iter().all(|(_, ring)| ring.empties().is_none_or(|empty| empty <= now))
    }

    fn advance(&mut self, quotas: &Quotas, now: Now) {
        for quota in quotas.as_slice() {
            if let Some(ring) = self.ring_mut(quota.name) {
                ring.advance(quota.window, now.counted());
            }
        }
    }

    /// Why not, if not. Of several quotas without room the one that takes longest is named, because only
    /// then do all of them admit the call.
    fn refusal(&self, quotas: &Quotas, cost: Cost, now: Now) -> Option<Verdict> {
        let quotas = quotas.as_slice();
        if let Some(by) = quotas.iter().position(|quota| cost.within(quota).is_none()) {
            return Some(Verdict::Impossible { by });
        }
        let full = quotas.iter().enumerate();
        let full = full.filter_map(|(by, quota)| Some((by, self.full_until(quota, cost)?)));
        full.max_by_key(|(_, until)| *until).map(|(by, until)| {
            let retry_after_seconds = now.seconds_until(until);
            Verdict::Refused { by, retry_after_seconds }
        })
    }

    /// When a quota will have room for the cost; `None` if it has.
    fn full_until(&self, quota: &Quota, cost: Cost) -> Option<u64> {
        let (ring, cost) = (self.ring(quota.name)?, cost.within(quota)?);
        let room = quota.limit.get() - cost;
        (ring.total() > room).then(|| ring.leaves(ring.total() - room))
    }

    fn add(&mut self, quotas: &Quotas, cost: Cost, now: Now) {
        for quota in quotas.as_slice() {
            let Some(cost) = cost.within(quota) else { continue };
            if let Some(ring) = self.ring_mut(quota.name) {
                ring.add(cost);
                continue;
            }
            let mut ring = Ring::new(quota.window, now.counted());
            ring.add(cost);
            // Most subjects have one quota; a vector would make room for four.
            self.rings.reserve_exact(1);
            self.rings.push((quota.name, ring));
        }
    }

    fn states(&self, quotas: &Quotas, now: Now) -> Vec<QuotaState> {
        let state = |quota: &Quota| {
            let ring = self.ring(quota.name);
            let total = ring.map_or(0, Ring::total);
            let empties = ring.and_then(Ring::empties);
            QuotaState {
                quota: *quota,
                remaining: quota.limit.get().saturating_sub(total),
                reset_seconds: empties.map_or(0, |instant| now.seconds_until(instant)),
            }
        };
        quotas.as_slice().iter().map(state).collect()
    }

    fn ring(&self, name: QuotaName) -> Option<&Ring> {
        self.rings.iter().find(|(of, _)| *of == name).map(|(_, ring)| ring)
    }

    fn ring_mut(&mut self, name: QuotaName) -> Option<&mut Ring> {
        self.rings.iter_mut().find(|(of, _)| *of == name).map(|(_, ring)| ring)
    }
}
