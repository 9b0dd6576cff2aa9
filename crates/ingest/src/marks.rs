//! When which numbers of a stream became durable: roughly, and in little memory.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Marks are so far apart at least, which is how much too old an event may be taken for.
const LEAST: Duration = Duration::from_millis(100);
/// The most marks. With more, every other one is let go of, and they are twice as far apart from then on.
const MOST: usize = 512;

/// Numbers from each mark's on became durable at its time, or a little later.
#[derive(Debug)]
pub(crate) struct Marks {
    marks: VecDeque<(u64, Instant)>,
    apart: Duration,
}

impl Default for Marks {
    fn default() -> Self {
        Self { marks: VecDeque::new(), apart: LEAST }
    }
}

impl Marks {
    /// Numbers from this one on become durable now.
    pub fn add(&mut self, first: u64, now: Instant) {
        if self.marks.back().is_some_and(|(_, at)| now.saturating_duration_since(*at) < self.apart) {
            return;
        }
        if self.marks.len() >= MOST {
            let mut place = 0;
            // The oldest stays: it tells the age of what waits longest.
            self.marks.retain(|_| {
                place += 1;
                place % 2 == 1
            });
            self.apart *= 2;
        }
        self.marks.push_back((first, now));
    }

    /// Numbers before this one matter no more.
    pub fn forget_before(&mut self, next: u64) {
        while self.marks.get(1).is_some_and(|(first, _)| *first <= next) {
            self.marks.pop_front();
        }
        if self.marks.len() <= 1 {
            self.apart = LEAST;
        }
    }

    /// When a number became durable, or a little before; of those that matter the first.
    pub fn of(&self, number: u64) -> Option<Instant> {
        let after = self.marks.partition_point(|(first, _)| *first <= number);
        self.marks.get(after.saturating_sub(1)).map(|(_, at)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_as_old_as_the_mark_before_it() {
        let begun = Instant::now();
        let at = |millis: u64| begun + Duration::from_millis(millis);
        let mut marks = Marks::default();
        for (first, millis) in [(0, 0), (10, 50), (20, 200), (30, 1_000)] {
            marks.add(first, at(millis));
        }
        let of = |marks: &Marks, number| marks.of(number).unwrap();
        assert_eq!(
            [0, 10, 19, 20, 29, 30, 99].map(|n| of(&marks, n)),
            [0, 0, 0, 200, 200, 1_000, 1_000].map(at)
        );
        marks.forget_before(25);
        assert_eq!((of(&marks, 25), marks.marks.len()), (at(200), 2));
        marks.forget_before(30);
        assert_eq!((of(&marks, 30), marks.marks.len()), (at(1_000), 1));
    }

    #[test]
    fn an_outage_of_a_day_takes_no_more_than_that_and_is_told() {
        let begun = Instant::now();
        let mut marks = Marks::default();
        for tenth in 0..864_000_u32 {
            marks.add(tenth.into(), begun + LEAST * tenth);
        }
        assert!(marks.marks.len() <= MOST && marks.of(0) == Some(begun));
        let middle = marks.of(432_000).unwrap() - begun;
        let apart = Duration::from_hours(12).abs_diff(middle);
        assert!(apart < Duration::from_hours(24) / 100, "{apart:?}");
    }
}
