//! Something that answers like a tracker, or does not.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use serde_json::{Value, json};
use uuid::Uuid;

/// What it does with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Takes,
    /// All but the first.
    RejectsOne,
    /// 422
    Refuses,
    /// 413 for more than that.
    AtMost(usize),
    Unavailable,
    Unauthorized,
    OverLimit,
    /// Takes them, and says 503.
    LosesAnswers,
    /// Does not answer.
    Silent,
}

struct State {
    mood: Mood,
    ids: BTreeSet<Uuid>,
    sent: usize,
    largest: usize,
    refused: usize,
}

pub struct Tracker {
    pub url: String,
    state: Arc<Mutex<State>>,
    handle: ServerHandle,
}

impl Tracker {
    pub fn start(mood: Mood) -> Self {
        let state = State { mood, ids: BTreeSet::new(), sent: 0, largest: 0, refused: 0 };
        let state = Arc::new(Mutex::new(state));
        let shared = Data::from(state.clone());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = move || {
            let limit = web::JsonConfig::default().limit(10 << 20);
            App::new().app_data(shared.clone()).app_data(limit).route("/api/logs", web::post().to(take))
        };
        let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap().run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { url, state, handle }
    }

    pub fn change(&self, mood: Mood) {
        self.state.lock().unwrap().mood = mood;
    }

    /// Different events that it has taken.
    pub fn ids(&self) -> BTreeSet<Uuid> {
        self.state.lock().unwrap().ids.clone()
    }

    /// Events that were sent to it, each time.
    pub fn sent(&self) -> usize {
        self.state.lock().unwrap().sent
    }

    pub fn largest(&self) -> usize {
        self.state.lock().unwrap().largest
    }

    /// Waits until it has refused so many requests.
    pub async fn refused(&self, requests: usize) {
        while self.state.lock().unwrap().refused < requests {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

async fn take(state: Data<Mutex<State>>, body: web::Json<Vec<Value>>) -> HttpResponse {
    let mood = state.lock().unwrap().mood;
    if mood == Mood::Silent {
        std::future::pending::<()>().await;
    }
    let mut state = state.lock().unwrap();
    state.sent += body.len();
    state.largest = state.largest.max(body.len());
    let id = |event: &Value| Uuid::parse_str(event["id"].as_str().unwrap()).unwrap();
    let (taken, answer) = match mood {
        Mood::Takes => (0, HttpResponse::Accepted().json(json!({ "accepted": body.len(), "rejected": [] }))),
        Mood::RejectsOne => {
            let rejected = json!([{ "index": 0, "detail": "endpoint: must not be empty" }]);
            (1, HttpResponse::Accepted().json(json!({ "accepted": body.len() - 1, "rejected": rejected })))
        }
        Mood::AtMost(most) if body.len() <= most => {
            (0, HttpResponse::Accepted().json(json!({ "accepted": body.len(), "rejected": [] })))
        }
        Mood::AtMost(_) => (body.len(), HttpResponse::PayloadTooLarge().finish()),
        Mood::Refuses => (body.len(), HttpResponse::UnprocessableEntity().finish()),
        Mood::Unavailable => (body.len(), HttpResponse::ServiceUnavailable().finish()),
        Mood::Unauthorized => (body.len(), HttpResponse::Unauthorized().finish()),
        Mood::OverLimit => {
            (body.len(), HttpResponse::TooManyRequests().insert_header(("retry-after", "0")).finish())
        }
        Mood::LosesAnswers => (0, HttpResponse::ServiceUnavailable().finish()),
        Mood::Silent => unreachable!(),
    };
    state.ids.extend(body.iter().skip(taken).map(id));
    state.refused += usize::from(!answer.status().is_success());
    answer
}
