//! POST /api/stream-tickets

use std::sync::Arc;

use activity_domain::id::TicketId;
use activity_domain::port::Clock;
use activity_domain::service::Limits;

use super::prelude::*;
use crate::auth::Lasting;
use crate::dto::TicketResponse;
use crate::limits;
use crate::problem::Problem;
use crate::request::new_id;
use crate::ticket::Tickets;

/// A ticket for one stream.
#[api_v2_operation(
    summary = "Get a ticket for a stream",
    description = "For browsers, which cannot set headers on an EventSource or a WebSocket: opens one stream, once, within 30 seconds, on any instance, as `?ticket=`. The stream is that of the caller and ends with the caller's key or token. To reconnect, get a new one.",
    operation_id = "issueStreamTicket",
    tags("Streams")
)]
pub async fn issue_stream_ticket(
    caller: Lasting,
    request: HttpRequest,
    tickets: Data<Tickets>,
    clock: Data<Arc<dyn Clock>>,
    limits: Data<Limits>,
) -> Result<Json<TicketResponse>, Problem> {
    let Lasting { caller, ends } = caller;
    limits::noted(&request, limits.read(&caller).await)?;
    let (ticket, expires_at) = tickets
        .issue(TicketId(new_id()), &caller, ends, clock.now())
        .ok_or_else(|| Problem::unavailable("no ticket could be signed", 1))?;
    Ok(Json(TicketResponse { ticket, expires_at: expires_at.to_string() }))
}
