//! What counts, for another limiter to count it too.

use super::{QuotaName, Window};

/// What counts against a subject in one quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The quota.
    pub name: QuotaName,
    /// Its window.
    pub window: Window,
    /// Parts of it: how many microseconds ago they were taken at least, and how much they are. Ages and not instants,
    /// because the other limiter may go by another clock.
    pub parts: Vec<(u64, u32)>,
}
