//! Where a store stands, and what changed late in it.

use std::sync::Arc;

use super::Scope;
use crate::span::Span;

/// A state of a store: which of its numbered changes are in it. Stores number changes when they begin, and they
/// come about in another order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Which history of changes they are numbered in. Another one begins where a standby takes over.
    pub history: Arc<str>,
    /// All changes below this number are in it, or never come about.
    pub settled: u64,
    /// No change from this number on is in it.
    pub open: u64,
    /// The state in the store's own words.
    pub words: Arc<str>,
}

/// Something that was over, and changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LateChange {
    /// The number of the change.
    pub no: u64,
    /// What changed.
    pub what: Changed,
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// What happened in these minutes.
    Minutes(Span),
    /// Clients' names.
    Names,
}

impl Changed {
    /// What a cache has to forget for it.
    pub fn scope(&self) -> Scope {
        match self {
            Self::Minutes(span) => {
                let mut touched = super::Touched::default();
                touched.add_span(*span);
                Scope::Minutes(touched)
            }
            Self::Names => Scope::Names,
        }
    }
}
