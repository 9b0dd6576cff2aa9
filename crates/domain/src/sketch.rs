//! A latency sketch that merges: DDSketch with logarithmic bins, stored sparsely.
//!
//! A quantile is off by at most 1 % of its value, whatever was merged in which order. Source of the
//! method: Masson, Rim, Lee, "DDSketch: a fast and fully-mergeable quantile sketch with
//! relative-error guarantees", VLDB 2019.

use integer_encoding::VarInt;

use crate::error::Invalid;

/// The relative error that quantiles keep to.
pub const RELATIVE_ERROR: f64 = 0.01;

/// Bin borders grow by this factor: (1 + error) / (1 - error).
const GAMMA: f64 = (1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR);
/// The bin of the longest duration there is.
const LAST_BIN: u16 = 2_219;
/// First byte of the stored form.
const VERSION: u8 = 1;

/// Counts of durations in bins of growing width. Bin 0 holds zero; bin `b` holds the microseconds in
/// `(GAMMA^(b-2), GAMMA^(b-1)]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sketch {
    /// Sorted by bin; no bin is empty.
    bins: Vec<(u16, u64)>,
}

impl Sketch {
    /// Adds one duration in microseconds.
    pub fn add(&mut self, micros: u64) {
        let bin = bin_of(micros);
        match self.bins.binary_search_by_key(&bin, |(b, _)| *b) {
            Ok(at) => self.bins[at].1 += 1,
            Err(at) => self.bins.insert(at, (bin, 1)),
        }
    }

    /// Adds everything that another sketch holds.
    pub fn merge(&mut self, other: &Self) {
        if self.bins.is_empty() {
            self.bins.clone_from(&other.bins);
            return;
        }
        let mut merged = Vec::with_capacity(self.bins.len() + other.bins.len());
        let (mut left, mut right) = (self.bins.iter().peekable(), other.bins.iter().peekable());
        while let (Some(&&(l, n)), Some(&&(r, m))) = (left.peek(), right.peek()) {
            merged.push((l.min(r), if l <= r { n } else { 0 } + if r <= l { m } else { 0 }));
            if l <= r {
                left.next();
            }
            if r <= l {
                right.next();
            }
        }
        merged.extend(left.chain(right).copied());
        self.bins = merged;
    }

    /// Takes away what another sketch holds, as far as this one has it.
    pub fn subtract(&mut self, part: &Self) {
        for (bin, n) in &mut self.bins {
            if let Ok(at) = part.bins.binary_search_by_key(bin, |(b, _)| *b) {
                *n = n.saturating_sub(part.bins[at].1);
            }
        }
        self.bins.retain(|(_, n)| *n > 0);
    }

    /// How many durations it holds.
    pub fn count(&self) -> u64 {
        self.bins.iter().map(|(_, n)| n).sum()
    }

    /// The nearest-rank quantiles that answers state, `None` when empty.
    pub fn quantiles(&self) -> Option<Quantiles> {
        let last = self.bins.last()?.0;
        let count = self.count() as f64;
        // Nearest rank: the smallest value with at least q * count values at or below it.
        let ranks = Quantiles::LEVELS.map(|q| (q * count).ceil().max(1.0));
        let mut bins = [last; Quantiles::LEVELS.len()];
        let (mut found, mut below) = (0, 0.0);
        for &(bin, n) in &self.bins {
            below += n as f64;
            while found < ranks.len() && ranks[found] <= below {
                bins[found] = bin;
                found += 1;
            }
        }
        Some(Quantiles(bins))
    }

    /// The stored form: a version byte, the number of bins, then distance and count of each, as varints.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(2 + 3 * self.bins.len());
        bytes.push(VERSION);
        self.encode_bins(&mut bytes);
        bytes
    }

    /// Reads the stored form.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, Invalid> {
        if bytes.split_off_first() != Some(&VERSION) {
            return Err(Invalid::new("is not a sketch of version 1"));
        }
        let sketch = Self::decode_bins(&mut bytes)?;
        if bytes.is_empty() { Ok(sketch) } else { Err(Invalid::new("has bytes past its end")) }
    }

    pub(crate) fn encode_bins(&self, bytes: &mut Vec<u8>) {
        put(bytes, self.bins.len() as u64);
        let mut previous = 0;
        for &(bin, n) in &self.bins {
            put(bytes, u64::from(bin - previous));
            put(bytes, n);
            previous = bin;
        }
    }

    pub(crate) fn decode_bins(bytes: &mut &[u8]) -> Result<Self, Invalid> {
        let len = take(bytes)?;
        let mut bins = Vec::with_capacity(len.min(2_048) as usize);
        let mut previous = 0u16;
        for i in 0..len {
            let distance = u16::try_from(take(bytes)?).ok().filter(|d| i == 0 || *d > 0);
            let bin = distance.and_then(|d| previous.checked_add(d));
            let bin = bin.ok_or_else(|| Invalid::new("has bins out of order"))?;
            bins.push((bin, take(bytes)?));
            previous = bin;
        }
        Ok(Self { bins })
    }
}

/// The median and the two percentiles that answers state, each as the bin that it lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantiles([u16; 3]);

impl Quantiles {
    const LEVELS: [f64; 3] = [0.50, 0.95, 0.99];
    const BITS: u32 = 16;

    /// The median in microseconds.
    pub fn p50(self) -> f64 {
        value_of(self.0[0])
    }

    /// The 95th percentile in microseconds.
    pub fn p95(self) -> f64 {
        value_of(self.0[1])
    }

    /// The 99th percentile in microseconds.
    pub fn p99(self) -> f64 {
        value_of(self.0[2])
    }

    /// The stored form: 48 bits.
    pub fn code(self) -> u64 {
        self.0.iter().fold(0, |code, bin| code << Self::BITS | u64::from(*bin))
    }

    /// Reads the stored form.
    pub fn from_code(code: u64) -> Result<Self, Invalid> {
        let bin = |place: u32| (code >> (Self::BITS * place) & 0xffff) as u16;
        let bins = [bin(2), bin(1), bin(0)];
        let is_valid = code >> (3 * Self::BITS) == 0 && bins.is_sorted() && bins[2] <= LAST_BIN;
        is_valid.then_some(Self(bins)).ok_or_else(|| Invalid::new("has quantiles that no sketch has"))
    }
}

pub(crate) fn put(bytes: &mut Vec<u8>, value: u64) {
    let mut buffer = [0; 10];
    let len = value.encode_var(&mut buffer);
    bytes.extend_from_slice(&buffer[..len]);
}

pub(crate) fn take(bytes: &mut &[u8]) -> Result<u64, Invalid> {
    let (value, len) = u64::decode_var(bytes).ok_or_else(|| Invalid::new("is cut short"))?;
    *bytes = &bytes[len..];
    Ok(value)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "ln(u64::MAX) / ln(GAMMA) is below 2,300 and ln(1) is 0"
)]
fn bin_of(micros: u64) -> u16 {
    if micros == 0 {
        return 0;
    }
    ((micros as f64).ln() / GAMMA.ln()).ceil() as u16 + 1
}

fn value_of(bin: u16) -> f64 {
    if bin == 0 {
        return 0.0;
    }
    2.0 * GAMMA.powi(i32::from(bin) - 1) / (GAMMA + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sketch(values: &[u64]) -> Sketch {
        let mut sketch = Sketch::default();
        for value in values {
            sketch.add(*value);
        }
        sketch
    }

    fn durations() -> impl Strategy<Value = Vec<u64>> {
        let skewed = (0u32..37, 0u64..1_000).prop_map(|(e, m)| (1u64 << e) + m);
        prop::collection::vec(prop_oneof![Just(0u64), 1u64..5_000, skewed], 1..300)
    }

    proptest! {
        #[test]
        fn quantiles_are_within_one_percent(mut values in durations()) {
            let quantiles = sketch(&values).quantiles().unwrap();
            values.sort_unstable();
            let below = |v: u64| values.iter().filter(|x| **x <= v).count() as f64;
            for (estimate, q) in [(quantiles.p50(), 0.5), (quantiles.p95(), 0.95), (quantiles.p99(), 0.99)] {
                let exact = *values.iter().find(|v| below(**v) >= q * values.len() as f64).unwrap() as f64;
                let most = exact * RELATIVE_ERROR * 1.000_001;
                prop_assert!((estimate - exact).abs() <= most, "{} {}", estimate, exact);
            }
            prop_assert_eq!(Quantiles::from_code(quantiles.code()), Ok(quantiles));
        }

        #[test]
        fn any_code_is_read_or_refused(code in any::<u64>()) {
            prop_assert!(Quantiles::from_code(code).map_or(true, |read| read.code() == code));
        }

        #[test]
        fn merging_equals_adding_everything(a in durations(), b in durations()) {
            let mut merged = sketch(&a);
            merged.merge(&sketch(&b));
            prop_assert_eq!(merged, sketch(&[a, b].concat()));
        }

        #[test]
        fn the_stored_form_round_trips(values in durations()) {
            let sketch = sketch(&values);
            prop_assert_eq!(Sketch::decode(&sketch.encode()), Ok(sketch));
        }

        #[test]
        fn junk_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Sketch::decode(&bytes);
        }
    }

    #[test]
    fn the_last_bin_is_the_last() {
        assert_eq!(bin_of(u64::MAX), LAST_BIN);
    }
}
