//! Instants and time zones.

use std::fmt;
use std::hash::{Hash, Hasher};

use jiff::tz::TimeZone;

use crate::error::Invalid;
use crate::span::{Minute, Span};

pub use jiff::civil::Date;

/// An instant in microseconds since 1970-01-01T00:00:00Z, up to the year 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_MINUTE: i64 = 60 * MICROS_PER_SECOND;
/// 9999-12-30T22:00:00.999999Z: the last that the calendar can name in every zone.
const MAX_MICROS: i64 = 253_402_207_200 * MICROS_PER_SECOND + 999_999;

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);
    /// The last instant, in the year 9999.
    pub const LATEST: Self = Self(MAX_MICROS);

    /// From microseconds since the epoch.
    pub fn from_micros(micros: i64) -> Result<Self, Invalid> {
        if (0..=MAX_MICROS).contains(&micros) {
            Ok(Self(micros))
        } else {
            Err(Invalid::new("must lie between the years 1970 and 9999"))
        }
    }

    /// From whole seconds since the epoch.
    pub fn from_seconds(seconds: i64) -> Result<Self, Invalid> {
        Self::from_micros(seconds.saturating_mul(MICROS_PER_SECOND))
    }

    /// Parses RFC 3339, with any offset; digits past the microsecond are dropped.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let instant: jiff::Timestamp = text
            .parse()
            .map_err(|_| Invalid::new("must be a time as in RFC 3339, such as 2026-01-31T12:00:00Z"))?;
        Self::from_micros(instant.as_microsecond())
    }

    /// Microseconds since the epoch.
    pub fn as_micros(self) -> i64 {
        self.0
    }

    /// The minute that this instant lies in.
    pub fn minute(self) -> Minute {
        Minute(self.0.div_euclid(MICROS_PER_MINUTE))
    }

    /// This instant moved by some seconds, kept within the representable range.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        let moved = self.0.saturating_add(seconds.saturating_mul(MICROS_PER_SECOND));
        Self(moved.clamp(0, MAX_MICROS))
    }

    fn to_jiff(self) -> jiff::Timestamp {
        // The range is jiff's own; the fallback cannot be reached.
        let (seconds, micros) = (self.0 / MICROS_PER_SECOND, self.0 % MICROS_PER_SECOND);
        let nanos = i32::try_from(micros * 1_000).unwrap_or(0);
        jiff::Timestamp::new(seconds, nanos).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

impl From<Minute> for Timestamp {
    fn from(minute: Minute) -> Self {
        Self(minute.0.saturating_mul(MICROS_PER_MINUTE).clamp(0, MAX_MICROS))
    }
}

/// RFC 3339 in UTC, with as many fractional digits as the value needs.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_jiff().fmt(f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A time zone of the IANA database. The database is compiled in, so that every instance agrees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

impl Hash for Zone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The rules follow from the name.
        self.name.hash(state);
    }
}

impl Zone {
    /// Coordinated Universal Time.
    pub fn utc() -> Self {
        Self { name: "UTC".to_owned(), rules: TimeZone::UTC }
    }

    /// Looks a zone up by its IANA name, case-insensitively.
    pub fn parse(name: &str) -> Result<Self, Invalid> {
        if name == "UTC" {
            return Ok(Self::utc());
        }
        let unknown = || Invalid::new("must be an IANA time zone, such as Europe/Berlin");
        let rules = TimeZone::get(name).map_err(|_| unknown())?;
        let name = rules.iana_name().ok_or_else(unknown)?.to_owned();
        Ok(Self { name, rules })
    }

    /// The zone's IANA name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The calendar day that an instant falls on here.
    pub fn date_of(&self, at: Timestamp) -> Date {
        self.rules.to_datetime(at.to_jiff()).date()
    }

    /// The day as a span: 23, 24 or 25 hours. Its ends stand on quarter hours, as every zone's days
    /// have since 2010; the odd offsets of earlier times are rounded down to one.
    pub fn day(&self, date: Date) -> Span {
        let next = date.tomorrow().unwrap_or(date);
        Span { from: self.start_of(date), to: self.start_of(next) }
    }

    /// The day that a minute lies in.
    pub fn day_of(&self, minute: Minute) -> Span {
        let date = self.date_of(Timestamp::from(minute));
        let day = self.day(date);
        // Where clocks went back over midnight, they show the day before once more.
        if minute < day.to { day } else { self.day(date.tomorrow().unwrap_or(date)) }
    }

    /// Whether the zone's clock shows a full hour at a minute.
    pub fn is_full_hour(&self, minute: Minute) -> bool {
        self.rules.to_datetime(Timestamp::from(minute).to_jiff()).minute() == 0
    }

    fn start_of(&self, date: Date) -> Minute {
        let start = self.rules.to_timestamp(date.at(0, 0, 0, 0)).map_or(0, jiff::Timestamp::as_second);
        Minute(start.max(0).div_euclid(60)).floor_to(15)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn zone(name: &str) -> Zone {
        Zone::parse(name).unwrap()
    }

    #[test]
    fn days_have_23_24_and_25_hours() {
        let hours = |name: &str, day: &str| {
            let span = zone(name).day(day.parse().unwrap());
            (span.to.0 - span.from.0) / 60
        };
        assert_eq!(hours("America/New_York", "2026-03-08"), 23);
        assert_eq!(hours("America/New_York", "2026-11-01"), 25);
        assert_eq!(hours("America/New_York", "2026-11-02"), 24);
        assert_eq!(hours("America/Sao_Paulo", "2018-11-04"), 23); // midnight itself is skipped
    }

    #[test]
    fn kathmandu_starts_at_a_quarter_past_six_in_the_evening() {
        let span = zone("Asia/Kathmandu").day("2026-01-02".parse().unwrap());
        assert_eq!(Timestamp::from(span.from).to_string(), "2026-01-01T18:15:00Z");
    }

    #[test]
    fn unknown_zones_are_refused() {
        for bad in ["", "Mars/Olympus", "UTC+1", "../etc/passwd", "EST5EDT,M3.2.0,M11.1.0"] {
            assert!(Zone::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(zone("asia/kathmandu").name(), "Asia/Kathmandu");
    }

    #[test]
    fn timestamps_keep_the_microsecond_and_drop_the_rest() {
        let at = Timestamp::parse("2026-01-01T00:00:00.123456789+01:00").unwrap();
        assert_eq!(at.to_string(), "2025-12-31T23:00:00.123456Z");
        for bad in ["", "yesterday", "1969-12-31T23:59:59Z", "2026-01-01", "9999-12-30T22:00:01Z"] {
            assert!(Timestamp::parse(bad).is_err(), "{bad}");
        }
        let last = "9999-12-30T22:00:00.999999Z";
        assert_eq!(Timestamp::parse(last).unwrap().to_string(), last);
    }

    proptest! {
        /// Every instant lies in the span of the day that the zone calls it. (Before 2012 a few zones put
        /// their clocks back over midnight, and an hour of the old date came after the new day's start.)
        #[test]
        fn an_instant_lies_in_its_day(
            micros in 1_325_376_000_000_000i64..4_102_444_800_000_000,
            name in prop::sample::select(vec![
                "UTC", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe",
                "America/St_Johns", "Pacific/Apia", "Africa/Casablanca", "Asia/Tehran",
            ]),
        ) {
            let at = Timestamp::from_micros(micros).unwrap();
            let zone = zone(name);
            let day = zone.day(zone.date_of(at));
            prop_assert!(day.from <= at.minute() && at.minute() < day.to);
        }
    }
}
