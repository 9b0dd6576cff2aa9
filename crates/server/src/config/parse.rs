//! From text to numbers, times, sizes and networks. Errors finish the sentence "this value ...".

use std::net::IpAddr;
use std::path::{Component, PathBuf};
use std::time::Duration;

use activity_domain::client::RateLimit;
use activity_domain::error::Invalid;
use activity_domain::limit::Window;
use activity_http::audit::MAX_BYTES;
use ipnet::IpNet;

use super::values::{AppEnv, AuditCapture, IpPrivacy, LogFormat, Registration};

const MIB: u64 = 1 << 20;
const DAY: u64 = 86_400;
/// Nothing here needs more days than this: a hundred years.
const MAX_DAYS: u64 = 36_500;

/// `APP_ENV`.
pub fn app_env(text: &str) -> Result<AppEnv, Invalid> {
    match text.to_ascii_lowercase().as_str() {
        "development" | "test" => Ok(AppEnv::Development),
        "production" => Ok(AppEnv::Production),
        _ => Err(Invalid::new("must be development, test or production")),
    }
}

/// `REGISTRATION`.
pub fn registration(text: &str) -> Result<Registration, Invalid> {
    match text.to_ascii_lowercase().as_str() {
        "open" => Ok(Registration::Open),
        "admin" => Ok(Registration::Admin),
        _ => Err(Invalid::new("must be open or admin")),
    }
}

/// `AUDIT_CAPTURE`.
pub fn audit_capture(text: &str) -> Result<AuditCapture, Invalid> {
    match text.to_ascii_lowercase().as_str() {
        "off" => Ok(AuditCapture::Off),
        "headers" => Ok(AuditCapture::Headers),
        "full" => Ok(AuditCapture::Full),
        _ => Err(Invalid::new("must be off, headers or full")),
    }
}

/// `IP_PRIVACY`.
pub fn ip_privacy(text: &str) -> Result<IpPrivacy, Invalid> {
    match text.to_ascii_lowercase().as_str() {
        "off" => Ok(IpPrivacy::Off),
        "truncate" => Ok(IpPrivacy::Truncate),
        "hash" => Ok(IpPrivacy::Hash),
        _ => Err(Invalid::new("must be off, truncate or hash")),
    }
}

/// `AUDIT_MAX_BYTES`.
pub fn audit_max_bytes(text: &str) -> Result<usize, Invalid> {
    let bytes = whole(text, 64, MAX_BYTES as u64, "bytes")?;
    // It is small; the fallback cannot be reached.
    Ok(usize::try_from(bytes).unwrap_or(MAX_BYTES))
}

/// `LOG_FORMAT`.
pub fn log_format(text: &str) -> Result<LogFormat, Invalid> {
    match text.to_ascii_lowercase().as_str() {
        "json" => Ok(LogFormat::Json),
        "pretty" => Ok(LogFormat::Pretty),
        _ => Err(Invalid::new("must be json or pretty")),
    }
}

/// A setting that is on or off.
pub fn switch(text: &str) -> Result<bool, Invalid> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "on" | "yes" => Ok(true),
        "false" | "0" | "off" | "no" => Ok(false),
        _ => Err(Invalid::new("must be true or false")),
    }
}

/// `PORT`.
pub fn port(text: &str) -> Result<u16, Invalid> {
    text.parse().map_err(|_| Invalid::new("must be a port number from 0 (any free one) to 65535"))
}

/// A path, without the `.` parts that say nothing.
pub fn path(text: &str) -> Result<PathBuf, Invalid> {
    if text.contains('\0') {
        return Err(Invalid::new("must be a path"));
    }
    Ok(PathBuf::from(text).components().filter(|part| *part != Component::CurDir).collect())
}

/// `API_RATE_LIMIT`.
pub fn rate_limit(text: &str) -> Result<RateLimit, Invalid> {
    // What is no number gets the same answer as what is out of range.
    RateLimit::parse(text.parse().unwrap_or(0))
}

/// `API_RATE_LIMIT_WINDOW`: seconds, up to 31 days.
pub fn rate_limit_window(text: &str) -> Result<Window, Invalid> {
    Window::parse(text.parse().unwrap_or(0))
}

/// `JWT_EXPIRES_IN`: a second to a year, in seconds or with a unit.
pub fn lifetime(text: &str) -> Result<Duration, Invalid> {
    let bad = || Invalid::new("must be a time such as 30m, 1h, 7d or 3600 (seconds), at most 365d");
    let unit = match unit_of(text) {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => DAY,
        _ => return Err(bad()),
    };
    let seconds = number_of(text).and_then(|number| number.checked_mul(unit));
    match seconds {
        Some(seconds @ 1..=31_536_000) => Ok(Duration::from_secs(seconds)),
        _ => Err(bad()),
    }
}

/// `LOG_BATCH_SIZE`.
pub fn batch_size(text: &str) -> Result<usize, Invalid> {
    let size = whole(text, 1, 10_000, "events")?;
    // It is small; the fallback cannot be reached.
    Ok(usize::try_from(size).unwrap_or(usize::MAX))
}

/// `MAX_ENDPOINTS`.
pub fn max_endpoints(text: &str) -> Result<usize, Invalid> {
    let most = whole(text, 1, 100_000, "endpoints")?;
    // It is small; the fallback cannot be reached.
    Ok(usize::try_from(most).unwrap_or(usize::MAX))
}

/// `STREAMS_MAX` and `STREAMS_MAX_PER_CLIENT`. Connections are bounded too.
pub fn streams(text: &str) -> Result<usize, Invalid> {
    let most = whole(text, 1, 16_384, "streams")?;
    // It is small; the fallback cannot be reached.
    Ok(usize::try_from(most).unwrap_or(usize::MAX))
}

/// `LOG_BATCH_INTERVAL_MS`.
pub fn batch_interval(text: &str) -> Result<Duration, Invalid> {
    whole(text, 10, 60_000, "milliseconds").map(Duration::from_millis)
}

/// `LOG_MAX_AGE_DAYS`.
pub fn max_age_days(text: &str) -> Result<u32, Invalid> {
    days(text, 1)
}

/// `RAW_RETENTION_DAYS`: `None` for 0, which is for ever.
pub fn retention_days(text: &str) -> Result<Option<u32>, Invalid> {
    days(text, 0).map(|days| Some(days).filter(|days| *days > 0))
}

/// `SPOOL_MAX_BYTES`: bytes, or with a decimal or binary unit.
pub fn spool_size(text: &str) -> Result<u64, Invalid> {
    let bad =
        || Invalid::new("must be a size such as 512MiB, 1GiB, 1GB or a number of bytes, at least 16MiB");
    let unit = match unit_of(text).to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => MIB,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return Err(bad()),
    };
    let bytes = number_of(text).and_then(|number| number.checked_mul(unit));
    // Files cannot be longer than an i64 says.
    bytes.filter(|bytes| *bytes >= 16 * MIB && i64::try_from(*bytes).is_ok()).ok_or_else(bad)
}

/// `TRUSTED_PROXIES`: networks, or single addresses.
pub fn networks(text: &str) -> Result<Vec<IpNet>, Invalid> {
    let bad =
        || Invalid::new("must be a comma separated list of networks such as 10.0.0.0/8, fd00::/8, 127.0.0.1");
    let network = |part: &str| {
        let single = || part.parse::<IpAddr>().map(IpNet::from).ok();
        part.parse().ok().or_else(single).map(|network: IpNet| network.trunc()).ok_or_else(bad)
    };
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(network).collect()
}

fn days(text: &str, min: u64) -> Result<u32, Invalid> {
    let days = whole(text, min, MAX_DAYS, "days")?;
    // It is small; the fallback cannot be reached.
    Ok(u32::try_from(days).unwrap_or(u32::MAX))
}

/// A whole number of something.
pub fn whole(text: &str, min: u64, max: u64, unit: &str) -> Result<u64, Invalid> {
    let number = text.parse().ok().filter(|number| (min..=max).contains(number));
    number.ok_or_else(|| Invalid::new(format!("must be a whole number of {unit} from {min} to {max}")))
}

/// The digits at the start.
fn number_of(text: &str) -> Option<u64> {
    text[..digits(text)].parse().ok()
}

/// What follows the digits, without the blanks between.
fn unit_of(text: &str) -> &str {
    text[digits(text)..].trim_start()
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lifetimes_have_units() {
        let seconds = |text| lifetime(text).ok().map(|time| time.as_secs());
        assert_eq!(
            ["1h", "30m", "3600", "7d", "45s", "365d"].map(seconds),
            [Some(3_600), Some(1_800), Some(3_600), Some(604_800), Some(45), Some(31_536_000)]
        );
        for bad in [
            "0",
            "",
            "h",
            "-1h",
            "1.5h",
            "1w",
            "366d",
            "99999999999999999999",
            "18446744073709551615d",
            "1h30m",
        ] {
            assert!(lifetime(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(spool_size("16777216"), Ok(16 << 20));
        assert_eq!(spool_size("512MiB"), Ok(512 << 20));
        assert_eq!(spool_size("1 GiB"), Ok(1 << 30));
        assert_eq!(spool_size("1GB"), Ok(1_000_000_000));
        assert_eq!(spool_size("2tib"), Ok(2 << 40));
        for bad in [
            "16777215",
            "15MiB",
            "1G",
            "GiB",
            "-1GiB",
            "1.5GiB",
            "18446744073709551615",
            "99999999TiB",
            "1 G iB",
        ] {
            assert!(spool_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_stay_in_their_ranges() {
        assert!(batch_size("1").is_ok() && batch_size("10000").is_ok());
        assert!(batch_size("0").is_err() && batch_size("10001").is_err() && batch_size("ten").is_err());
        assert!(batch_interval("10").is_ok() && batch_interval("60000").is_ok());
        assert!(batch_interval("9").is_err() && batch_interval("60001").is_err());
        assert!(rate_limit("1").is_ok() && rate_limit("0").is_err() && rate_limit("many").is_err());
        assert!(port("0").is_ok() && port("65536").is_err());
        assert_eq!(retention_days("0"), Ok(None));
        assert_eq!(retention_days("30"), Ok(Some(30)));
        assert!(audit_max_bytes("64").is_ok() && audit_max_bytes("16384").is_ok());
        assert!(audit_max_bytes("63").is_err() && audit_max_bytes("16385").is_err());
        assert!(max_age_days("0").is_err() && max_age_days("36501").is_err());
    }

    #[test]
    fn networks_and_addresses_are_taken_alike() {
        let list = networks("10.1.2.3/8, 127.0.0.1,fd00::/8, ").unwrap();
        assert_eq!(
            list.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["10.0.0.0/8", "127.0.0.1/32", "fd00::/8"]
        );
        for bad in ["10.0.0.0/33", "nginx", "10.0.0.0-10.0.0.9", "10.0.0.1:80"] {
            assert!(networks(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn paths_lose_what_says_nothing() {
        assert_eq!(path("./data/./x"), Ok(PathBuf::from("data/x")));
        assert_eq!(path("/var/lib/x"), Ok(PathBuf::from("/var/lib/x")));
    }

    proptest! {
        #[test]
        fn junk_never_panics(text in "[0-9]{0,22}(\\PC|[ kmgtibsdh./:]){0,8}") {
            let _ = (lifetime(&text), spool_size(&text), networks(&text), path(&text), port(&text));
            let _ = (batch_size(&text), batch_interval(&text), retention_days(&text), max_age_days(&text));
            let _ = (audit_capture(&text), audit_max_bytes(&text), ip_privacy(&text));
            let _ = (rate_limit(&text), rate_limit_window(&text), app_env(&text), registration(&text), log_format(&text));
        }

        #[test]
        fn a_time_is_its_number_times_its_unit(number in 1u64..365, unit in 0usize..4) {
            let (name, seconds) = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)][unit];
            prop_assert_eq!(lifetime(&format!("{number}{name}")), Ok(Duration::from_secs(number * seconds)));
        }
    }
}
