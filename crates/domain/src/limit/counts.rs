//! All quotas of one subject, decided together.

use super::ring::Ring;
use super::{
    Charge, Charges, Decision, Held, Now, Quota, QuotaName, QuotaState, Quotas, Taken, Verdict, Window,
};

/// How many quotas are remembered that a call does not name.
const OTHERS: usize = Charges::MAX;

/// What counts against one subject: a counter for each quota that it has taken from. Pure arithmetic;
/// the caller brings the time and keeps others out meanwhile.
///
/// A counter takes 304 bytes, however many calls it counts. There are at most 16: of the quotas that a
/// call does not name, which may be gone for good, those that count longest are kept.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    rings: Vec<(QuotaName, Ring)>,
    /// Counts go by the length of the window instead of by name.
    is_shared: bool,
}

impl Counts {
    /// Counts against many subjects together, whose quotas may differ under one name. So a counter is
    /// for all quotas of about the same window, which is then rounded up: nobody gets more than a limit,
    /// and there are never more than 23.
    pub fn shared() -> Self {
        Self { rings: Vec::new(), is_shared: true }
    }

    /// What a subject has to start from that was counted here until now.
    #[must_use]
    pub fn of_one(&self, charges: &Charges, now: Now) -> Self {
        let mut own = Self::default();
        for Charge { quota, .. } in charges.as_slice() {
            if let Some(mut ring) = self.ring(quota).cloned() {
                ring.advance(quota.window, now.counted());
                if ring.total() > 0 {
                    own.push(quota, ring);
                }
            }
        }
        own
    }

    /// Takes all costs from their quotas, or none from any. Shadow quotas have no say: each counts what
    /// it would have admitted.
    pub fn take(&mut self, charges: &Charges, now: Now) -> Decision {
        self.advance(quotas(charges), now);
        let (verdict, would_refuse) = match self.refusal(charges, now) {
            Some(refusal) => (refusal, Vec::new()),
            None => self.add(charges, now),
        };
        Decision { verdict, would_refuse, states: self.states(quotas(charges), now) }
    }

    /// Gives back what was taken by these charges, where it still counts.
    pub fn refund(&mut self, charges: &Charges, taken: &Taken) {
        if self.is_shared && !taken.is_shared {
            // Its own counters were forgotten because it no longer counts; here it never did.
            return;
        }
        let counted = charges.as_slice().iter().enumerate().filter(|(index, _)| taken.has(*index));
        for (_, charge) in counted {
            if let (Some(ring), Some(count)) = (self.ring_mut(&charge.quota), charge.count()) {
                ring.give_back(taken.at(), count);
            }
        }
    }

    /// Where these quotas stand. Changes nothing.
    pub fn peek(&self, quotas: &Quotas, now: Now) -> Vec<QuotaState> {
        let mut view = self.clone();
        view.advance(quotas.as_slice().iter(), now);
        view.states(quotas.as_slice().iter(), now)
    }

    /// What counts, quota by quota.
    pub fn held(&self, now: Now) -> Vec<Held> {
        let held = self.rings.iter().map(|(name, ring)| Held {
            name: *name,
            window: ring.window(),
            parts: ring.parts(now.counted()),
        });
        held.filter(|held| !held.parts.is_empty()).collect()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.rings.clear();
    }

    /// Whether nothing counts any more, so that it can be forgotten.
    pub fn is_idle(&self, now: Now) -> bool {
        self.rings.iter().all(|(_, ring)| ring.is_idle(now.counted()))
    }

    fn advance<'a>(&mut self, quotas: impl Iterator<Item = &'a Quota>, now: Now) {
        for quota in quotas {
            let window = self.window(quota);
            if let Some(ring) = self.ring_mut(quota) {
                ring.advance(window, now.counted());
            }
        }
    }

    /// Why not, if not. Of several quotas without room the one that takes longest is named, because only
    /// then do all of them admit the call.
    fn refusal(&self, charges: &Charges, now: Now) -> Option<Verdict> {
        let real = || charges.as_slice().iter().enumerate().filter(|(_, charge)| !charge.quota.shadow);
        if let Some((by, _)) = real().find(|(_, charge)| charge.count().is_none()) {
            return Some(Verdict::Impossible { by });
        }
        let full = real().filter_map(|(by, charge)| Some((by, self.full_until(charge)?)));
        full.max_by_key(|(_, until)| *until).map(|(by, until)| {
            let retry_after_seconds = now.seconds_until(until);
            Verdict::Refused { by, retry_after_seconds }
        })
    }

    /// When a quota will have room for a charge; `None` if it has, or never will.
    fn full_until(&self, charge: &Charge) -> Option<u64> {
        let ring = self.ring(&charge.quota).filter(|_| charge.cost > 0)?;
        let room = charge.quota.limit.get() - charge.count()?;
        (ring.total() > room).then(|| ring.leaves(ring.total() - room))
    }

    /// Counts a call that no real quota refuses.
    fn add(&mut self, charges: &Charges, now: Now) -> (Verdict, Vec<usize>) {
        self.forget(charges, now);
        let all = charges.as_slice().iter().enumerate();
        let is_over = |charge: &Charge| charge.count().is_none() || self.full_until(charge).is_some();
        let over = all.clone().filter(|(_, charge)| charge.quota.shadow && is_over(charge));
        let would_refuse: Vec<usize> = over.map(|(index, _)| index).collect();
        let mut taken = Taken::new(now.counted());
        taken.is_shared = self.is_shared;
        for (index, charge) in all.filter(|(index, charge)| charge.cost > 0 && !would_refuse.contains(index))
        {
            if let Some(count) = charge.count().filter(|_| !self.is_outdone(index, charges, &would_refuse)) {
                self.ring_or_new(&charge.quota, now).add(count);
                taken.note(index);
            }
        }
        (Verdict::Admitted(taken), would_refuse)
    }

    /// Whether a larger charge of the call goes to the same shared counter, and so stands for this one
    /// too: one call counts once.
    fn is_outdone(&self, index: usize, charges: &Charges, left_out: &[usize]) -> bool {
        let charge = &charges.as_slice()[index];
        let is_larger = |(other, rival): (usize, &Charge)| {
            !left_out.contains(&other)
                && rival.quota.window.widened() == charge.quota.window.widened()
                && (rival.cost, other) > (charge.cost, index)
        };
        self.is_shared && charges.as_slice().iter().enumerate().any(is_larger)
    }

    /// Lets go of quotas that the subject may no longer have.
    fn forget(&mut self, charges: &Charges, now: Now) {
        if self.is_shared || self.rings.len() <= OTHERS {
            return;
        }
        let is_named = |name: &QuotaName| quotas(charges).any(|quota| quota.name == *name);
        self.rings.retain(|(name, ring)| is_named(name) || !ring.is_idle(now.counted()));
        loop {
            let others = self.rings.iter().enumerate().filter(|(_, (name, _))| !is_named(name));
            let soonest = others.clone().min_by_key(|(_, (_, ring))| ring.empties());
            match soonest.map(|(place, _)| place) {
                Some(place) if others.count() > OTHERS => drop(self.rings.swap_remove(place)),
                _ => return,
            }
        }
    }

    fn states<'a>(&self, quotas: impl Iterator<Item = &'a Quota>, now: Now) -> Vec<QuotaState> {
        let state = |quota: &Quota| {
            let ring = self.ring(quota);
            let total = ring.map_or(0, Ring::total);
            let empties = ring.and_then(Ring::empties);
            QuotaState {
                quota: *quota,
                remaining: quota.limit.get().saturating_sub(total),
                reset_seconds: empties.map_or(0, |instant| now.seconds_until(instant)),
            }
        };
        quotas.map(state).collect()
    }

    fn window(&self, quota: &Quota) -> Window {
        if self.is_shared { quota.window.widened() } else { quota.window }
    }

    fn place(&self, quota: &Quota) -> Option<usize> {
        let is_it = |(name, ring): &(QuotaName, Ring)| {
            if self.is_shared { ring.window() == quota.window.widened() } else { *name == quota.name }
        };
        self.rings.iter().position(is_it)
    }

    fn ring(&self, quota: &Quota) -> Option<&Ring> {
        self.place(quota).map(|place| &self.rings[place].1)
    }

    fn ring_mut(&mut self, quota: &Quota) -> Option<&mut Ring> {
        self.place(quota).map(|place| &mut self.rings[place].1)
    }

    fn ring_or_new(&mut self, quota: &Quota, now: Now) -> &mut Ring {
        let place = self.place(quota).unwrap_or_else(|| {
            self.push(quota, Ring::new(self.window(quota), now.counted()));
            self.rings.len() - 1
        });
        &mut self.rings[place].1
    }

    fn push(&mut self, quota: &Quota, ring: Ring) {
        // Most subjects have one quota; a vector would make room for four.
        self.rings.reserve_exact(1);
        self.rings.push((quota.name, ring));
    }
}

fn quotas(charges: &Charges) -> impl Iterator<Item = &Quota> {
    charges.as_slice().iter().map(|charge| &charge.quota)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::RateLimit;
    use crate::limit::Steady;
    use crate::time::Timestamp;

    fn at(seconds: i64) -> Now {
        Steady::default().see(Timestamp::from_seconds(seconds).unwrap())
    }

    /// One of `limit` a minute.
    fn charge(name: &str, limit: i64, cost: u64) -> Charge {
        let (name, limit) = (QuotaName::parse(name).unwrap(), RateLimit::parse(limit).unwrap());
        Charge { quota: Quota { name, limit, window: Window::MINUTE, shadow: false }, cost }
    }

    fn named(prefix: &str) -> Charges {
        let charges = (0..8).map(|number| charge(&format!("{prefix}-{number}"), 5, 1));
        Charges::parse(charges.collect()).unwrap()
    }

    fn names(counts: &Counts) -> Vec<&str> {
        counts.rings.iter().map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn of_quotas_that_come_and_go_sixteen_are_kept_at_most() {
        let mut counts = Counts::default();
        for round in 0..100 {
            let decision = counts.take(&named(&format!("round-{round}")), at(600));
            assert!(matches!(decision.verdict, Verdict::Admitted(_)));
            assert!(counts.rings.len() <= 16, "{}", counts.rings.len());
        }
        for round in 0..8 {
            counts.take(&named(&format!("later-{round}")), at(600 + round));
        }
        // Of those that are not named, the ones that count longest.
        assert!(names(&counts).iter().all(|name| name.starts_with("later-7") || name.starts_with("later-6")));
        counts.take(&named("last"), at(700));
        assert_eq!(counts.rings.len(), 8, "{:?}", names(&counts));
    }

    #[test]
    fn shared_counters_are_as_many_as_there_are_kinds_of_windows() {
        let mut counts = Counts::shared();
        for seconds in (1..2_678_400).step_by(997) {
            let mut one = charge(&format!("of-{seconds}"), 1_000_000, 1);
            one.quota.window = Window::parse(seconds).unwrap();
            counts.take(&one.into(), at(600));
        }
        assert!(counts.rings.len() <= 23, "{}", counts.rings.len());
    }
}
