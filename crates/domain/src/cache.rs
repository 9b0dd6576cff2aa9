//! What a cache of usage holds: keys that say which question, values that answer it, and what becomes
//! wrong when activities arrive.
//!
//! Keys and values are typed. An adapter that keeps them as bytes has a codec of its own, and treats what
//! it cannot read as missing.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Invalid;
use crate::id::ClientId;
use crate::span::{Minute, Span};
use crate::time::{Date, Timestamp, Zone};
use crate::usage::TopRow;

mod day;
mod ledger;
mod position;
mod touched;

pub use day::CachedDay;
pub use ledger::Ledger;
pub use position::{Changed, LateChange, Position};
pub use touched::Touched;

/// The name of a generation of keys: values of another are not found. 1 to 32 characters of
/// `A-Z a-z 0-9 . _ -`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CacheVersion(Arc<str>);

impl CacheVersion {
    /// Parses a version.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if text.is_empty() || text.len() > 32 || !text.bytes().all(legal) {
            return Err(Invalid::new("must be 1 to 32 characters of A-Z a-z 0-9 . _ -"));
        }
        Ok(Self(text.into()))
    }
}

/// Which question, in which generation. Displays as text that is different for different keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CacheKey {
    /// The generation.
    pub version: CacheVersion,
    /// The question.
    pub question: Question,
}

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Question {
    /// One day of usage.
    Day {
        /// Whose day.
        zone: Zone,
        /// The day.
        date: Date,
        /// One client, or all.
        client: Option<ClientId>,
    },
    /// The busiest clients.
    Top {
        /// When.
        span: Span,
        /// How many.
        limit: usize,
    },
}

impl Question {
    /// The minutes that the answer depends on.
    pub fn span(&self) -> Span {
        match self {
            Self::Day { zone, date, .. } => zone.day(*date),
            Self::Top { span, .. } => *span,
        }
    }
}

impl fmt::Display for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = &self.version.0;
        match &self.question {
            // No client is called `*`.
            Question::Day { zone, date, client } => {
                let client = client.as_ref().map_or("*", ClientId::as_str);
                write!(f, "{version}:daily:{}:{date}:{client}", zone.name())
            }
            Question::Top { span, limit } => {
                let [from, to] = [span.from, span.to].map(Timestamp::from);
                write!(f, "{version}:top:{from}/{to}:{limit}")
            }
        }
    }
}

impl CacheKey {
    /// Reads what a key displays as.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let bad = || Invalid::new("is no key of a cached answer");
        let (version, rest) = text.split_once(':').ok_or_else(bad)?;
        let (kind, rest) = rest.split_once(':').ok_or_else(bad)?;
        let question = match kind {
            "daily" => {
                let mut parts = rest.splitn(3, ':');
                let mut part = || parts.next().ok_or_else(bad);
                let (zone, date, client) = (part()?, part()?, part()?);
                Question::Day {
                    zone: Zone::parse(zone)?,
                    date: date.parse().map_err(|_| bad())?,
                    client: if client == "*" { None } else { Some(ClientId::parse(client)?) },
                }
            }
            "top" => {
                let (span, limit) = rest.rsplit_once(':').ok_or_else(bad)?;
                let (from, to) = span.split_once('/').ok_or_else(bad)?;
                let minute = |text| Timestamp::parse(text).map(Timestamp::minute);
                let span = Span { from: minute(from)?, to: minute(to)? };
                Question::Top { span, limit: limit.parse().map_err(|_| bad())? }
            }
            _ => return Err(bad()),
        };
        Ok(Self { version: CacheVersion::parse(version)?, question })
    }
}

/// An answer. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub enum CacheValue {
    /// To [`Question::Day`].
    Day(Arc<CachedDay>),
    /// To [`Question::Top`].
    Top(Arc<[TopRow]>),
}

impl CacheValue {
    /// About how many bytes it takes.
    pub fn weight(&self) -> u64 {
        match self {
            Self::Day(day) => day.weight(),
            Self::Top(rows) => {
                let names: usize =
                    rows.iter().map(|row| row.client.as_str().len() + row.name.as_str().len()).sum();
                (size_of_val::<[TopRow]>(rows) + names) as u64
            }
        }
    }
}

/// How long a value is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// So long it is served as it is.
    pub fresh: Duration,
    /// After that, so long it is served while it is computed anew.
    pub stale: Duration,
}

impl Lifetime {
    /// A time to live, with a tenth of it on top (five minutes at most) to be renewed in. `None` for zero:
    /// nothing is kept.
    pub fn of(ttl: Duration) -> Option<Self> {
        (!ttl.is_zero()).then(|| Self { fresh: ttl, stale: (ttl / 10).min(Duration::from_mins(5)) })
    }
}

/// What a cache has to forget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Whatever depends on these minutes: activities were stored there.
    Minutes(Touched),
    /// Whatever shows clients' names.
    Names,
    /// All of it.
    Everything,
}

impl Scope {
    /// Whether the answer to a question is in the scope. The span is the question's, which is costly to
    /// compute again and again.
    pub fn covers(&self, question: &Question, span: Span) -> bool {
        match self {
            Self::Minutes(touched) => touched.meets(span),
            Self::Names => matches!(question, Question::Top { .. }),
            Self::Everything => true,
        }
    }

    /// The first minute that may be in the scope.
    pub fn first(&self) -> Option<Minute> {
        match self {
            Self::Minutes(touched) => touched.first(),
            Self::Names | Self::Everything => Some(Minute(i64::MIN)),
        }
    }
}

/// How a cache does, since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Questions answered from it.
    pub hits: u64,
    /// Of these, with a value that was being computed anew.
    pub stale: u64,
    /// Questions that it could not answer.
    pub misses: u64,
    /// Values in it.
    pub entries: u64,
    /// About how many bytes they take.
    pub bytes: u64,
    /// How many they may take.
    pub max_bytes: u64,
}

/// How a key is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUse {
    /// The key.
    pub key: CacheKey,
    /// How often it was answered from the cache.
    pub hits: u64,
    /// How often it was not.
    pub misses: u64,
    /// How long its value took to compute, the last time.
    pub cost: Duration,
    /// When it was last asked for.
    pub last_asked: Timestamp,
}

/// By what keys are hot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heat {
    /// How often they were asked for.
    Asked,
    /// The time that was spent because they were not there: misses times cost.
    Missed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_keys_read_differently() {
        let key =
            |version: &str, question| CacheKey { version: CacheVersion::parse(version).unwrap(), question };
        let day = |zone: &str, date: &str, client: Option<&str>| Question::Day {
            zone: Zone::parse(zone).unwrap(),
            date: date.parse().unwrap(),
            client: client.map(|id| ClientId::parse(id).unwrap()),
        };
        let top =
            |from, to, limit| Question::Top { span: Span { from: Minute(from), to: Minute(to) }, limit };
        let keys = [
            key("v1", day("UTC", "2026-03-10", None)),
            key("v2", day("UTC", "2026-03-10", None)),
            key("v1", day("UTC", "2026-03-10", Some("CL-1"))),
            key("v1", day("UTC", "2026-03-11", None)),
            key("v1", day("Asia/Kathmandu", "2026-03-10", None)),
            key("v1", top(0, 15, 3)),
            key("v1", top(0, 30, 3)),
            key("v1", top(15, 30, 3)),
            key("v1", top(0, 15, 30)),
        ];
        let mut texts: Vec<String> = keys.iter().map(ToString::to_string).collect();
        for (key, text) in keys.iter().zip(&texts) {
            assert_eq!(CacheKey::parse(text).as_ref(), Ok(key));
        }
        assert_eq!(texts[2], "v1:daily:UTC:2026-03-10:CL-1");
        assert_eq!(texts[5], "v1:top:1970-01-01T00:00:00Z/1970-01-01T00:15:00Z:3");
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), keys.len());
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let bad = [
            "",
            "v1",
            "v1:daily",
            "v1:daily:UTC",
            "v1:daily:UTC:2026-03-10",
            "v1:daily:Nowhere:2026-03-10:*",
            "v1:daily:UTC:2026-02-30:*",
            "v1:daily:UTC:2026-03-10:a b",
            "v1:top:1:2",
            "v1:top:x/y:3",
            "v 1:daily:UTC:2026-03-10:*",
            "v1:other:UTC:2026-03-10:*",
        ];
        for text in bad {
            assert!(CacheKey::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn versions_are_short_and_plain() {
        assert!(CacheVersion::parse("v1").is_ok());
        for bad in ["", "v 1", "v:1", "ä", &"v".repeat(33)] {
            assert!(CacheVersion::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_time_to_live_is_no_lifetime() {
        assert_eq!(Lifetime::of(Duration::ZERO), None);
        let hour = Lifetime::of(Duration::from_hours(1)).unwrap();
        assert_eq!((hour.fresh, hour.stale), (Duration::from_hours(1), Duration::from_mins(5)));
    }
}
