//! A collector of traces that keeps what it gets.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::net::TcpListener;

type Kept = Arc<Mutex<Vec<u8>>>;

/// It ends with the test.
pub struct Collector {
    /// Its base URL, as `OTEL_EXPORTER_OTLP_ENDPOINT` has it.
    pub url: String,
    kept: Kept,
}

impl Collector {
    /// One that takes everything.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let kept = Kept::default();
        let app = Router::new().route("/v1/traces", post(keep)).with_state(kept.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, kept }
    }

    /// Whether it got these bytes. Text and ids stand in its messages as they are.
    pub fn has(&self, bytes: &[u8]) -> bool {
        self.kept.lock().unwrap().windows(bytes.len()).any(|window| window == bytes)
    }

    /// How many bytes it got.
    pub fn len(&self) -> usize {
        self.kept.lock().unwrap().len()
    }
}

async fn keep(State(kept): State<Kept>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if headers.get("content-type").is_none_or(|media| media != "application/x-protobuf") {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE;
    }
    kept.lock().unwrap().extend_from_slice(&body);
    // An empty message says that all is well.
    StatusCode::OK
}
