//! What a new key should be like.

use crate::error::Invalid;

const DAY: i64 = 86_400;

/// After how many seconds a key ends: 1 second to 10 years.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyLifetime(i64);

impl KeyLifetime {
    /// Takes a number of seconds.
    pub fn parse(seconds: i64) -> Result<Self, Invalid> {
        between(seconds, 1, 3_650 * DAY).map(Self)
    }

    /// The number of seconds.
    pub fn seconds(self) -> i64 {
        self.0
    }
}

/// How many seconds older keys go on working beside a new one: 0 to 90 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyOverlap(i64);

impl KeyOverlap {
    /// Takes a number of seconds.
    pub fn parse(seconds: i64) -> Result<Self, Invalid> {
        between(seconds, 0, 90 * DAY).map(Self)
    }

    /// The number of seconds.
    pub fn seconds(self) -> i64 {
        self.0
    }
}

fn between(seconds: i64, least: i64, most: i64) -> Result<i64, Invalid> {
    if (least..=most).contains(&seconds) {
        Ok(seconds)
    } else {
        Err(Invalid::new(format!("must be between {least} and {most} seconds")))
    }
}

/// A wish for a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyWish {
    /// When it ends; by default it does not.
    pub lifetime: Option<KeyLifetime>,
    /// How long the client's older keys go on working; by default nothing changes for them.
    pub overlap: Option<KeyOverlap>,
}
