//! How far a reader has come.

use std::fmt;

use integer_encoding::VarInt;

use crate::error::Invalid;

use super::{Scope, SourceId};

/// For every source that a reader has heard of, the number of the last event that it has seen, as its scope counts.
///
/// As text it is short and fits into URLs and headers: up to [`Place::MAX_TEXT`] characters of `A-Z a-z 0-9 - _`.
/// A place in events of one client has that client's numbers only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    tag: u32,
    /// In the order in which they were heard of.
    reached: Vec<(SourceId, u64)>,
}

/// Tells places of different scopes apart. Nothing depends on its being unique.
fn tag(scope: &Scope) -> u32 {
    match scope {
        Scope::Everybody => 0,
        Scope::Client(id) => crc32fast::hash(id.as_str().as_bytes()).max(1),
    }
}

const VERSION: u8 = 1;
/// Version and tag; a checksum follows what comes behind.
const HEAD: usize = 5;
const CHECK: usize = 2;
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl Place {
    /// So many sources at most; those that were heard of first are let go of.
    pub const MAX_SOURCES: usize = 32;

    /// The length that its text has at most: a source takes 18 bytes.
    pub const MAX_TEXT: usize = (HEAD + CHECK + Self::MAX_SOURCES * 18).div_ceil(3) * 4;

    /// That of a reader that has heard of nobody.
    pub fn new(scope: &Scope) -> Self {
        Self { tag: tag(scope), reached: Vec::new() }
    }

    /// Whether it is a place in events of this scope.
    pub fn fits(&self, scope: &Scope) -> bool {
        self.tag == tag(scope)
    }

    /// How far the reader has come in a source; `None` if it has not heard of it.
    pub fn reached(&self, source: SourceId) -> Option<u64> {
        self.reached.iter().find(|(known, _)| *known == source).map(|(_, number)| *number)
    }

    /// Sources that the reader has heard of.
    pub fn sources(&self) -> impl Iterator<Item = SourceId> {
        self.reached.iter().map(|(source, _)| *source)
    }

    /// The reader has seen a source's events up to this one. False if it had already.
    pub fn advance(&mut self, source: SourceId, number: u64) -> bool {
        if let Some((_, reached)) = self.reached.iter_mut().find(|(known, _)| *known == source) {
            let is_more = number > *reached;
            *reached = number.max(*reached);
            return is_more;
        }
        if self.reached.len() == Self::MAX_SOURCES {
            self.reached.remove(0);
        }
        self.reached.push((source, number));
        true
    }

    /// Lets go of sources.
    pub fn retain(&mut self, mut keep: impl FnMut(SourceId) -> bool) {
        self.reached.retain(|(source, _)| keep(*source));
    }

    /// Reads the text of one.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        Self::decode(text).ok_or_else(|| Invalid::new("must be an id that came with an event of a stream"))
    }

    fn decode(text: &str) -> Option<Self> {
        if text.len() > Self::MAX_TEXT {
            return None;
        }
        let bytes = from_letters(text)?;
        let (body, check) = bytes.split_at_checked(bytes.len().checked_sub(CHECK)?)?;
        if check != &crc32fast::hash(body).to_le_bytes()[..CHECK] {
            return None;
        }
        let (&VERSION, rest) = body.split_first()? else { return None };
        let (tag, mut rest) = rest.split_first_chunk::<4>()?;
        let mut place = Self { tag: u32::from_le_bytes(*tag), reached: Vec::new() };
        while !rest.is_empty() {
            let (source, more) = rest.split_first_chunk::<8>()?;
            let source = SourceId(u64::from_le_bytes(*source));
            let (number, used) = u64::decode_var(more)?;
            if place.reached(source).is_some() || place.reached.len() == Self::MAX_SOURCES {
                return None;
            }
            place.reached.push((source, number));
            rest = more.get(used..)?;
        }
        Some(place)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(HEAD + CHECK + 12 * self.reached.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.tag.to_le_bytes());
        for (source, number) in &self.reached {
            bytes.extend_from_slice(&source.0.to_le_bytes());
            bytes.extend_from_slice(&number.encode_var_vec());
        }
        let check = crc32fast::hash(&bytes).to_le_bytes();
        bytes.extend_from_slice(&check[..CHECK]);
        f.write_str(&to_letters(&bytes))
    }
}

/// Base64 for URLs, without padding (RFC 4648, section 5).
fn to_letters(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
        let letter = |at: u32| char::from(LETTERS[(bits >> (18 - 6 * at) & 63) as usize]);
        text.extend((0..4).take(chunk.len() + 1).map(letter));
    }
    text
}

/// `None` where it is not what [`to_letters`] writes.
fn from_letters(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    for chunk in text.as_bytes().chunks(4) {
        let mut bits = 0u32;
        for at in 0..4 {
            let value = match chunk.get(at) {
                Some(letter) => LETTERS.iter().position(|known| known == letter)?,
                None => 0,
            };
            bits = bits << 6 | u32::try_from(value).ok()?;
        }
        let [_, all @ ..] = bits.to_be_bytes();
        bytes.extend_from_slice(&all[..chunk.len() - 1]);
    }
    (to_letters(&bytes) == text).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::ClientId;

    fn scope(name: &str) -> Scope {
        if name.is_empty() { Scope::Everybody } else { Scope::Client(ClientId::parse(name).unwrap()) }
    }

    proptest! {
        #[test]
        fn a_place_round_trips(name in "[a-z]{0,9}", reached in prop::collection::vec(any::<(u64, u64)>(), 0..50)) {
            let mut place = Place::new(&scope(&name));
            for (source, number) in reached {
                place.advance(SourceId(source), number);
            }
            let text = place.to_string();
            prop_assert!(text.len() <= Place::MAX_TEXT);
            prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
            prop_assert_eq!(Place::parse(&text), Ok(place));
        }

        #[test]
        fn junk_is_an_error_and_what_parses_prints_alike(text in "\\PC{0,60}", letters in "[A-Za-z0-9_-]{0,90}") {
            for text in [text, letters] {
                if let Ok(place) = Place::parse(&text) {
                    prop_assert_eq!(place.to_string(), text);
                }
            }
        }
    }

    #[test]
    fn a_changed_letter_is_noticed() {
        let mut place = Place::new(&scope("a"));
        place.advance(SourceId(7), 300);
        let text = place.to_string();
        for at in 0..text.len() {
            for letter in LETTERS.iter().map(|letter| char::from(*letter)) {
                let changed = format!("{}{letter}{}", &text[..at], &text[at + 1..]);
                assert!(changed == text || Place::parse(&changed).is_err(), "{changed}");
            }
        }
    }

    #[test]
    fn the_longest_place_has_room_in_a_header() {
        let mut place = Place::new(&Scope::Everybody);
        for source in 0..40 {
            place.advance(SourceId(source), u64::MAX);
        }
        assert_eq!(place.reached(SourceId(7)), None);
        assert_eq!(place.reached(SourceId(8)), Some(u64::MAX));
        assert_eq!(place.to_string().len(), 778);
        assert!(Place::parse(&"A".repeat(Place::MAX_TEXT + 1)).is_err());
    }

    #[test]
    fn a_place_goes_forward_only_and_belongs_to_its_scope() {
        let mut place = Place::new(&scope("a"));
        assert!(place.advance(SourceId(1), 5));
        assert!(!place.advance(SourceId(1), 5) && !place.advance(SourceId(1), 4));
        assert_eq!(place.reached(SourceId(1)), Some(5));
        assert!(place.fits(&scope("a")));
        assert!(!place.fits(&scope("b")) && !place.fits(&Scope::Everybody));
    }
}
