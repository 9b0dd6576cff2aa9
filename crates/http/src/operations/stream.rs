//! GET /api/usage/stream

use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderName};
use actix_web::{HttpResponse, Responder};
use paperclip::actix::OperationModifier;
use paperclip::v2::models::DefaultOperationRaw;
use paperclip::v2::schema::Apiv2Schema;

use super::prelude::*;
use crate::auth::Streaming;
use crate::dto::{FilterDto, StreamParams};
use crate::extract::Query;
use crate::limits;
use crate::live::Live;
use crate::live::reading::Reading;
use crate::live::seats::Kind;
use crate::live::sse::Events;
use crate::live::wish::{Asked, Source, Wish};
use crate::problem::Problem;

const LAST_EVENT_ID: &str = "last-event-id";

/// Events and usage as they come.
#[api_v2_operation(
    summary = "Stream of events and usage",
    description = "Server-Sent Events: `connected` first, then `log:new` for every event that is accepted, at least once, and `usage:daily:update` (the last 7 days of UTC), `usage:top:update` (the last 24 hours; not for clients) and `rate-limit:update` (the caller's own) whenever these change, at most once a second. A reader that is too slow is told by `lagged` how many events it missed. With the id of the last event, in Last-Event-ID or `lastEventId`, a stream goes on behind it. `closed` says why it ends. A client sees its own; services and admins see everybody's or one client's.",
    operation_id = "usageStream",
    tags("Streams")
)]
pub async fn stream(
    caller: Streaming,
    request: HttpRequest,
    params: Query<StreamParams>,
    live: Data<Live>,
) -> Result<EventStream, Problem> {
    let lasting = caller.0;
    limits::noted(&request, live.limits.read(&lasting.caller).await)?;
    let asked = asked(params.read()?, &request)?;
    let wish = Wish::parse(asked, &lasting.caller, &live.access, Source::Query).await?;
    let seat = live.seats.take(&lasting.caller.client.id, Kind::Sse)?;
    let reading = Reading::open(&live, &wish, &lasting.caller)?;
    let guard = live.warden.admit(&lasting);
    Ok(EventStream(Events::new(reading, guard, seat, &wish.confirmed())))
}

/// A browser that comes back by itself says in the header where it was; its URL is still the first one.
fn asked(params: StreamParams, request: &HttpRequest) -> Result<Asked, Problem> {
    let header = request.headers().get(LAST_EVENT_ID).map(|value| value.to_str());
    let header = header.transpose();
    let header = header.map_err(|_| Problem::invalid("?lastEventId", "Last-Event-ID is not an id"))?;
    let StreamParams { channel, client_id, endpoint, method, status, last_event_id, ticket: _ } = params;
    Ok(Asked {
        channel,
        filter: FilterDto { client_id, endpoint, method, status },
        last_event_id: header.map(str::to_owned).or(last_event_id),
    })
}

/// The answer that goes on.
pub struct EventStream(Events);

impl Responder for EventStream {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, "text/event-stream"))
            .insert_header((CACHE_CONTROL, "no-store, no-transform"))
            // Proxies are not to hold it back, nor to compress it.
            .insert_header((HeaderName::from_static("x-accel-buffering"), "no"))
            .insert_header((CONTENT_ENCODING, "identity"))
            .streaming(Box::pin(self.0.into_body()))
    }
}

impl Apiv2Schema for EventStream {}

/// Described in [`crate::openapi`].
impl OperationModifier for EventStream {
    fn update_response(_: &mut DefaultOperationRaw) {}
}
