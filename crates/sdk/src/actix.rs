//! Middleware for actix-web:
//!
//! ```no_run
//! use activity_client::{Recording, Reporter};
//! use actix_web::{App, middleware::from_fn, web};
//!
//! # fn app(reporter: Reporter) {
//! let recording = Recording::behind_gateway(reporter);
//! let app = App::new()
//!     .app_data(web::Data::new(recording))
//!     .wrap(from_fn(activity_client::actix::record))
//!     .route("/things/{id}", web::get().to(async || "a thing"));
//! # }
//! ```

use actix_web::Error;
use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::Data;

use crate::recording::{Recording, Seen};

/// Records each request under the template of its route, such as `/things/{id}`; one without a route under its path.
/// The time is that until the answer begins.
///
/// # Errors
/// Those of the service, which are recorded with their status.
pub async fn record<B: MessageBody>(
    recording: Data<Recording>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let template = request.match_pattern();
    let seen = Seen {
        method: request.method().as_str(),
        endpoint: template.as_deref().unwrap_or_else(|| request.path()),
        peer: request.peer_addr().map(|peer| peer.ip()),
    };
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let recorded = recording.begin(&seen, header);
    let answer = next.call(request).await;
    if let Some(recorded) = recorded {
        match &answer {
            Ok(response) => {
                let bytes = length(response.response().body().size());
                recorded.answered(response.status().as_u16(), bytes);
            }
            Err(error) => recorded.answered(error.as_response_error().status_code().as_u16(), None),
        }
    }
    answer
}

fn length(size: BodySize) -> Option<u64> {
    match size {
        BodySize::None => Some(0),
        BodySize::Sized(bytes) => Some(bytes),
        BodySize::Stream => None,
    }
}
