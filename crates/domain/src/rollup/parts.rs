//! A block's sums by status class and by method, so that a question about them need not merge cells.

use std::collections::BTreeMap;

use super::{Cell, Profile, Summary};
use crate::error::Invalid;
use crate::hygiene::{StatusClass, Verb};
use crate::sketch::{put, take};

/// The sums of a [`Profile`] by status class and by method. They have no latest event time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// By status class.
    pub classes: BTreeMap<StatusClass, Summary>,
    /// By method.
    pub verbs: BTreeMap<Verb, Summary>,
}

/// First byte of the stored form.
const VERSION: u8 = 1;

impl Parts {
    /// The stored form: a version byte; the number of classes, then each with its sum; the same of methods.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(3 + 24 * (self.classes.len() + self.verbs.len()));
        bytes.push(VERSION);
        put(&mut bytes, self.classes.len() as u64);
        for (class, summary) in &self.classes {
            bytes.push(class.digit());
            summary.encode(&mut bytes);
        }
        put(&mut bytes, self.verbs.len() as u64);
        for (verb, summary) in &self.verbs {
            bytes.push(verb.code());
            summary.encode(&mut bytes);
        }
        bytes
    }

    /// Reads the stored form.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, Invalid> {
        if bytes.split_off_first() != Some(&VERSION) {
            return Err(Invalid::new("is not parts of version 1"));
        }
        let classes = decode(&mut bytes, StatusClass::from_digit)?;
        let verbs = decode(&mut bytes, Verb::from_code)?;
        if bytes.is_empty() {
            Ok(Self { classes, verbs })
        } else {
            Err(Invalid::new("has bytes past its end"))
        }
    }
}

fn decode<K: Ord>(bytes: &mut &[u8], key: impl Fn(u8) -> Option<K>) -> Result<BTreeMap<K, Summary>, Invalid> {
    let mut parts = BTreeMap::new();
    for _ in 0..take(bytes)? {
        let code = bytes.split_off_first().ok_or_else(|| Invalid::new("is cut short"))?;
        let key = key(*code).ok_or_else(|| Invalid::new("has an unknown part"))?;
        parts.insert(key, Summary::decode(bytes)?);
    }
    Ok(parts)
}

impl From<&Profile> for Parts {
    fn from(profile: &Profile) -> Self {
        Self { classes: sums(profile, |cell| cell.class), verbs: sums(profile, |cell| cell.verb) }
    }
}

fn sums<K: Ord>(profile: &Profile, key: impl Fn(Cell) -> K) -> BTreeMap<K, Summary> {
    let mut tallies = BTreeMap::new();
    profile.add_by(key, &mut tallies);
    tallies.into_iter().map(|(key, tally)| (key, Summary::from(&tally))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::profile::tests::profile;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_stored_form_round_trips(profile in profile()) {
            let parts = Parts::from(&profile);
            prop_assert_eq!(Parts::decode(&parts.encode()), Ok(parts));
        }

        #[test]
        fn parts_add_up_to_the_whole(profile in profile()) {
            let Parts { classes, verbs } = Parts::from(&profile);
            let whole = Summary { last_seen: None, quantiles: None, ..Summary::from(&profile.total()) };
            let sum = |parts: Vec<Summary>| parts.into_iter().fold(Summary::default(), |sum, part| sum.plus(&part));
            prop_assert_eq!(sum(classes.into_values().collect()), whole);
            prop_assert_eq!(sum(verbs.into_values().collect()), whole);
        }

        #[test]
        fn junk_never_panics(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Parts::decode(&bytes);
            bytes.insert(0, VERSION);
            let _ = Parts::decode(&bytes);
        }
    }
}
