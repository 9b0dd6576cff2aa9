//! JSON lines: an object for every request, under the names that nginx, Caddy and Apache use.
//!
//! Names are compared without case and without `_`, `-`, `.` and `@`, so that `remote_addr`,
//! `remoteAddr` and `RemoteAddr` are one. Where several names for a thing are given, the one that
//! stands first here counts; what is null, empty or `-` counts as not given.
//!
//! | Thing | Names |
//! |---|---|
//! | caller | `client_ip`, `remote_addr`, `remote_ip`, `remote_host`, `ip` |
//! | user | `remote_user`, `user_id`, `user`, `username` |
//! | time | `msec`, `ts`, `time_iso8601`, `timestamp`, `time`, `time_local`; text or a number since the epoch |
//! | request | `request` or `request_line` as in `GET /a HTTP/1.1`; else method and path |
//! | method | `request_method`, `method` |
//! | path | `request_uri`, `uri`, `url`, `path`, `request_path`; else `request`, where that is a path |
//! | status | `status`, `status_code` |
//! | size | `body_bytes_sent`, `response_bytes`, `size`, `response_size`, `bytes`, `bytes_sent` |
//! | user agent | `http_user_agent`, `user_agent`, `agent` |
//! | duration | `request_time`, `duration`, `response_time`: with a decimal point seconds, without microseconds |
//!
//! Caddy's own log has an object for `request` with `client_ip`, `remote_ip`, `method`, `uri` and
//! `headers`; its `duration` is in seconds with or without a point.

mod found;
mod keys;

use activity_domain::activity::{Method, ResponseTime};
use activity_domain::error::Invalid;
use activity_domain::time::Timestamp;

use crate::entry::{Entry, address, digits, lossy, response_time, status, user_agent, wrong_value};
use crate::{request, time};
use found::{Found, Scalar};
use keys::Slot;

pub(crate) fn parse(line: &[u8]) -> Result<Entry, Invalid> {
    if !looks_like_json(line) {
        return Err(Invalid::new("is not a JSON object"));
    }
    let text = lossy(line);
    let found = Found::read(&text).map_err(|e| Invalid::new(format!("is not JSON: {e}")))?;
    let host = found.text(Slot::Caller).ok_or_else(|| missing("caller", "remote_addr"))?;
    let (method, endpoint) = call(&found)?;
    Ok(Entry {
        ip: address(&host),
        host: host.into_owned(),
        user: found.text(Slot::User).map(std::borrow::Cow::into_owned),
        at: at(&found)?,
        method,
        endpoint,
        status: status(found.get(Slot::Status).and_then(whole))?,
        response_bytes: size(&found)?,
        user_agent: found.text(Slot::Agent).and_then(|text| user_agent(&text)),
        response_time: duration(&found)?,
    })
}

pub(crate) fn looks_like_json(line: &[u8]) -> bool {
    line.trim_ascii_start().starts_with(b"{")
}

fn call(found: &Found) -> Result<(Method, activity_domain::activity::Endpoint), Invalid> {
    let line = found.text(Slot::Request);
    let parsed = line.as_ref().map(|line| request::parse(line.as_bytes()));
    if let Some(Ok(call)) = parsed {
        return Ok(call);
    }
    let path = found.text(Slot::Target).or_else(|| line.filter(|line| line.starts_with('/')));
    match (found.text(Slot::Method), path, parsed) {
        (Some(method), Some(path), _) => {
            let method = Method::parse(&method).map_err(|reason| wrong_value("method", &reason))?;
            Ok((method, request::endpoint(&path)?))
        }
        (_, _, Some(Err(reason))) => Err(reason),
        _ => Err(missing("request", "request, or request_method and request_uri")),
    }
}

fn at(found: &Found) -> Result<Timestamp, Invalid> {
    match found.get(Slot::Time) {
        Some(Scalar::Text(text)) => time::text(text),
        Some(Scalar::Whole(number)) => time::number(*number as f64),
        Some(Scalar::Fraction(number)) => time::number(*number),
        None => Err(missing("time", "time_iso8601, msec or ts")),
    }
}

fn size(found: &Found) -> Result<Option<u64>, Invalid> {
    let Some(value) = found.get(Slot::Size) else { return Ok(None) };
    let size = whole(value).and_then(|size| u64::try_from(size).ok());
    size.map(Some).ok_or_else(|| Invalid::new("has a size that is not a number of bytes"))
}

fn duration(found: &Found) -> Result<Option<ResponseTime>, Invalid> {
    let seconds = |seconds: f64| {
        ResponseTime::from_millis(seconds * 1_000.0).map_err(|reason| wrong_value("duration", &reason))
    };
    match found.get(Slot::Duration) {
        None => Ok(None),
        Some(Scalar::Whole(number)) if found.by_caddy => seconds(*number as f64).map(Some),
        Some(Scalar::Fraction(number)) => seconds(*number).map(Some),
        Some(Scalar::Whole(number)) => response_time(number.to_string().as_bytes()).map(Some),
        Some(Scalar::Text(text)) => response_time(text.as_bytes()).map(Some),
    }
}

/// A whole number, also where it stands in quotes.
fn whole(value: &Scalar) -> Option<i64> {
    match value {
        Scalar::Whole(number) => Some(*number),
        Scalar::Text(text) => digits(text.as_bytes()).and_then(|number| i64::try_from(number).ok()),
        Scalar::Fraction(_) => None,
    }
}

fn missing(thing: &str, names: &str) -> Invalid {
    Invalid::new(format!("has no {thing} ({names})"))
}
