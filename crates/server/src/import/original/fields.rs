//! Columns of unknown types, written out as text by the original's database.

use std::net::IpAddr;

use activity_domain::activity::{Metadata, ResponseTime};
use activity_domain::error::Invalid;
use activity_domain::time::Timestamp;
use serde_json::{Map, Value};

/// A time with or without an offset, without one in UTC; a date; or a number since 1970, whose size tells its unit.
pub fn time(text: &str) -> Result<Timestamp, Invalid> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        let micros = match number.unsigned_abs() {
            0..100_000_000_000 => number.saturating_mul(1_000_000),
            100_000_000_000..100_000_000_000_000 => number.saturating_mul(1_000),
            _ => number,
        };
        return Timestamp::from_micros(micros);
    }
    // Only a date is so short.
    let midnight = if text.len() <= 10 { "T00:00:00" } else { "" };
    Timestamp::parse(text).or_else(|reason| {
        let instant: Result<jiff::Timestamp, _> = format!("{text}{midnight}Z").parse();
        Timestamp::from_micros(instant.map_err(|_| reason)?.as_microsecond())
    })
}

/// Milliseconds.
pub fn response_time(text: &str) -> Result<ResponseTime, Invalid> {
    let millis =
        text.trim().parse().map_err(|_| Invalid::new("must be a number of milliseconds, 0 or more"))?;
    ResponseTime::from_millis(millis)
}

/// An address as Express has it, or as `inet` writes it; of several, the first is the caller's.
pub fn ip(text: &str) -> Result<IpAddr, Invalid> {
    let first = text.split([',', '/']).next().unwrap_or_default().trim();
    first.parse().map_err(|_| Invalid::new("must be an IPv4 or IPv6 address"))
}

/// An object as it is. Anything else becomes the value of an object; text that is no JSON too.
pub fn metadata(text: &str) -> Result<Metadata, Invalid> {
    let value = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
    let object = match value {
        Value::Object(object) => object,
        other => Map::from_iter([("value".to_owned(), other)]),
    };
    let compact = serde_json::to_string(&object).map_err(|error| Invalid::new(error.to_string()))?;
    Metadata::from_object(&compact)
}

/// What Postgres, or somebody with text, says for yes and no.
pub fn is_true(text: &str) -> bool {
    !matches!(text.trim().to_ascii_lowercase().as_str(), "false" | "f" | "0" | "no" | "n" | "off")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_without_an_offset_are_utc() {
        let at = |text| time(text).unwrap().to_string();
        for same in [
            "2025-03-30 01:30:00.25",
            "2025-03-30 01:30:00.25+00",
            "2025-03-30T03:30:00.250+02:00",
            "1743298200250",
            "1743298200250000",
        ] {
            assert_eq!(at(same), "2025-03-30T01:30:00.25Z", "{same}");
        }
        assert_eq!(
            (at("1743298200"), at("2025-03-30")),
            ("2025-03-30T01:30:00Z".into(), "2025-03-30T00:00:00Z".into())
        );
        for bad in ["", "infinity", "yesterday", "2025-13-01 00:00:00", "1969-12-31 23:59:59", "-5"] {
            assert!(time(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_and_addresses_may_be_of_any_type() {
        let micros = |text| response_time(text).map(ResponseTime::as_micros).ok();
        assert_eq!(
            [micros("12"), micros("12.3456"), micros("1e1")],
            [Some(12_000), Some(12_346), Some(10_000)]
        );
        assert_eq!([micros("NaN"), micros("-1"), micros("fast")], [None; 3]);
        let address = |text| ip(text).map(|ip| ip.to_string()).ok();
        assert_eq!(address("192.0.2.7/32").as_deref(), Some("192.0.2.7"));
        assert_eq!(address("::ffff:192.0.2.7").as_deref(), Some("::ffff:192.0.2.7"));
        assert_eq!(address("192.0.2.7, 10.0.0.1").as_deref(), Some("192.0.2.7"));
        assert_eq!(address("unknown"), None);
    }

    #[test]
    fn metadata_is_an_object_or_becomes_one() {
        let kept = |text| metadata(text).unwrap().as_str().to_owned();
        assert_eq!(kept("{\"a\": [1, null]}"), "{\"a\":[1,null]}");
        assert_eq!(kept("[1, 2]"), "{\"value\":[1,2]}");
        assert_eq!(kept("not \"json\""), "{\"value\":\"not \\\"json\\\"\"}");
        assert!(metadata(&format!("\"{}\"", "x".repeat(8_192))).is_err());
    }

    #[test]
    fn only_a_no_deactivates() {
        assert!(is_true("true") && is_true("t") && is_true("1") && is_true(""));
        assert!(!is_true("false") && !is_true("F") && !is_true("0"));
    }

    proptest! {
        /// However the original's database writes an instant, it is the same one.
        #[test]
        fn an_instant_is_read_back(micros in 0i64..253_402_000_000_000_000, hours in -12i64..=14) {
            let text = |micros: i64| {
                let clock = jiff::Timestamp::from_microsecond(micros).unwrap();
                clock.strftime("%Y-%m-%d %H:%M:%S%.f").to_string()
            };
            let at = Timestamp::from_micros(micros);
            prop_assert_eq!(time(&text(micros)), at.clone());
            let elsewhere = format!("{}{hours:+03}", text(micros + hours * 3_600_000_000));
            prop_assert_eq!(time(&elsewhere), at, "{}", elsewhere);
        }

        #[test]
        fn junk_never_panics(junk in "(\\PC|[-0-9:. TZ{}\",/]){0,40}") {
            let _ = (time(&junk), response_time(&junk), ip(&junk), metadata(&junk), is_true(&junk));
        }
    }
}
