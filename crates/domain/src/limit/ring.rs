//! The structure that counts one quota: a ring of slots, each a sixtieth of the window long.
//!
//! ```text
//!   |<--------------- the window: 60 slots long --------------->|
//! [oldest][ ... 59 whole slots ... ][newest, still being filled]
//! ```
//!
//! A window that ends now begins somewhere in the oldest of 61 slots. That slot is counted whole, because
//! nobody knows where in it its calls lay: so the total is never less than the truth, and at most one
//! slot's worth more.

use super::Window;
use crate::time::Timestamp;

pub(super) const PARTS: u64 = 60;
const SLOTS: usize = 61;

/// All times are microseconds since the epoch. Slots are numbered from there, so that slot `n` begins at
/// `n` times a slot's width and lies at place `n` modulo 61.
#[derive(Debug, Clone)]
pub(super) struct Ring {
    counts: [u32; SLOTS],
    /// The sum of `counts`.
    total: u32,
    window: Window,
    /// The latest instant seen. It lies in the newest slot.
    now: u64,
    /// When counting began; nothing older can be given back.
    since: u64,
}

impl Ring {
    pub fn new(window: Window, now: Timestamp) -> Self {
        let now = micros(now);
        Self { counts: [0; SLOTS], total: 0, window, now, since: now }
    }

    /// Lets go of what has left the window. Takes as many steps as slots have come by since.
    pub fn advance(&mut self, window: Window, now: Timestamp) {
        if window != self.window {
            self.change(window);
        }
        let (newest, now) = (self.newest(), self.now.max(micros(now)));
        self.now = now;
        // A slot that comes into the ring takes the place of the one that has left it.
        for slot in (newest + 1..=self.newest()).take(SLOTS) {
            self.total -= std::mem::take(&mut self.counts[place(slot)]);
        }
    }

    /// How long the window is.
    pub fn window(&self) -> Window {
        self.window
    }

    /// How much counts.
    pub fn total(&self) -> u32 {
        self.total
    }

    /// Counts so much more, which the caller has found to be within the limit.
    pub fn add(&mut self, cost: u32) {
        self.counts[place(self.newest())] += cost;
        self.total += cost;
    }

    /// Takes off what was counted at an instant, if it still counts.
    pub fn give_back(&mut self, at: Timestamp, cost: u32) {
        let at = micros(at);
        let slot = at / self.width();
        if at < self.since || slot < self.oldest() || slot > self.newest() {
            return;
        }
        // After a change of the window the slot may hold less; what was put elsewhere stays there.
        let count = &mut self.counts[place(slot)];
        let given = cost.min(*count);
        *count -= given;
        self.total -= given;
    }

    /// When at least this much of the total, which must not be less, will have left the window.
    pub fn leaves(&self, amount: u32) -> u64 {
        let mut left = 0;
        let enough = (self.oldest()..=self.newest()).find(|slot| {
            left += self.counts[place(*slot)];
            left >= amount
        });
        self.expiry(enough.unwrap_or(self.newest()))
    }

    /// When nothing of what counts now will count any more; `None` if nothing does.
    pub fn empties(&self) -> Option<u64> {
        if self.total == 0 {
            return None;
        }
        let last = (self.oldest()..=self.newest()).rev().find(|slot| self.counts[place(*slot)] > 0);
        last.map(|slot| self.expiry(slot))
    }

    /// What counts at an instant, part by part: how many microseconds ago it was taken at least, and how much it is.
    pub fn parts(&self, at: Timestamp) -> Vec<(u64, u32)> {
        let now = self.now.max(micros(at));
        let part = |slot| {
            let count = self.counts[place(slot)];
            let last = ((slot + 1) * self.width() - 1).min(self.now);
            (count > 0 && self.expiry(slot) > now).then(|| (now - last, count))
        };
        (self.oldest()..=self.newest()).filter_map(part).collect()
    }

    /// Whether nothing that counts now will count at an instant.
    pub fn is_idle(&self, at: Timestamp) -> bool {
        self.empties().is_none_or(|empty| empty <= micros(at))
    }

    /// Goes over to another window. What a shorter one had let go of stays forgotten; the rest moves to
    /// the end of its slot, so that it counts too long rather than too short.
    fn change(&mut self, window: Window) {
        let mut changed = Self { counts: [0; SLOTS], total: 0, window, ..*self };
        for slot in self.oldest()..=self.newest() {
            let end = ((slot + 1) * self.width() - 1).min(self.now);
            let target = end / changed.width();
            if target >= changed.oldest() {
                changed.counts[place(target)] += self.counts[place(slot)];
                changed.total += self.counts[place(slot)];
            }
        }
        *self = changed;
    }

    fn width(&self) -> u64 {
        self.window.slot_micros()
    }

    fn newest(&self) -> u64 {
        self.now / self.width()
    }

    fn oldest(&self) -> u64 {
        self.newest().saturating_sub(PARTS)
    }

    /// When a slot is no longer in the ring.
    fn expiry(&self, slot: u64) -> u64 {
        (slot + 1 + PARTS) * self.width()
    }
}

fn place(slot: u64) -> usize {
    (slot % 61) as usize
}

fn micros(at: Timestamp) -> u64 {
    at.as_micros().unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(millis * 1_000).unwrap()
    }

    fn window(seconds: i64) -> Window {
        Window::parse(seconds).unwrap()
    }

    /// Sixty slots of a second, beginning at second 600.
    fn minute() -> Ring {
        Ring::new(window(60), at(600_000))
    }

    #[test]
    fn a_slot_counts_until_it_has_left_whole() {
        let mut ring = minute();
        ring.advance(window(60), at(600_999));
        ring.add(3);
        ring.advance(window(60), at(660_999));
        assert_eq!(ring.total(), 3, "a window later to the millisecond");
        assert_eq!((ring.leaves(3), ring.empties()), (661_000_000, Some(661_000_000)));
        ring.advance(window(60), at(661_000));
        assert_eq!((ring.total(), ring.empties()), (0, None));
    }

    #[test]
    fn every_slot_leaves_once_however_far_time_goes() {
        for step in [1, 999, 1_000, 30_000, 61_000, 1_000_000_000] {
            let mut ring = minute();
            for second in 0..60 {
                ring.advance(window(60), at(600_000 + second * 1_000));
                ring.add(1);
            }
            let mut now = 659_000;
            while ring.total() > 0 {
                now += step;
                ring.advance(window(60), at(now));
                let left = (now / 1_000 - 660).clamp(0, 60);
                assert_eq!(i64::from(ring.total()), 60 - left, "at {now} in steps of {step}");
                assert_eq!(ring.total(), ring.counts.iter().sum());
            }
        }
    }

    #[test]
    fn time_does_not_run_back() {
        let mut ring = minute();
        ring.add(2);
        ring.advance(window(60), at(590_000));
        ring.add(1);
        assert_eq!(ring.counts[place(600)], 3);
    }

    #[test]
    fn a_width_that_is_no_whole_number_is_rounded_up() {
        let ring = Ring::new(window(1), at(0));
        assert_eq!(ring.width(), 16_667);
    }

    #[test]
    fn what_was_given_back_is_gone_and_the_rest_is_not() {
        let mut ring = minute();
        ring.add(2);
        ring.advance(window(60), at(601_000));
        ring.add(5);
        ring.give_back(at(600_000), 2);
        assert_eq!((ring.total(), ring.empties()), (5, Some(662_000_000)));
        ring.give_back(at(600_000), 2);
        ring.give_back(at(599_000), 1);
        ring.give_back(at(602_000), 1);
        assert_eq!(ring.total(), 5);
        ring.advance(window(60), at(662_000));
        // The place of second 601 now belongs to second 662.
        ring.add(7);
        ring.give_back(at(601_000), 5);
        assert_eq!(ring.total(), 7);
    }

    #[test]
    fn parts_are_what_counts_with_its_age() {
        let mut ring = minute();
        ring.add(2);
        ring.advance(window(60), at(630_500));
        ring.add(3);
        assert_eq!(ring.parts(at(631_500)), [(30_500_001, 2), (1_000_000, 3)]);
        assert_eq!(ring.parts(at(661_000)), [(30_500_000, 3)], "the first has left");
        assert_eq!(ring.parts(at(0)), [(29_500_001, 2), (0, 3)], "time does not run back");
        assert_eq!(ring.parts(at(691_000)), []);
    }

    #[test]
    fn another_window_keeps_what_it_can() {
        let mut ring = minute();
        ring.add(2);
        ring.advance(window(60), at(650_500));
        ring.add(3);
        let mut longer = ring.clone();
        longer.advance(window(3_600), at(710_000));
        assert_eq!(longer.total(), 5, "nothing has left an hour");
        let mut shorter = ring;
        shorter.advance(window(10), at(650_500));
        assert_eq!(shorter.total(), 3);
        let leaves = shorter.leaves(3);
        assert!((660_500_001..=660_666_687).contains(&leaves), "{leaves}");
        shorter.advance(window(60), at(650_500));
        assert_eq!(shorter.total(), 3, "what was forgotten does not come back");
    }
}
