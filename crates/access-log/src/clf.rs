//! The common formats: fields between spaces, brackets and quotes, as Apache and nginx write them.

use activity_domain::error::Invalid;

use crate::entry::{Entry, address, digits, lossy, present, response_time, status, user_agent};
use crate::fields::Fields;
use crate::request;

/// What follows the size of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Nothing.
    Common,
    /// Referer and user agent.
    Combined,
    /// Referer, user agent and duration.
    CombinedDuration,
}

pub(crate) fn parse(line: &[u8], tail: Tail) -> Result<Entry, Invalid> {
    let mut fields = Fields::new(line);
    let host = lossy(fields.bare("client")?).into_owned();
    fields.bare("identity")?;
    let (user, at) = fields.user_and_time()?;
    let (method, endpoint) = request::parse(fields.quoted("request")?)?;
    let status = status(digits(fields.bare("status")?).and_then(|code| i64::try_from(code).ok()))?;
    let response_bytes = size(fields.bare("size of the answer")?)?;
    let mut entry = Entry {
        ip: address(&host),
        host,
        user: present(user).map(|user| lossy(user).into_owned()),
        at,
        method,
        endpoint,
        status,
        response_bytes,
        user_agent: None,
        response_time: None,
    };
    if tail != Tail::Common {
        fields.quoted("referer")?;
        entry.user_agent = present(fields.quoted("user agent")?).and_then(|text| user_agent(&lossy(text)));
        while fields.starts_quoted() {
            fields.quoted("further field")?;
        }
    }
    if tail == Tail::CombinedDuration {
        entry.response_time = present(fields.bare("duration")?).map(response_time).transpose()?;
    }
    if fields.is_empty() { Ok(entry) } else { Err(surplus(tail)) }
}

fn size(text: &[u8]) -> Result<Option<u64>, Invalid> {
    let parse = |text| digits(text).ok_or_else(|| Invalid::new("has a size that is not a number of bytes"));
    present(text).map(parse).transpose()
}

fn surplus(tail: Tail) -> Invalid {
    Invalid::new(match tail {
        Tail::Common => "goes on after the size; is the format combined?",
        Tail::Combined => "goes on after the user agent; is the format combined-duration?",
        Tail::CombinedDuration => "goes on after the duration",
    })
}
