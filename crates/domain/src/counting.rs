//! Numbers that parts keep of what they do, for whoever looks. They only grow, and cost an atomic addition.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn add(&self) {
        self.add_many(1);
    }

    /// So many more.
    pub fn add_many(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// How many so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Values by size, in classes with fixed bounds.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One for each bound, and one for what is above all of them.
    counts: Box<[Counter]>,
    sum: Counter,
}

impl Histogram {
    /// Classes up to each of these bounds, which rise, and one above them.
    pub fn new(bounds: &'static [u64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| Counter::default()).collect();
        Self { bounds, counts, sum: Counter::default() }
    }

    /// Counts a value.
    pub fn note(&self, value: u64) {
        self.counts[self.bounds.partition_point(|bound| *bound < value)].add();
        self.sum.add_many(value);
    }

    /// What was counted so far.
    pub fn now(&self) -> Distribution {
        let counts = self.counts.iter().map(Counter::get).collect();
        Distribution { bounds: self.bounds, counts, sum: self.sum.get() }
    }
}

/// What a histogram has counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    /// The largest value of each class but the last.
    pub bounds: &'static [u64],
    /// How many values each class has; the last is for what is above all bounds.
    pub counts: Vec<u64>,
    /// All values together.
    pub sum: u64,
}

impl Distribution {
    /// How many values there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_class() {
        let histogram = Histogram::new(&[10, 20]);
        for value in [0, 10, 11, 20, 21, u64::from(u32::MAX)] {
            histogram.note(value);
        }
        let sum = 62 + u64::from(u32::MAX);
        assert_eq!(histogram.now(), Distribution { bounds: &[10, 20], counts: vec![2, 2, 2], sum });
        assert_eq!(histogram.now().count(), 6);
    }
}
