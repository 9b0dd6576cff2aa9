//! Limits on the wire: the `RateLimit` headers of draft-ietf-httpapi-ratelimit-headers-11, their older
//! X- cousins, and the answer to a call that is over.

use std::fmt::Write;
use std::mem;
use std::sync::Arc;

use activity_domain::client::Role;
use activity_domain::limit::{QuotaName, QuotaState};
use activity_domain::port::Clock;
use activity_domain::service::{Caller, Limited, Limits, Spent};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpMessage, HttpRequest, web};

use crate::live::Live;
use crate::problem::Problem;
use crate::turns::Turns;

/// The problem type of a call that is over a quota, as that draft names it.
const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";

/// What an answer's headers say of quotas, on its way there from an operation.
struct Noted {
    states: Vec<QuotaState>,
    would_refuse: Vec<QuotaName>,
}

/// Moves where quotas stand to the answer's headers; gives back what was spent, or the problem.
pub fn noted(request: &HttpRequest, result: Result<Spent, Limited>) -> Result<Spent, Problem> {
    match result {
        Ok(mut spent) => {
            note(request, mem::take(&mut spent.states), mem::take(&mut spent.would_refuse));
            Ok(spent)
        }
        Err(Limited::Later { states, by, retry_after_seconds }) => {
            note(request, states, Vec::new());
            let name = by.as_str();
            let detail = format!("the quota {name:?} is used up; try again in {retry_after_seconds} s");
            Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, detail)
                .of_type(QUOTA_EXCEEDED)
                .retry_after(retry_after_seconds))
        }
        Err(Limited::Never(quota)) => {
            let (name, limit) = (quota.name.as_str(), quota.limit.get());
            let detail = format!(
                "a request can never cost more than {limit}, the limit of the quota {name:?}; send it in parts"
            );
            Err(Problem::invalid_fields(detail, Vec::new()))
        }
    }
}

/// Gives back what a call spent that then could not be served. Its answer says nothing of quotas: where
/// they were noted to stand is not so any more.
pub async fn refund(request: &HttpRequest, limits: &Limits, spent: Spent) {
    request.extensions_mut().remove::<Noted>();
    limits.refund(spent).await;
}

/// Takes a read from the caller's quota and waits for its turn, which lasts as long as the request.
pub async fn read(request: &HttpRequest, limits: &Limits, caller: &Caller) -> Result<(), Problem> {
    noted(request, limits.read(caller).await)?;
    if caller.role() == Role::Client
        && let Some(turns) = request.app_data::<web::Data<Turns>>()
    {
        let turn = turns.wait(&caller.client.id).await?;
        request.extensions_mut().insert(turn);
    }
    Ok(())
}

/// Tells those who follow a caller's quotas that it spent some.
pub fn tell_spent(request: &HttpRequest, caller: &Caller) {
    if caller.role() == Role::Client
        && let Some(live) = request.app_data::<web::Data<Live>>()
    {
        live.topics.spent(&caller.client.id);
    }
}

fn note(request: &HttpRequest, states: Vec<QuotaState>, would_refuse: Vec<QuotaName>) {
    if !states.is_empty() {
        request.extensions_mut().insert(Noted { states, would_refuse });
    }
}

/// Writes what was noted into the answer. The X- headers have room for one quota: the first, which is
/// `default` for events.
pub fn write(request: &HttpRequest, headers: &mut HeaderMap) {
    let Some(Noted { states, would_refuse }) = request.extensions_mut().remove() else { return };
    let now = request
        .app_data::<web::Data<Arc<dyn Clock>>>()
        .map_or(0, |clock| clock.now().as_micros() / 1_000_000);
    let (mut policy, mut state) = (String::with_capacity(48), String::with_capacity(48));
    for s in &states {
        let (name, separator) = (s.quota.name.as_str(), if policy.is_empty() { "" } else { ", " });
        // Writing to a string cannot fail.
        let _ =
            write!(policy, "{separator}\"{name}\";q={};w={}", s.quota.limit.get(), s.quota.window.seconds());
        let _ = write!(state, "{separator}\"{name}\";r={};t={}", s.remaining, s.reset_seconds);
    }
    set(headers, POLICY, policy);
    set(headers, STATE, state);
    if let Some(first) = states.first() {
        headers.insert(LIMIT, first.quota.limit.get().into());
        headers.insert(REMAINING, first.remaining.into());
        headers.insert(RESET, (now + first.reset_seconds.cast_signed()).into());
    }
    if !would_refuse.is_empty() {
        let names: Vec<String> = would_refuse.iter().map(|name| format!("\"{}\"", name.as_str())).collect();
        set(headers, SHADOW, names.join(", "));
    }
}

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");
const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
/// Not a draft's: the shadow quotas that would have refused.
const SHADOW: HeaderName = HeaderName::from_static("x-ratelimit-shadow");

fn set(headers: &mut HeaderMap, name: HeaderName, value: String) {
    // Names of quotas and numbers are legal in a header.
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}
