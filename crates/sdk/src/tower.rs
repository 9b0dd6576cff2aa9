//! Middleware for tower, and with the feature `axum` with the routes of axum:
//!
//! ```no_run
//! # #[cfg(feature = "axum")] {
//! use activity_client::{Recording, Reporter};
//! use axum::{Router, routing::get};
//!
//! # fn app(reporter: Reporter) {
//! let recording = Recording::behind_gateway(reporter);
//! let app: Router = Router::new()
//!     .route("/things/{id}", get(async || "a thing"))
//!     .layer(activity_client::tower::RecordLayer::new(recording));
//! # }
//! # }
//! ```

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::recording::{Recorded, Recording, Seen};

/// Records each request under the template of its route, such as `/things/{id}`; one without a route under its path.
/// The time is that until the answer begins. What a service fails with, and not answers, is recorded as 500.
#[derive(Clone)]
pub struct RecordLayer {
    recording: Recording,
}

impl RecordLayer {
    /// A layer that records.
    pub fn new(recording: Recording) -> Self {
        Self { recording }
    }
}

impl<S> Layer<S> for RecordLayer {
    type Service = Record<S>;

    fn layer(&self, inner: S) -> Record<S> {
        Record { inner, recording: self.recording.clone() }
    }
}

/// A service whose requests are recorded.
#[derive(Clone)]
pub struct Record<S> {
    inner: S,
    recording: Recording,
}

impl<S, In, Out> Service<Request<In>> for Record<S>
where
    S: Service<Request<In>, Response = Response<Out>>,
    Out: Body,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Answering<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<In>) -> Self::Future {
        let recorded = {
            let seen = Seen {
                method: request.method().as_str(),
                endpoint: template(&request).unwrap_or_else(|| request.uri().path()),
                peer: peer(&request),
            };
            let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
            self.recording.begin(&seen, header)
        };
        Answering { inner: self.inner.call(request), recorded }
    }
}

#[cfg(feature = "axum")]
fn template<B>(request: &Request<B>) -> Option<&str> {
    request.extensions().get::<axum::extract::MatchedPath>().map(axum::extract::MatchedPath::as_str)
}

#[cfg(not(feature = "axum"))]
fn template<B>(_: &Request<B>) -> Option<&str> {
    None
}

#[cfg(feature = "axum")]
fn peer<B>(request: &Request<B>) -> Option<std::net::IpAddr> {
    let peer = request.extensions().get::<axum::extract::ConnectInfo<std::net::SocketAddr>>();
    peer.map(|peer| peer.0.ip())
}

#[cfg(not(feature = "axum"))]
fn peer<B>(_: &Request<B>) -> Option<std::net::IpAddr> {
    None
}

pin_project! {
    /// An answer that is being made.
    pub struct Answering<F> {
        #[pin]
        inner: F,
        recorded: Option<Recorded>,
    }
}

impl<F, Out, E> Future for Answering<F>
where
    F: Future<Output = Result<Response<Out>, E>>,
    Out: Body,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let answer = ready!(this.inner.poll(context));
        if let Some(recorded) = this.recorded.take() {
            match &answer {
                Ok(response) => {
                    let bytes = response.body().size_hint().exact();
                    recorded.answered(response.status().as_u16(), bytes);
                }
                Err(_) => recorded.answered(500, None),
            }
        }
        Poll::Ready(answer)
    }
}
