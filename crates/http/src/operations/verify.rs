//! GET and POST /api/verify, and what Envoy makes of it

use std::sync::Arc;

use activity_domain::activity::{Activity, Status, Text};
use activity_domain::id::ActivityId;
use activity_domain::port::Recorder;
use activity_domain::service::{Access, Caller, Limits};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, USER_AGENT};
use actix_web::web::Path;
use actix_web::{HttpResponse, Responder};
use paperclip::actix::OperationModifier;
use paperclip::v2::models::{DefaultOperationRaw, Either, Response};
use paperclip::v2::schema::Apiv2Schema;

use super::EventsPolicy;
use super::prelude::*;
use crate::auth::Presented;
use crate::dto::VerifyParams;
use crate::extract::Query;
use crate::limits::{noted, refund};
use crate::original::OriginalCall;
use crate::peer;
use crate::problem::Problem;
use crate::request::new_id;

/// Who calls, for the service behind the gateway.
const CLIENT_ID: HeaderName = HeaderName::from_static("x-client-id");
/// The id under which the finished call may be recorded, or is.
const ACTIVITY_ID: HeaderName = HeaderName::from_static("x-activity-id");
/// What the answer would have been.
const STATUS: HeaderName = HeaderName::from_static("x-verify-status");

/// May this caller pass?
#[api_v2_operation(
    summary = "Ask for a gateway whether a caller may pass",
    description = "Forward-auth for nginx, Caddy, Traefik and the like: the caller's own key or token in; out comes 200 with X-Client-Id and X-Activity-Id, or 401, 403, 429. Takes one from the caller's quotas. The path and method that are asked about come from X-Original-URI and X-Original-Method, or X-Forwarded-Uri and X-Forwarded-Method, and are believed from TRUSTED_PROXIES only. A service may post the finished event under the X-Activity-Id, at no further cost.",
    operation_id = "verify",
    tags("Gateways")
)]
pub async fn verify(
    presented: Presented,
    request: HttpRequest,
    params: Query<VerifyParams>,
    access: Data<Access>,
    limits: Data<Limits>,
    recorder: Data<Arc<dyn Recorder>>,
    policy: Data<EventsPolicy>,
) -> Result<Passed, Problem> {
    let params = params.read();
    let is_no_by_403 = params.as_ref().is_ok_and(|params| params.deny == Some(403));
    let answer = async {
        // A wrong parameter is the gateway's mistake: whoever is not let in need not hear of it.
        let (caller, params) = (presented.0?, params?);
        if params.deny.is_some_and(|deny| deny != 403) {
            return Err(Problem::invalid("?deny", "must be 403"));
        }
        let original = OriginalCall::of_headers(&request)?;
        if !params.record.unwrap_or_default() {
            return pass(&request, &caller, &original, &limits).await;
        }
        if access.root(&caller.client.id).is_some() {
            let detail = "the configured admin is nobody's client: calls to the API need a key of a client";
            return Err(Problem::forbidden(detail));
        }
        let activity = activity(&request, &caller, original, &policy)?;
        pass_and_record(&request, &caller, activity, &limits, recorder.as_ref().as_ref()).await
    };
    answer.await.map_err(|problem| if is_no_by_403 { no_by_403(problem) } else { problem })
}

/// The same for Envoy, which sends the original method and has the path behind a prefix: `/api/verify/things?x=1`.
/// The query is the caller's, so that there are no parameters.
pub async fn verify_path(
    presented: Presented,
    request: HttpRequest,
    path: Path<String>,
    limits: Data<Limits>,
) -> Result<Passed, Problem> {
    let caller = presented.0?;
    pass(&request, &caller, &OriginalCall::of_path(&request, &path)?, &limits).await
}

/// nginx takes 401 and 403 for a no, and everything else for a failure of its own.
fn no_by_403(problem: Problem) -> Problem {
    let status = problem.status();
    let problem = problem.with(STATUS, status.as_u16().to_string());
    if status == StatusCode::UNAUTHORIZED { problem } else { problem.answered_as(StatusCode::FORBIDDEN) }
}

async fn pass(
    request: &HttpRequest,
    caller: &Caller,
    original: &OriginalCall,
    limits: &Limits,
) -> Result<Passed, Problem> {
    noted(request, limits.call(caller, original.endpoint.as_ref()).await)?;
    Ok(Passed::new(caller, ActivityId(new_id())))
}

async fn pass_and_record(
    request: &HttpRequest,
    caller: &Caller,
    activity: Activity,
    limits: &Limits,
    recorder: &dyn Recorder,
) -> Result<Passed, Problem> {
    let spent = noted(request, limits.call(caller, Some(&activity.endpoint)).await)?;
    let passed = Passed::new(caller, activity.id);
    match recorder.record(vec![activity]).await {
        Ok(_) => Ok(passed),
        Err(error) => {
            refund(request, limits, spent).await;
            Err(error.into())
        }
    }
}

/// A call that is about to be made: nobody knows yet how it ends.
fn activity(
    request: &HttpRequest,
    caller: &Caller,
    original: OriginalCall,
    policy: &EventsPolicy,
) -> Result<Activity, Problem> {
    let OriginalCall { endpoint: Some(endpoint), method: Some(method) } = original else {
        let detail = "to record a call, its path and method are needed from a gateway that is in TRUSTED_PROXIES: \
                      X-Original-URI and X-Original-Method, or X-Forwarded-Uri and X-Forwarded-Method";
        return Err(Problem::invalid("?record", detail));
    };
    let agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
    Ok(Activity {
        client: caller.client.id.clone(),
        id: ActivityId(new_id()),
        at: policy.clock.now(),
        endpoint,
        method,
        status: Status::UNKNOWN,
        response_time: None,
        ip: Some(policy.addresses.of(peer::address(request))),
        user_agent: agent.and_then(|agent| Text::parse(agent).ok()),
        request_bytes: None,
        response_bytes: None,
        error_message: None,
        metadata: None,
        audit: None,
    })
}

/// The caller may pass.
pub struct Passed {
    client: Arc<activity_domain::client::Client>,
    id: ActivityId,
}

impl Passed {
    fn new(caller: &Caller, id: ActivityId) -> Self {
        Self { client: caller.client.clone(), id }
    }
}

impl Responder for Passed {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let mut id = uuid::Uuid::encode_buffer();
        HttpResponse::Ok()
            .insert_header((CLIENT_ID, self.client.id.as_str()))
            .insert_header((ACTIVITY_ID, &*self.id.0.hyphenated().encode_lower(&mut id)))
            .finish()
    }
}

impl Apiv2Schema for Passed {}

impl OperationModifier for Passed {
    fn update_response(operation: &mut DefaultOperationRaw) {
        let response = Response { description: Some("The caller may pass.".into()), ..Response::default() };
        operation.responses.insert("200".into(), Either::Right(response));
    }
}
