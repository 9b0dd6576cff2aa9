//! The audit trail: headers and bodies of an event, without secrets, cut, and sealed.
//!
//! It is sealed here, where it comes in, so that it is in clear nowhere else: not in the spool, not in
//! the database, not in what is set aside.
//!
//! | Module | Holds |
//! |---|---|
//! | `names` | names whose value is a secret |
//! | `patterns` | secrets that are known by their looks |
//! | `text`, `json` | both, applied to text and to JSON |
//! | `budget` | what is too long, cut |

mod budget;
mod json;
mod names;
mod patterns;
#[cfg(test)]
mod tests;
mod text;

use std::sync::Arc;

use activity_domain::activity::Activity;
use activity_domain::audit::{Sealed, context};
use activity_domain::error::{Invalid, Unopened};
use activity_domain::port::Vault;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::budget::Budget;
use crate::dto::{AuditTrail, Event, Json, JsonObject};
use crate::problem::brief;

/// The most that `AUDIT_MAX_BYTES` may be: three fields of it, sealed, fit into a record of the spool.
pub const MAX_BYTES: usize = 16 * 1024;

/// How much more than what is kept is searched for secrets.
const MARGIN: usize = 8;

/// The field of the headers.
const HEADERS: &str = "requestHeaders";

const _: () = assert!(3 * MAX_BYTES + 1_024 <= Sealed::MAX);

/// What is kept of an event's headers and bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capture {
    /// The headers.
    Headers,
    /// The headers and both bodies.
    Full,
}

/// Keeps audit trails, and shows them again.
#[derive(Clone)]
pub struct Audit {
    keep: Option<Keep>,
    vault: Option<Arc<dyn Vault>>,
}

#[derive(Clone)]
struct Keep {
    capture: Capture,
    max_bytes: usize,
    vault: Arc<dyn Vault>,
}

impl Audit {
    /// Keeps nothing; what was kept before can be shown if there is a vault.
    pub fn off(vault: Option<Arc<dyn Vault>>) -> Self {
        Self { keep: None, vault }
    }

    /// Keeps this much, of each field at most so many bytes of JSON (and at most [`MAX_BYTES`]).
    pub fn keeping(capture: Capture, max_bytes: usize, vault: Arc<dyn Vault>) -> Self {
        let keep = Keep { capture, max_bytes: max_bytes.min(MAX_BYTES), vault: vault.clone() };
        Self { keep: Some(keep), vault: Some(vault) }
    }

    /// What is to be kept of an event, taken out of it as it was sent.
    pub fn wanted(&self, event: &mut Event) -> Option<Sent> {
        let bodies = self.keep.as_ref()?.capture == Capture::Full;
        let request_headers = event.request_headers.take();
        let body = |body: &mut Option<Json>| if bodies { body.take() } else { None };
        let (request_body, response_body) = (body(&mut event.request_body), body(&mut event.response_body));
        let is_empty = request_headers.is_none() && request_body.is_none() && response_body.is_none();
        (!is_empty).then_some(Sent { request_headers, request_body, response_body })
    }

    /// Seals what was sent for the activity that it belongs to. It is much work: up to a millisecond for each
    /// event. An error comes with its field.
    pub fn seal(&self, sent: &Sent, activity: &Activity) -> Result<Option<Sealed>, (&'static str, Invalid)> {
        let Some(keep) = &self.keep else { return Ok(None) };
        let Some(trail) = keep.trail(sent)? else { return Ok(None) };
        let plain = serde_json::to_vec(&trail).map_err(|error| ("", Invalid::new(error.to_string())))?;
        let context = context(&activity.client, activity.id, activity.at);
        keep.vault.seal(&plain, &context).map(Some).map_err(|error| ("", error))
    }

    /// The trail of an activity, if it has one.
    pub fn reveal(&self, activity: &Activity) -> Option<AuditTrail> {
        match &self.vault {
            Some(vault) => reveal(vault.as_ref(), activity),
            None => activity.audit.as_ref().map(|_| unreadable("this server has no ENCRYPTION_KEY")),
        }
    }
}

/// The trail of an activity, if it has one. Where it does not open, it says so.
pub fn reveal(vault: &dyn Vault, activity: &Activity) -> Option<AuditTrail> {
    let sealed = activity.audit.as_ref()?;
    let plain = match vault.open(sealed, &context(&activity.client, activity.id, activity.at)) {
        Ok(plain) => plain,
        Err(error @ Unopened::NoKey(_)) => {
            return Some(unreadable(&format!("{error}; add it to ENCRYPTION_KEY")));
        }
        Err(error @ Unopened::Altered) => return Some(unreadable(&error.to_string())),
    };
    let trail: Result<Opened, _> = serde_json::from_slice(&plain);
    Some(trail.map_or_else(|_| unreadable("its form is not known to this version"), AuditTrail::from))
}

/// Headers and bodies as they were sent, with all that is secret in them: nothing shows or writes it.
pub struct Sent {
    request_headers: Option<JsonObject>,
    request_body: Option<Json>,
    response_body: Option<Json>,
}

/// A trail as it is sealed.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Trail {
    #[serde(skip_serializing_if = "Option::is_none")]
    request_headers: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_body: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_body: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    truncated: Vec<String>,
}

/// The same as it is opened: what it holds stays text, because a tree of values could take a hundred times
/// the memory.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Opened {
    request_headers: Option<JsonObject>,
    request_body: Option<Json>,
    response_body: Option<Json>,
    truncated: Vec<String>,
}

impl Keep {
    /// `None` if there was room for nothing.
    fn trail(&self, sent: &Sent) -> Result<Option<Trail>, (&'static str, Invalid)> {
        let mut trail = Trail::default();
        if let Some(headers) = &sent.request_headers
            && let Some(Value::Object(headers)) = self.take(headers.text(), HEADERS, &mut trail.truncated)?
        {
            trail.request_headers = Some(headers);
        }
        let mut body = |body: &Option<Json>, field| match body {
            Some(body) => self.take(body.0.get(), field, &mut trail.truncated),
            None => Ok(None),
        };
        (trail.request_body, trail.response_body) =
            (body(&sent.request_body, "requestBody")?, body(&sent.response_body, "responseBody")?);
        let is_empty =
            trail.request_headers.is_none() && trail.request_body.is_none() && trail.response_body.is_none();
        Ok((!is_empty).then_some(trail))
    }

    /// Without secrets first, then cut: a cut could leave half of one, which nobody would know again. Of what
    /// is far behind that cut no value is made, so that megabytes take no more memory than what is near it.
    fn take(
        &self,
        text: &str,
        field: &'static str,
        truncated: &mut Vec<String>,
    ) -> Result<Option<Value>, (&'static str, Invalid)> {
        let mut near = Budget::new(MARGIN * self.max_bytes);
        let value = near
            .read(text)
            .map_err(|error| (field, Invalid::new(format!("cannot be read: {}", brief(error)))))?;
        let mut budget = Budget::new(self.max_bytes);
        let value = value.and_then(|value| budget.fit(json::clean(value)));
        if near.is_cut() || budget.is_cut() {
            truncated.push(field.to_owned());
        }
        Ok(value)
    }
}

impl From<Opened> for AuditTrail {
    fn from(trail: Opened) -> Self {
        Self {
            request_headers: trail.request_headers.map(JsonObject::shown),
            request_body: trail.request_body,
            response_body: trail.response_body,
            truncated: trail.truncated,
            unreadable: None,
        }
    }
}

fn unreadable(reason: &str) -> AuditTrail {
    AuditTrail { unreadable: Some(reason.to_owned()), ..AuditTrail::from(Opened::default()) }
}
