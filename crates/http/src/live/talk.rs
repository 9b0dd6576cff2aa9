//! What both ends of a WebSocket say: subscriptions, and what they are told.

use std::sync::Arc;

use activity_domain::service::Caller;
use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use futures_util::future::select_all;
use serde_json::json;

use super::Live;
use super::reading::{News, Reading, missed, shown};
use super::wish::{Asked, Source, Wish};
use crate::dto::Request;
use crate::extract::parse_json;
use crate::limits;
use crate::problem::Problem;

/// Subscriptions of one connection.
const MAX_SUBSCRIPTIONS: usize = 16;
/// The longest id of one.
const MAX_ID: usize = 64;
/// So much is written at a time, if so much is there.
const PORTION: usize = 8 << 10;

/// Messages that are to be sent.
#[derive(Default)]
pub struct Said {
    messages: Vec<String>,
    bytes: usize,
}

impl Said {
    /// Takes them to be sent.
    pub fn take(&mut self) -> Vec<String> {
        self.bytes = 0;
        std::mem::take(&mut self.messages)
    }

    fn push(&mut self, message: String) {
        self.bytes += message.len();
        self.messages.push(message);
    }
}

/// A connection's subscriptions, and whose they are.
pub struct Talk {
    live: Arc<Live>,
    request: HttpRequest,
    caller: Caller,
    subscriptions: Vec<Subscription>,
    /// For those that get an id here.
    given: u64,
}

struct Subscription {
    id: String,
    reading: Reading,
}

impl Talk {
    /// Of a caller whose connection came with this request.
    pub fn new(live: Arc<Live>, request: HttpRequest, caller: Caller) -> Self {
        Self { live, request, caller, subscriptions: Vec::new(), given: 0 }
    }

    /// Heeds a message and writes the answer. False if it could not be heeded.
    pub async fn heed(&mut self, message: &str, out: &mut Said) -> bool {
        let answer = match parse_json::<Request>(message.as_bytes()) {
            Ok(request) => self.answer(request).await,
            Err(problem) => Err((None, problem)),
        };
        match answer {
            Ok(answer) => {
                out.push(answer);
                true
            }
            Err((id, problem)) => {
                let mut error = json!({ "type": "error", "problem": problem.value() });
                if let Some(id) = id {
                    error["id"] = id.into();
                }
                out.push(error.to_string());
                false
            }
        }
    }

    async fn answer(&mut self, request: Request) -> Result<String, (Option<String>, Problem)> {
        match request {
            Request::Ping {} => Ok(json!({ "type": "pong" }).to_string()),
            Request::Unsubscribe { id } => {
                let Some(at) = self.subscriptions.iter().position(|one| one.id == id) else {
                    return Err((Some(id), Problem::not_found("there is no such subscription")));
                };
                self.subscriptions.remove(at);
                Ok(json!({ "type": "unsubscribed", "id": id }).to_string())
            }
            Request::Subscribe { id, channel, filter, last_event_id } => {
                let asked = Asked { channel, filter: filter.unwrap_or_default(), last_event_id };
                let id = self.id(id).map_err(|problem| (None, problem))?;
                self.subscribe(id.clone(), asked).await.map_err(|problem| (Some(id), problem))
            }
        }
    }

    /// The id of a new subscription.
    fn id(&mut self, wanted: Option<String>) -> Result<String, Problem> {
        if let Some(id) = wanted {
            if id.is_empty() || id.len() > MAX_ID || id.chars().any(char::is_control) {
                let detail = format!("must be 1 to {MAX_ID} bytes without control characters");
                return Err(Problem::invalid("#/id", detail));
            }
            return Ok(id);
        }
        loop {
            self.given += 1;
            let id = self.given.to_string();
            if self.subscriptions.iter().all(|one| one.id != id) {
                return Ok(id);
            }
        }
    }

    async fn subscribe(&mut self, id: String, asked: Asked) -> Result<String, Problem> {
        if self.subscriptions.iter().any(|one| one.id == id) {
            return Err(Problem::conflict("there is a subscription with this id; unsubscribe it first"));
        }
        if self.subscriptions.len() >= MAX_SUBSCRIPTIONS {
            let detail = format!("a connection may have {MAX_SUBSCRIPTIONS} subscriptions; end one first");
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, detail));
        }
        limits::noted(&self.request, self.live.limits.read(&self.caller).await)?;
        let wish = Wish::parse(asked, &self.caller, &self.live.access, Source::Message).await?;
        let reading = Reading::open(&self.live, &wish, &self.caller)?;
        let about = wish.confirmed();
        let mut answer = json!({
            "type": "subscribed", "id": id, "channels": about.channels, "filter": about.filter,
        });
        if let Some(place) = reading.place() {
            answer["eventId"] = place.to_string().into();
        }
        self.subscriptions.push(Subscription { id, reading });
        Ok(answer.to_string())
    }

    /// Waits for news of any subscription and writes them. False once there will be no more. Nothing is lost if the
    /// caller gives up waiting.
    pub async fn told(&mut self, out: &mut Said) -> bool {
        if self.subscriptions.is_empty() {
            return std::future::pending().await;
        }
        let all = self.subscriptions.iter_mut().map(|one| Box::pin(one.reading.next()));
        let (news, at, _) = select_all(all).await;
        let Some(one) = self.subscriptions.get_mut(at) else { return true };
        let mut goes_on = one.put(out, news);
        while goes_on
            && out.bytes < PORTION
            && let Some(news) = one.reading.ready()
        {
            goes_on = one.put(out, news);
        }
        goes_on
    }
}

impl Subscription {
    fn put(&self, out: &mut Said, news: News) -> bool {
        let id = json!(self.id);
        let place = || self.reading.place().map_or_else(String::new, |place| place.to_string());
        let message = match news {
            News::Closed => return false,
            News::Event(event) => {
                let head =
                    format!("{{\"type\":\"log:new\",\"id\":{id},\"eventId\":\"{}\",\"data\":", place());
                [head.as_bytes(), shown(&event), b"}"].concat()
            }
            News::Lagged(count) => {
                let (place, missed) = (place(), missed(count));
                format!("{{\"type\":\"lagged\",\"id\":{id},\"eventId\":\"{place}\",{missed}}}").into_bytes()
            }
            News::Snapshot(channel, body) => {
                let head = format!("{{\"type\":\"{}\",\"id\":{id},\"data\":", channel.event());
                [head.as_bytes(), &body, b"}"].concat()
            }
        };
        // It is made of texts.
        out.push(String::from_utf8(message).unwrap_or_default());
        true
    }
}
