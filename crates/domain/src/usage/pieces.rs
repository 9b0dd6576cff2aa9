//! Buckets, put together from blocks and from what waits to be folded into them.

use std::collections::BTreeMap;

use super::{Buckets, Series};
use crate::error::StoreError;
use crate::hygiene::{StatusClass, Verb};
use crate::rollup::{Parts, Profile, Summary};
use crate::span::{Level, Minute, Run, Span};

/// A bucket of more blocks than this is put together from runs instead, which read fewer.
const MAX_BLOCKS_A_BUCKET: i64 = 24;

/// A block of a store, which keeps what answers state beside the profile that they are made of.
pub trait Kept {
    /// Of all of it.
    fn summary(&self) -> Result<Summary, StoreError>;

    /// By status class and by method.
    fn parts(&self) -> Result<Parts, StoreError>;
}

/// What each bucket is made of. A store first says which blocks there are and what waits. A bucket that is one
/// block takes what the block keeps; for all others the store hands over profiles.
pub struct Pieces<'a, Block> {
    buckets: &'a Buckets,
    pieces: Vec<Piece<Block>>,
}

enum Piece<Block> {
    Nothing,
    One(Block),
    Several(Profile),
}

impl<'a, Block: Kept> Pieces<'a, Block> {
    /// Nothing yet.
    pub fn of(buckets: &'a Buckets) -> Self {
        Self { buckets, pieces: buckets.iter().map(|_| Piece::Nothing).collect() }
    }

    /// There is this block.
    pub fn add(&mut self, start: Minute, block: Block) {
        if let Some(piece) = self.piece(start) {
            let is_first = matches!(piece, Piece::Nothing);
            *piece = if is_first { Piece::One(block) } else { Piece::Several(Profile::default()) };
        }
    }

    /// Something of this minute waits.
    pub fn add_waiting(&mut self, minute: Minute) {
        if let Some(piece) = self.piece(minute)
            && !matches!(piece, Piece::Several(_))
        {
            *piece = Piece::Several(Profile::default());
        }
    }

    /// From the first to the last bucket that needs profiles: most often the last alone. Buckets in between
    /// that need none leave alone what they are given.
    pub fn wanting(&self) -> Option<Span> {
        let is_several = |(_, piece): &(Span, &Piece<Block>)| matches!(piece, Piece::Several(_));
        let mut several = self.buckets.iter().zip(&self.pieces).filter(is_several).map(|(span, _)| span);
        let first = several.next()?;
        Some(Span { from: first.from, to: several.last().unwrap_or(first).to })
    }

    /// The profile of a block, or of what waits.
    pub fn merge(&mut self, start: Minute, profile: &Profile) {
        if let Some(Piece::Several(whole)) = self.piece(start) {
            whole.merge(profile);
        }
    }

    fn piece(&mut self, minute: Minute) -> Option<&mut Piece<Block>> {
        self.pieces.get_mut(self.buckets.place(minute)?)
    }

    /// One series of everything.
    pub fn whole(self) -> Result<Series, StoreError> {
        let mut series = Series::empty(None, self.buckets.len());
        for (point, piece) in series.points.iter_mut().zip(self.pieces) {
            let summary = match piece {
                Piece::Nothing => continue,
                Piece::One(block) => block.summary()?,
                Piece::Several(profile) => Summary::from(&profile.total()),
            };
            *point = Summary { last_seen: None, ..summary };
        }
        Ok(series)
    }

    /// A series for each status class.
    pub fn by_class(self) -> Result<Vec<Series>, StoreError> {
        self.by(|parts| named(parts.classes, StatusClass::as_str))
    }

    /// A series for each method.
    pub fn by_verb(self) -> Result<Vec<Series>, StoreError> {
        self.by(|parts| named(parts.verbs, Verb::as_str))
    }

    fn by(self, part: impl Fn(Parts) -> Named) -> Result<Vec<Series>, StoreError> {
        let mut groups: BTreeMap<&str, Series> = BTreeMap::new();
        for (place, piece) in self.pieces.into_iter().enumerate() {
            let parts = match piece {
                Piece::Nothing => continue,
                Piece::One(block) => block.parts()?,
                Piece::Several(profile) => Parts::from(&profile),
            };
            for (name, summary) in part(parts) {
                let new = || Series::empty(Some(name.to_owned()), self.buckets.len());
                groups.entry(name).or_insert_with(new).points[place] = summary;
            }
        }
        Ok(Series::in_order(groups.into_values().collect()))
    }
}

type Named = Vec<(&'static str, Summary)>;

fn named<K>(parts: BTreeMap<K, Summary>, name: impl Fn(K) -> &'static str) -> Named {
    parts.into_iter().map(|(key, summary)| (name(key), summary)).collect()
}

impl Buckets {
    /// The runs of blocks that make up the buckets, none of which reaches over a border.
    pub fn runs(&self) -> Vec<Run> {
        let longest = |level: Level| {
            let length = |span: Span| span.to.0 - span.from.0;
            self.iter().map(|span| length(span) / level.minutes()).max().unwrap_or(0)
        };
        match self.level(&Level::ALL) {
            Some(level) if longest(level) <= MAX_BLOCKS_A_BUCKET => vec![Run { level, span: self.span() }],
            _ => self.iter().flat_map(Span::runs).collect(),
        }
    }
}
