//! Times as servers write them.
//!
//! The common format is read by hand, since a log of 10 million lines has 10 million of them.

use activity_domain::error::Invalid;
use activity_domain::time::Timestamp;

use crate::entry::wrong_value;

const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// A time as in `31/Jan/2026:12:00:00 +0100`; the seconds may have a fraction.
pub(crate) fn common(text: &[u8]) -> Result<Timestamp, Invalid> {
    let micros = common_micros(text)
        .ok_or_else(|| Invalid::new("has a time that is not like 31/Jan/2026:12:00:00 +0000"))?;
    in_range(micros)
}

/// A time in any of the notations that are found in JSON: RFC 3339 (the offset with or without a
/// colon), the common format with or without brackets, or a number as in [`number`].
pub(crate) fn text(text: &str) -> Result<Timestamp, Invalid> {
    if let Ok(value) = text.parse() {
        return number(value);
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if bare.contains('/') {
        return common(bare.as_bytes());
    }
    Timestamp::parse(bare).map_err(|reason| wrong_value("time", &reason))
}

/// A time since the epoch. The magnitude tells the unit: what would lie after the year 5138 as
/// seconds is milliseconds, and so on to microseconds and nanoseconds.
#[expect(clippy::cast_possible_truncation, reason = "saturates, and is then refused as out of range")]
pub(crate) fn number(value: f64) -> Result<Timestamp, Invalid> {
    let micros_per_unit = match value {
        ..1e11 => 1e6,
        ..1e14 => 1e3,
        ..1e17 => 1.0,
        _ => 1e-3,
    };
    if !value.is_finite() {
        return Err(Invalid::new("has a time that is not a number"));
    }
    in_range((value * micros_per_unit).round() as i64)
}

fn in_range(micros: i64) -> Result<Timestamp, Invalid> {
    Timestamp::from_micros(micros).map_err(|reason| wrong_value("time", &reason))
}

fn common_micros(text: &[u8]) -> Option<i64> {
    let [d1, d2, b'/', m1, m2, m3, b'/', y1, y2, y3, y4, b':', rest @ ..] = text else { return None };
    let [h1, h2, b':', i1, i2, b':', s1, s2, rest @ ..] = rest else { return None };
    let month = MONTHS.iter().position(|name| **name == [*m1, *m2, *m3])?;
    let days = days_from_civil(two(*y1, *y2)? * 100 + two(*y3, *y4)?, month, two(*d1, *d2)?)?;
    let (hour, minute, second) = (two(*h1, *h2)?, two(*i1, *i2)?, two(*s1, *s2)?);
    // 60 is a leap second; it counts as the first of the next minute.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (fraction, rest) = fraction(rest)?;
    let [b' ', sign @ (b'+' | b'-'), o1, o2, o3, o4] = rest else { return None };
    let (offset_hours, offset_minutes) = (two(*o1, *o2)?, two(*o3, *o4)?);
    if offset_hours > 23 || offset_minutes > 59 {
        return None;
    }
    let offset = (offset_hours * 60 + offset_minutes) * if *sign == b'-' { -60 } else { 60 };
    Some((days * 86_400 + hour * 3_600 + minute * 60 + second - offset) * 1_000_000 + fraction)
}

/// Microseconds of an optional `.123`, and what follows it.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some(text) = text.strip_prefix(b".") else { return Some((0, text)) };
    let end = text.iter().position(|b| !b.is_ascii_digit())?;
    let micros = (0..6).fold(0, |sum, i| sum * 10 + text[..end].get(i).map_or(0, |b| i64::from(b - b'0')));
    (end > 0).then_some((micros, &text[end..]))
}

fn two(tens: u8, ones: u8) -> Option<i64> {
    let both = tens.is_ascii_digit() && ones.is_ascii_digit();
    both.then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
}

/// Days since 1970-01-01 of a Gregorian date, `month` from 0. None if the month has no such day.
fn days_from_civil(year: i64, month: usize, day: i64) -> Option<i64> {
    const BEFORE: [i64; 13] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = BEFORE[month + 1] - BEFORE[month] + i64::from(leap && month == 1);
    if !(1..=length).contains(&day) {
        return None;
    }
    let past = year - 1;
    let leap_days = past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400);
    // 719,162 days lie between 0001-01-01 and the epoch.
    Some(past * 365 + leap_days - 719_162 + BEFORE[month] + i64::from(leap && month > 1) + day - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_of_every_notation_are_read() {
        for (written, expected) in [
            ("31/Jan/2026:12:00:00 +0000", "2026-01-31T12:00:00Z"),
            ("[31/Jan/2026:12:00:00 -0330]", "2026-01-31T15:30:00Z"),
            ("01/Mar/2024:00:30:00.25 +0100", "2024-02-29T23:30:00.25Z"),
            ("29/Feb/2024:12:00:00 +0000", "2024-02-29T12:00:00Z"),
            ("29/Feb/2000:12:00:00 +0000", "2000-02-29T12:00:00Z"),
            ("31/Dec/2016:23:59:60 +0000", "2017-01-01T00:00:00Z"),
            ("2026-01-31T13:00:00+01:00", "2026-01-31T12:00:00Z"),
            ("2026-01-31T13:00:00+0100", "2026-01-31T12:00:00Z"),
            ("1769860800", "2026-01-31T12:00:00Z"),
            ("1769860800.123456", "2026-01-31T12:00:00.123456Z"),
            ("1769860800123", "2026-01-31T12:00:00.123Z"),
            ("1769860800123456", "2026-01-31T12:00:00.123456Z"),
            ("1769860800123456000", "2026-01-31T12:00:00.123456Z"),
        ] {
            assert_eq!(text(written).unwrap().to_string(), expected, "{written}");
        }
    }

    #[test]
    fn times_that_do_not_exist_are_refused() {
        for bad in [
            "29/Feb/2023:00:00:00 +0000",
            "29/Feb/2100:00:00:00 +0000",
            "30/Feb/2024:00:00:00 +0000",
            "00/Jan/2026:00:00:00 +0000",
            "31/Foo/2026:00:00:00 +0000",
            "31/Jan/2026:24:00:00 +0000",
            "31/Jan/2026:12:00:00",
            "31/Jan/2026:12:00:00. +0000",
            "31/Jan/2026:12:00:00 +0099",
            "31/Jan/1969:12:00:00 +0000",
            "31/Jan/2026:12:00:00 +00000",
            "yesterday",
            "-1",
            "nan",
            "inf",
            "",
        ] {
            assert!(text(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        /// The arithmetic by hand agrees with a calendar library.
        #[test]
        fn common_times_agree_with_a_calendar(
            second in 0i64..253_402_200_000,
            offset in -1_439i32..1_440,
        ) {
            let zone = jiff::tz::Offset::from_seconds(offset * 60).unwrap().to_time_zone();
            let zoned = jiff::Timestamp::from_second(second).unwrap().to_zoned_datetime(zone);
            let text = zoned.strftime("%d/%b/%Y:%H:%M:%S %z").to_string();
            // The offset may take the year to 1969, which is still the same instant.
            prop_assert_eq!(common(text.as_bytes()).unwrap().as_micros(), second * 1_000_000, "{}", text);
        }
    }
}
