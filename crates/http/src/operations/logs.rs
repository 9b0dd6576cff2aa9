//! POST /api/logs

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use activity_domain::activity::{Activity, AgePolicy};
use activity_domain::address::AddressPrivacy;
use activity_domain::port::{Clock, Receipt, Recorder};
use activity_domain::service::{Access, Limits};
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use actix_web::{HttpResponse, Responder};
use paperclip::actix::OperationModifier;
use paperclip::v2::models::{DefaultOperationRaw, DefaultSchemaRaw, Either, Response};
use paperclip::v2::schema::Apiv2Schema;

use super::events::{Checks, Items, Rejection, parse, split};
use super::prelude::*;
use super::sealing::{Unsealed, seal};
use crate::audit::Audit;
use crate::auth::Authenticated;
use crate::body::Body;
use crate::dto::{Event, LogsResponse, RejectedEvent};
use crate::extract::{Events, EventsBody};
use crate::limits::{noted, refund, tell_spent};
use crate::problem::{FieldError, Problem};

/// The longest that `Prefer: wait` waits, in seconds.
const MAX_WAIT: u64 = 10;
/// How many reasons a request gets of which nothing could be taken.
const MAX_REASONS: usize = 100;

/// What events have to keep to.
#[derive(Clone)]
pub struct EventsPolicy {
    /// How old they may be ...
    pub ages: AgePolicy,
    /// ... by this clock, which also dates those that have no time of their own.
    pub clock: Arc<dyn Clock>,
    /// What is kept of their headers and bodies.
    pub audit: Audit,
    /// What is kept of their addresses.
    pub addresses: AddressPrivacy,
}

/// Records events durably.
#[api_v2_operation(
    summary = "Record events",
    description = "One event, an array, or one per line (application/x-ndjson); gzip or zstd; up to 10,000 events and 10 MB. Answered 202 once the events are on disk: from then on they survive a crash. `Prefer: wait=5` asks to wait until they are in the database: 201. One bad event never sinks the others. Costs each of a client's quotas the number of good events that fall under it, all or nothing.",
    operation_id = "postLogs",
    tags("Events")
)]
pub async fn post_logs(
    caller: Authenticated,
    body: EventsBody,
    request: HttpRequest,
    access: Data<Access>,
    recorder: Data<Arc<dyn Recorder>>,
    policy: Data<EventsPolicy>,
    limits: Data<Limits>,
) -> Result<Recorded, Problem> {
    let Events { media, body } = body.read(&caller.0.client.id).await?;
    let checks = Checks {
        caller: &caller.0,
        access: &access,
        ages: policy.ages,
        now: policy.clock.now(),
        known: RefCell::default(),
        is_cut_off: Cell::default(),
    };
    let mut sorted = Sorted::default();
    match split(media, &body.bytes)? {
        Items::One(item) => {
            sorted.is_one = true;
            sorted.add(&checks, &policy.audit, 0, item).await?;
        }
        Items::Many(items) => {
            for (index, item) in items.iter().enumerate() {
                sorted.add(&checks, &policy.audit, index, item).await?;
            }
        }
    }
    sorted.has_good()?;
    sorted.good.activities.iter_mut().for_each(|activity| policy.addresses.apply(activity));
    // The events take the place of the bytes that they were made from, until they are on disk.
    let Body { bytes, room } = body;
    drop(bytes);
    // What has no quota left must not get as far as the work of sealing.
    let spent = noted(&request, limits.record(&caller.0, &sorted.good.activities).await)?;
    tell_spent(&request, &caller.0);
    match seal(&policy.audit, std::mem::take(&mut sorted.good)).await {
        Ok((good, unsealable)) => {
            sorted.good = good;
            for (index, rejection) in unsealable {
                sorted.refuse(index, rejection);
            }
        }
        Err(problem) => {
            refund(&request, &limits, spent).await;
            return Err(problem);
        }
    }
    sorted.has_good()?;
    let (activities, rejected) = sorted.into_parts();
    let wishes = Wishes::of(request.headers());
    let response = LogsResponse {
        accepted: activities.len() as u64,
        rejected,
        ids: wishes.ids.then(|| activities.iter().map(|a| a.id.0.to_string()).collect()),
    };
    let receipt = match recorder.record(activities).await {
        Ok(receipt) => receipt,
        Err(error) => {
            refund(&request, &limits, spent).await;
            return Err(error.into());
        }
    };
    drop(room);
    let stored = wait(&recorder, receipt, wishes.wait).await;
    Ok(Recorded { stored, response })
}

/// The events of a request: each is taken or not, unless none can be.
#[derive(Default)]
struct Sorted {
    good: Unsealed,
    bad: Vec<(usize, Rejection)>,
    /// A single event: what is wrong with it is wrong with the request.
    is_one: bool,
}

impl Sorted {
    async fn add(
        &mut self,
        checks: &Checks<'_>,
        audit: &Audit,
        index: usize,
        item: &[u8],
    ) -> Result<(), Problem> {
        let checked = match parse(item) {
            Ok(mut event) => {
                checks.activity(&event).await?.map(|activity| (activity, audit.wanted(&mut event)))
            }
            Err(rejection) => Err(rejection),
        };
        match checked {
            Ok((activity, sent)) => self.good.push(index, activity, sent),
            Err(rejection) => self.refuse(index, rejection),
        }
        Ok(())
    }

    fn refuse(&mut self, index: usize, rejection: Rejection) {
        self.bad.push((index, rejection));
    }

    /// The problem of a request of which nothing can be taken.
    fn has_good(&mut self) -> Result<(), Problem> {
        if !self.good.activities.is_empty() {
            return Ok(());
        }
        self.bad.sort_by_key(|(index, _)| *index);
        let mut bad = std::mem::take(&mut self.bad).into_iter();
        if self.is_one
            && let Some((_, rejection)) = bad.next()
        {
            return Err(if rejection.is_syntax {
                Problem::malformed(format!("the body {}", rejection.detail))
            } else {
                Problem::invalid(rejection.pointer("#"), rejection.detail)
            });
        }
        let detail = if bad.len() == 0 { "there are no events" } else { "no event could be taken" };
        let error = |(index, rejection): (usize, Rejection)| {
            let pointer = rejection.pointer(&format!("#/{index}"));
            FieldError { pointer, detail: rejection.detail }
        };
        Err(Problem::invalid_fields(detail, bad.take(MAX_REASONS).map(error).collect()))
    }

    fn into_parts(mut self) -> (Vec<Activity>, Vec<RejectedEvent>) {
        self.bad.sort_by_key(|(index, _)| *index);
        let rejected = self
            .bad
            .iter()
            .map(|(index, rejection)| RejectedEvent { index: *index as u64, detail: rejection.sentence() });
        (self.good.activities, rejected.collect())
    }
}

async fn wait(recorder: &Data<Arc<dyn Recorder>>, receipt: Receipt, seconds: Option<u64>) -> bool {
    let Some(seconds) = seconds else { return false };
    tokio::time::timeout(Duration::from_secs(seconds), recorder.stored(receipt)).await.is_ok()
}

/// What the caller prefers (RFC 7240).
#[derive(Debug, Default, PartialEq, Eq)]
struct Wishes {
    wait: Option<u64>,
    ids: bool,
}

impl Wishes {
    fn of(headers: &HeaderMap) -> Self {
        let mut wishes = Self::default();
        for value in headers.get_all("prefer").filter_map(|v| v.to_str().ok()) {
            for preference in value.split(',').map(str::trim) {
                match preference.split_once('=') {
                    Some(("wait", seconds)) => {
                        wishes.wait = seconds.parse().ok().map(|s: u64| s.min(MAX_WAIT));
                    }
                    Some(("return", "representation")) => wishes.ids = true,
                    // Preferences that are not known are to be ignored.
                    _ => {}
                }
            }
        }
        wishes
    }
}

/// 202 once durable, 201 once stored.
pub struct Recorded {
    stored: bool,
    response: LogsResponse,
}

impl Responder for Recorded {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let status = if self.stored { StatusCode::CREATED } else { StatusCode::ACCEPTED };
        HttpResponse::build(status).json(self.response)
    }
}

impl Apiv2Schema for Recorded {}

impl OperationModifier for Recorded {
    fn update_response(operation: &mut DefaultOperationRaw) {
        for (status, description) in
            [("201", "Stored in the database"), ("202", "Durable on this node's disk")]
        {
            let mut schema = LogsResponse::schema_with_ref();
            schema.retain_ref();
            let response = Response {
                description: Some(description.into()),
                schema: Some(schema),
                ..Response::default()
            };
            operation.responses.insert(status.into(), Either::Right(response));
        }
    }

    fn update_definitions(map: &mut BTreeMap<String, DefaultSchemaRaw>) {
        Json::<LogsResponse>::update_definitions(map);
    }
}

impl Apiv2Schema for EventsBody {}

/// One event stands for all forms here; [`crate::openapi`] adds the others.
impl OperationModifier for EventsBody {
    fn update_parameter(operation: &mut DefaultOperationRaw) {
        Json::<Event>::update_parameter(operation);
    }

    fn update_definitions(map: &mut BTreeMap<String, DefaultSchemaRaw>) {
        Json::<Event>::update_definitions(map);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    #[test]
    fn preferences_are_read_and_bounded() {
        let wishes = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static("prefer"), HeaderValue::from_static(text));
            Wishes::of(&headers)
        };
        assert_eq!(wishes("wait=5"), Wishes { wait: Some(5), ids: false });
        assert_eq!(wishes("respond-async, wait=99"), Wishes { wait: Some(10), ids: false });
        assert_eq!(wishes("return=representation,wait=x"), Wishes { wait: None, ids: true });
    }
}
