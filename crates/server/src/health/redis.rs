//! What Redis has a part in: limits, the cache and the live feed. They go on without it, so that none is vital.

use std::borrow::Cow;

use activity_adapter_redis::WithoutRedis;
use activity_adapter_redis::link::{Link, State};
use activity_http::operations::Check;

use crate::wire::{ByRedis, Far};

/// Who decides about limits.
pub(super) fn limits(by: &ByRedis) -> Check {
    let name = Cow::Borrowed("redis");
    let trouble = trouble(&by.link);
    if trouble.is_none() && by.limiter.is_exact() {
        let detail = match by.limiter.instances() {
            1 => "answers; no other instance shares limits".to_owned(),
            count => format!("answers; {count} instances share limits"),
        };
        return Check { name, ok: true, detail, vital: false };
    }
    let trouble = trouble.unwrap_or_else(|| "answers, and is told what was admitted without it".to_owned());
    let detail = format!("{trouble}; {}", alone(by.without));
    Check { name, ok: false, detail, vital: false }
}

/// What an instance does with limits that it keeps alone.
pub fn alone(without: WithoutRedis) -> &'static str {
    match without {
        WithoutRedis::Share => "each instance keeps its share of limits alone",
        WithoutRedis::Full => "each instance keeps full limits alone",
        WithoutRedis::Closed => "nothing that has a limit is admitted",
    }
}

/// Where computed answers are.
pub(super) fn cache(far: &Far) -> Check {
    let (ok, detail) = match (trouble(&far.link), &far.reader) {
        (Some(trouble), _) => (false, format!("Redis {trouble}; each instance has a cache of its own")),
        (None, Some(reader)) if reader.is_lost() => {
            (false, "shared by Redis, whose read end is lost; the primary is read".to_owned())
        }
        (None, Some(_)) => (true, "shared by Redis, and read at its read end".to_owned()),
        (None, None) => (true, "shared by Redis".to_owned()),
    };
    Check { name: Cow::Borrowed("cache"), ok, detail, vital: false }
}

/// Who tells readers of live streams what other instances accept.
pub(super) fn feed(link: &Link) -> Check {
    let (ok, detail) = match trouble(link) {
        Some(trouble) => (false, format!("Redis {trouble}; readers are told what this instance accepts")),
        None => (true, "shared by Redis".to_owned()),
    };
    Check { name: Cow::Borrowed("feed"), ok, detail, vital: false }
}

/// What is wrong with a connection, and for how long. Words of Redis may name keys and addresses: they are in the log.
fn trouble(link: &Link) -> Option<String> {
    match link.state() {
        State::Lost(_) => Some(format!("is lost for {} s", link.lasts().as_secs())),
        State::Up(_) => link.refusal().map(|code| format!("answers and refuses ({code})")),
    }
}
