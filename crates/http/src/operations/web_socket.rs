//! GET /api/ws

use std::collections::BTreeMap;
use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{HOST, ORIGIN, UPGRADE};
use actix_web::{Error, FromRequest, HttpResponse, Responder, web};
use paperclip::actix::OperationModifier;
use paperclip::v2::models::{DefaultOperationRaw, DefaultSchemaRaw};
use paperclip::v2::schema::Apiv2Schema;

use super::prelude::*;
use crate::auth::Streaming;
use crate::dto::SocketParams;
use crate::extract::Query;
use crate::limits;
use crate::live::Live;
use crate::live::incoming::{MAX_MESSAGE, Portioned};
use crate::live::seats::Kind;
use crate::live::socket::Socket;
use crate::live::talk::Talk;
use crate::problem::Problem;

/// Web origins that may call from a browser: exact ones, or `*`.
pub struct Origins(pub Arc<[String]>);

/// Events and usage as they come, by WebSocket.
#[api_v2_operation(
    summary = "WebSocket of events and usage",
    description = "Messages are JSON. `{\"type\":\"subscribe\",\"id\":\"mine\",\"channel\":\"logs\",\"filter\":{\"status\":\"5xx\"}}` is answered by `subscribed`, and then told of as on the stream of Server-Sent Events, with channels, filters and `lastEventId` alike: up to 16 subscriptions, each with its id in every message. `unsubscribe` ends one. What cannot be heeded is answered by `{\"type\":\"error\",\"problem\":{...}}`. Messages are text of at most 16 KiB. A page's origin has to be the server's own or one of CORS_ORIGIN.",
    operation_id = "webSocket",
    tags("Streams")
)]
pub async fn web_socket(
    caller: Streaming,
    upgrade: Upgrade,
    request: HttpRequest,
    params: Query<SocketParams>,
    live: Data<Live>,
    origins: Data<Origins>,
) -> Result<Switched, Problem> {
    let lasting = caller.0;
    limits::noted(&request, live.limits.read(&lasting.caller).await)?;
    let SocketParams { ticket: _ } = params.read()?;
    if !is_allowed(&request, &origins.0) {
        return Err(Problem::forbidden("pages of this origin may not open a WebSocket; see CORS_ORIGIN"));
    }
    let (portioned, mut payload) = Portioned::new(upgrade.0, MAX_MESSAGE);
    let payload =
        web::Payload::from_request(&request, &mut payload).await.map_err(|error| no_handshake(&error))?;
    let (response, session, stream) =
        actix_ws::handle(&request, payload).map_err(|error| no_handshake(&error))?;
    let seat = live.seats.take(&lasting.caller.client.id, Kind::WebSocket)?;
    let guard = live.warden.admit(&lasting);
    let talk = Talk::new(live.into_inner(), request, lasting.caller);
    let socket = Socket::new(session, portioned.messages(stream), talk, guard, seat);
    actix_web::rt::spawn(socket.run());
    Ok(Switched(response))
}

fn no_handshake(error: &Error) -> Problem {
    Problem::new(StatusCode::UPGRADE_REQUIRED, format!("this is a WebSocket (RFC 6455): {error}"))
        .with(UPGRADE, "websocket".to_owned())
}

/// Programs have no origin. A page has to be of this server, or of an origin that is allowed.
fn is_allowed(request: &HttpRequest, origins: &[String]) -> bool {
    let mut given = request.headers().get_all(ORIGIN);
    let Some(origin) = given.next() else { return true };
    let (Ok(origin), None) = (origin.to_str(), given.next()) else { return false };
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let is_own = origin.split_once("://").is_some_and(|(scheme, authority)| {
        matches!(scheme, "http" | "https") && host.is_some_and(|host| host.eq_ignore_ascii_case(authority))
    });
    is_own || origins.iter().any(|allowed| allowed == "*" || allowed == origin)
}

/// A request's connection.
pub struct Upgrade(Payload);

impl FromRequest for Upgrade {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(_: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(Ok(Self(payload.take())))
    }
}

impl Apiv2Schema for Upgrade {}

impl OperationModifier for Upgrade {
    fn update_parameter(_: &mut DefaultOperationRaw) {}
    fn update_definitions(_: &mut BTreeMap<String, DefaultSchemaRaw>) {}
}

/// 101.
pub struct Switched(HttpResponse);

impl Responder for Switched {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.0
    }
}

impl Apiv2Schema for Switched {}

/// Described in [`crate::openapi`].
impl OperationModifier for Switched {
    fn update_response(_: &mut DefaultOperationRaw) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn origins_are_exact() {
        let allowed = ["https://app.example.org".to_owned()];
        let is_allowed = |origin: Option<&str>, host: &str| {
            let mut request = TestRequest::default().insert_header((HOST, host));
            if let Some(origin) = origin {
                request = request.insert_header((ORIGIN, origin));
            }
            is_allowed(&request.to_http_request(), &allowed)
        };
        let host = "api.example.org:8080";
        for good in [None, Some("https://app.example.org"), Some("http://api.example.org:8080")] {
            assert!(is_allowed(good, host), "{good:?}");
        }
        for bad in [
            "null",
            "",
            "http://app.example.org",
            "https://app.example.org:8443",
            "https://app.example.org.evil.test",
            "https://evil.test",
            "http://api.example.org",
            "ftp://api.example.org:8080",
        ] {
            assert!(!is_allowed(Some(bad), host), "{bad}");
        }
    }
}
