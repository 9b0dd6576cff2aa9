//! What a middleware records of a request.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;

use crate::event::Event;
use crate::reporter::Reporter;

/// A request that nobody waited for to the end: nginx's number for it.
const GIVEN_UP: u16 = 499;

/// Records requests with a reporter. A reporter with a client's key reports all of them as that client's own; one with
/// a service's key has to know whose they are.
#[derive(Clone)]
pub struct Recording {
    reporter: Reporter,
    client_header: Option<Arc<str>>,
}

impl Recording {
    /// Every request is of the client whose key the reporter has.
    pub fn own(reporter: Reporter) -> Self {
        Self { reporter, client_header: None }
    }

    /// Whose a request is says a header that your gateway sets (`X-Client-Id`). Requests without it are not recorded.
    /// With `X-Activity-Id` beside it, the request is recorded under the id that it was let pass with.
    pub fn behind_gateway(reporter: Reporter) -> Self {
        Self::by_header(reporter, "x-client-id")
    }

    /// The same with a header of another name.
    pub fn by_header(reporter: Reporter, name: &str) -> Self {
        Self { reporter, client_header: Some(name.into()) }
    }

    /// Begins to record a request; `None` if nobody can say whose it is. `header` reads a request's header.
    pub fn begin<'a>(
        &self,
        request: &Seen<'a>,
        header: impl Fn(&str) -> Option<&'a str>,
    ) -> Option<Recorded> {
        let client_id = match &self.client_header {
            Some(name) => Some(header(name)?.to_owned()),
            None => None,
        };
        let mut event = Event::new(request.method, request.endpoint, GIVEN_UP);
        let given =
            header("x-activity-id").filter(|_| client_id.is_some()).and_then(|id| Uuid::parse_str(id).ok());
        if let Some(id) = given.filter(|id| id.get_version_num() == 7) {
            event.id = id;
        }
        event.client_id = client_id;
        event.ip_address = request.peer;
        event.user_agent = header("user-agent").map(str::to_owned);
        event.request_bytes = header("content-length").and_then(|length| length.parse().ok());
        Some(Recorded { reporter: self.reporter.clone(), event: Some(event), begun: Instant::now() })
    }
}

/// What a middleware sees of a request.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The method.
    pub method: &'a str,
    /// The template of the route, or the path where there is no route.
    pub endpoint: &'a str,
    /// Where it came from.
    pub peer: Option<IpAddr>,
}

/// A request that is being answered. If it is dropped before it is, the caller has gone away: status 499.
pub struct Recorded {
    reporter: Reporter,
    event: Option<Event>,
    begun: Instant,
}

impl Recorded {
    /// The request is answered; `bytes` is the length of the answer's body, if it is known.
    pub fn answered(mut self, status: u16, bytes: Option<u64>) {
        if let Some(event) = &mut self.event {
            event.status_code = status;
            event.response_bytes = bytes;
        }
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        if let Some(event) = self.event.take() {
            // One that is dropped is counted.
            let _ = self.reporter.report(event.took(self.begun.elapsed()));
        }
    }
}
