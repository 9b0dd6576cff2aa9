//! Where the events go: into the store, or through the server that holds it.

use std::sync::Arc;
use std::time::Duration;

use activity_domain::activity::{Activity, Metadata, Text};
use activity_domain::address::AddressPrivacy;
use activity_domain::error::Invalid;
use activity_domain::id::StreamId;
use activity_domain::port::{Append, Appended, Batch, Clock, Randomness, Record};
use activity_ingest::{OpenError, codec};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::read::Place;
use crate::Failure;
use crate::config::Settings;
use crate::running::RunningServer;
use crate::system::{OsRandomness, SystemClock};
use crate::wire::{self, Storage};

/// Attempts while the store or the server is busy, with growing pauses: half a minute in all.
const ATTEMPTS: u32 = 8;
/// Batches between compactions, so that what waits to be compacted stays small.
const COMPACT_EVERY: u64 = 20;

/// Bytes of a request, after which the next event comes into another one. A server takes 10 MB.
const BODY: usize = 4 << 20;

/// An event with the line that it comes from.
pub struct Event {
    pub activity: Activity,
    pub place: Place,
    pub raw: Bytes,
}

/// What became of events.
#[derive(Debug, Default)]
pub struct Outcome {
    pub stored: u64,
    pub duplicate: u64,
    pub discarded: u64,
    pub set_aside: u64,
    /// Taken by a running server.
    pub handed_over: u64,
}

impl Outcome {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.stored + self.duplicate + self.discarded + self.set_aside + self.handed_over
    }

    /// Adds another.
    pub fn add(&mut self, other: &Self) {
        self.stored += other.stored;
        self.duplicate += other.duplicate;
        self.discarded += other.discarded;
        self.set_aside += other.set_aside;
        self.handed_over += other.handed_over;
    }
}

impl From<Appended> for Outcome {
    fn from(a: Appended) -> Self {
        let Appended { stored, duplicate, discarded, set_aside } = a;
        Self { stored, duplicate, discarded, set_aside, handed_over: 0 }
    }
}

/// A batch's outcome, and the events that a server refused.
#[derive(Default)]
pub struct Sent {
    pub outcome: Outcome,
    pub refused: Vec<(Event, Invalid)>,
}

impl Sent {
    fn add(&mut self, other: Self) {
        self.outcome.add(&other.outcome);
        self.refused.extend(other.refused);
    }
}

/// Where events go.
pub enum Target {
    /// Into the store.
    Store(StoreTarget),
    /// To the server that holds the data folder.
    Server(ServerTarget),
}

/// Who has the data folder.
pub enum Claim {
    /// This process, for as long as the file is held. Postgres is there for many at once: nobody holds it.
    Ours(Option<std::fs::File>),
    /// A server, whose schema is this program's.
    Servers(ServerTarget),
}

impl Claim {
    /// Claims the data folder, or finds the server that has it.
    pub fn take(settings: &Settings) -> Result<Self, Failure> {
        match activity_ingest::claim(&wire::spool_folder(settings)) {
            Ok(claim) => Ok(Self::Ours(settings.database.is_none().then_some(claim))),
            Err(OpenError::InUse(_)) => {
                wire::same_schema(settings)?;
                ServerTarget::find(settings).map(Self::Servers)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Where events go then.
    pub fn target(self, storage: Arc<Storage>, addresses: AddressPrivacy) -> Target {
        match self {
            Self::Ours(claim) => Target::Store(StoreTarget::new(claim, storage, addresses)),
            // The server sees to addresses itself.
            Self::Servers(server) => Target::Server(server),
        }
    }
}

impl Target {
    /// Stores events or hands them over.
    pub async fn send(&mut self, events: Vec<Event>) -> Result<Sent, Failure> {
        if events.is_empty() {
            return Ok(Sent::default());
        }
        match self {
            Self::Store(store) => {
                Ok(Sent { outcome: store.append(events).await?.into(), refused: Vec::new() })
            }
            Self::Server(server) => server.post(events).await,
        }
    }

    /// To be called when all events are sent.
    pub async fn finish(&mut self) -> Result<(), Failure> {
        match self {
            Self::Store(store) => store.compact().await,
            Self::Server(_) => Ok(()),
        }
    }
}

/// Appends to the store as a stream of its own.
pub struct StoreTarget {
    storage: Arc<Storage>,
    /// What is kept of callers' addresses.
    addresses: AddressPrivacy,
    stream: StreamId,
    next: u64,
    batches: u64,
    /// Held so that no server starts meanwhile.
    _claim: Option<std::fs::File>,
}

impl StoreTarget {
    fn new(claim: Option<std::fs::File>, storage: Arc<Storage>, addresses: AddressPrivacy) -> Self {
        let mut bits = [0; 16];
        OsRandomness.fill(&mut bits);
        let stream = StreamId(Uuid::from_bytes(bits));
        Self { storage, addresses, stream, next: 0, batches: 0, _claim: claim }
    }

    async fn append(&mut self, events: Vec<Event>) -> Result<Appended, Failure> {
        let next = self.next + events.len() as u64;
        let private = |event: Event| {
            let mut activity = event.activity;
            self.addresses.apply(&mut activity);
            record(activity)
        };
        let records: Result<Vec<Record>, Invalid> = events.into_iter().map(private).collect();
        let batch = Batch {
            stream: self.stream,
            expected: self.next,
            next,
            records: records?,
            unreadable: Vec::new(),
        };
        let batch = Arc::new(batch);
        let mut attempt = 0;
        let appended = loop {
            attempt += 1;
            match self.storage.sink.append(&batch).await {
                Ok(Append::Stored(appended)) => break appended,
                // The attempt before had gone through, and only its answer was lost.
                Ok(Append::Moved(at)) if at == next => {
                    break Appended { stored: batch.records.len() as u64, ..Appended::default() };
                }
                Ok(Append::Moved(at)) => {
                    return Err(format!("the store stands at {at}, not at {}", self.next).into());
                }
                Err(error) if error.is_transient() && attempt < ATTEMPTS => pause(attempt).await,
                Err(error) => return Err(error.into()),
            }
        };
        self.next = next;
        self.batches += 1;
        if self.batches.is_multiple_of(COMPACT_EVERY) {
            self.compact().await?;
        }
        Ok(appended)
    }

    async fn compact(&self) -> Result<(), Failure> {
        while self.storage.upkeep.compact(SystemClock.now()).await?.more {}
        Ok(())
    }
}

/// With the bytes that the spool would have of it, so that it can be replayed if it is set aside.
fn record(activity: Activity) -> Result<Record, Invalid> {
    let payload = codec::encode(&activity, Vec::new())?.into();
    Ok(Record { payload, activity })
}

async fn pause(attempt: u32) {
    tokio::time::sleep(Duration::from_millis(100 << attempt.min(6))).await;
}

/// Posts to the server that holds the data folder.
pub struct ServerTarget(RunningServer);

#[derive(Deserialize)]
struct Answer {
    accepted: u64,
    rejected: Vec<Rejected>,
}

#[derive(Deserialize)]
struct Rejected {
    index: usize,
    detail: String,
}

/// A problem's part that matters here: with no good event in it, a request is refused as a whole.
#[derive(Deserialize)]
struct Refusal {
    detail: String,
}

impl ServerTarget {
    fn find(settings: &Settings) -> Result<Self, Failure> {
        RunningServer::find(settings).map(Self)
    }

    /// In as many requests as it takes.
    async fn post(&self, events: Vec<Event>) -> Result<Sent, Failure> {
        let mut sent = Sent::default();
        let (mut body, mut of_body) = (Vec::with_capacity(events.len() * 256), Vec::new());
        for event in events {
            serde_json::to_writer(&mut body, &Line::from(&event.activity))?;
            body.push(b'\n');
            of_body.push(event);
            if body.len() >= BODY {
                sent.add(self.post_events(std::mem::take(&mut body), std::mem::take(&mut of_body)).await?);
            }
        }
        if !of_body.is_empty() {
            sent.add(self.post_events(body, of_body).await?);
        }
        Ok(sent)
    }

    async fn post_events(&self, body: Vec<u8>, events: Vec<Event>) -> Result<Sent, Failure> {
        let response = self.post_body(body).await?;
        if response.status() == reqwest::StatusCode::UNPROCESSABLE_ENTITY {
            let reason = response.json::<Refusal>().await?.detail;
            let refused = events.into_iter().map(|event| (event, Invalid::new(reason.clone())));
            return Ok(Sent { refused: refused.collect(), ..Sent::default() });
        }
        let answer: Answer = response.error_for_status()?.json().await?;
        let mut events: Vec<Option<Event>> = events.into_iter().map(Some).collect();
        let refused = answer.rejected.into_iter().filter_map(|rejected| {
            let event = events.get_mut(rejected.index)?.take()?;
            Some((event, Invalid::new(rejected.detail)))
        });
        let outcome = Outcome { handed_over: answer.accepted, ..Outcome::default() };
        Ok(Sent { refused: refused.collect(), outcome })
    }

    /// A full spool empties itself, and a repeated event counts once, so it may be sent again.
    async fn post_body(&self, body: Vec<u8>) -> Result<reqwest::Response, Failure> {
        let body = Bytes::from(body);
        let mut attempt = 0;
        loop {
            attempt += 1;
            let request = self.0.post("/api/logs");
            let request = request.header("content-type", "application/x-ndjson").body(body.clone());
            match request.send().await {
                Ok(response) if response.status() != reqwest::StatusCode::SERVICE_UNAVAILABLE => {
                    return Ok(response);
                }
                Ok(response) if attempt == ATTEMPTS => return Ok(response),
                Err(error) if attempt == ATTEMPTS => return Err(error.into()),
                _ => pause(attempt).await,
            }
        }
    }
}

/// An event as POST /api/logs takes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    id: Uuid,
    timestamp: String,
    client_id: &'a str,
    endpoint: &'a str,
    method: &'a str,
    status_code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_time: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a serde_json::value::RawValue>,
}

impl<'a> From<&'a Activity> for Line<'a> {
    fn from(a: &'a Activity) -> Self {
        Self {
            id: a.id.0,
            timestamp: a.at.to_string(),
            client_id: a.client.as_str(),
            endpoint: a.endpoint.as_str(),
            method: a.method.as_str(),
            status_code: a.status.stored(),
            response_time: a.response_time.map(|took| took.as_micros() as f64 / 1_000.0),
            ip_address: a.ip.map(|ip| ip.to_string()),
            user_agent: a.user_agent.as_ref().map(Text::as_str),
            request_bytes: a.request_bytes,
            response_bytes: a.response_bytes,
            error_message: a.error_message.as_ref().map(Text::as_str),
            metadata: a.metadata.as_ref().map(Metadata::as_str).and_then(|m| serde_json::from_str(m).ok()),
        }
    }
}
