//! How busy a subject is here: what it asked for in this half second, or in the one before if that was more.

use activity_domain::limit::Charges;

/// Half a second, in microseconds.
const PERIOD: i64 = 500_000;

/// Instants are those of the lease's clock.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When this period began.
    since: i64,
    before: Period,
    now: Period,
}

#[derive(Debug, Default, Clone, Copy)]
struct Period {
    calls: u32,
    /// The costs of the calls, in the order of their charges.
    spent: [u64; Charges::MAX],
}

impl Pace {
    /// A call comes.
    pub fn note(&mut self, now: i64, charges: &Charges) {
        let passed = (now - self.since) / PERIOD;
        if passed != 0 || now < self.since {
            self.before = if passed == 1 { self.now } else { Period::default() };
            self.now = Period::default();
            self.since = if passed == 1 { self.since + PERIOD } else { now };
        }
        self.now.calls = self.now.calls.saturating_add(1);
        for (spent, charge) in self.now.spent.iter_mut().zip(charges.as_slice()) {
            *spent = spent.saturating_add(charge.cost);
        }
    }

    /// How many calls came within a period.
    pub fn calls(&self, now: i64) -> u32 {
        if self.is_idle(now) { 0 } else { self.before.calls.max(self.now.calls) }
    }

    /// What they cost, in the order of the charges.
    pub fn spent(&self, now: i64) -> [u64; Charges::MAX] {
        if self.is_idle(now) {
            return [0; Charges::MAX];
        }
        let mut most = self.before.spent;
        most.iter_mut().zip(self.now.spent).for_each(|(most, spent)| *most = spent.max(*most));
        most
    }

    /// Whether no call came for a while.
    pub fn is_idle(&self, now: i64) -> bool {
        !(0..2 * PERIOD).contains(&(now - self.since))
    }
}

#[cfg(test)]
mod tests {
    use activity_domain::client::RateLimit;
    use activity_domain::limit::{Charge, Quota, QuotaName, Window};

    use super::*;

    fn charges(cost: u64) -> Charges {
        let (name, limit) = (QuotaName::DEFAULT, RateLimit::parse(5).unwrap());
        Charge { quota: Quota { name, limit, window: Window::MINUTE, shadow: false }, cost }.into()
    }

    #[test]
    fn it_is_that_of_the_busier_of_two_periods() {
        let mut pace = Pace::default();
        for _ in 0..3 {
            pace.note(100, &charges(2));
        }
        assert_eq!((pace.calls(100), pace.spent(100)[0]), (3, 6));
        pace.note(100 + PERIOD, &charges(9));
        assert_eq!((pace.calls(101 + PERIOD), pace.spent(101 + PERIOD)[0]), (3, 9));
        pace.note(100 + 2 * PERIOD, &charges(1));
        assert_eq!((pace.calls(101 + 2 * PERIOD), pace.spent(101 + 2 * PERIOD)[0]), (1, 9));
        assert!(!pace.is_idle(100 + 3 * PERIOD));
        assert!(pace.is_idle(100 + 4 * PERIOD));
        assert_eq!((pace.calls(100 + 4 * PERIOD), pace.spent(100 + 4 * PERIOD)[0]), (0, 0));
    }

    #[test]
    fn a_pause_or_a_clock_put_back_begins_anew() {
        for later in [10 * PERIOD, -PERIOD / 2, -10 * PERIOD] {
            let mut pace = Pace::default();
            pace.note(20 * PERIOD, &charges(1));
            pace.note(20 * PERIOD + later, &charges(1));
            assert_eq!(pace.calls(20 * PERIOD + later), 1, "{later}");
        }
    }
}
