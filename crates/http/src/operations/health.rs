//! GET /livez, /readyz and /health-check

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, Responder};
use async_trait::async_trait;
use paperclip::actix::OperationModifier;
use paperclip::v2::models::{DefaultOperationRaw, DefaultSchemaRaw};
use paperclip::v2::schema::Apiv2Schema;

use super::prelude::*;
use crate::dto::{HealthCheck, HealthResponse};
use crate::problem::Problem;

/// Whether requests should come here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// They should.
    Ready,
    /// The server is shutting down.
    Stopping,
}

/// One thing that the server depends on.
#[derive(Debug, Clone)]
pub struct Check {
    /// Which.
    pub name: Cow<'static, str>,
    /// Whether it works.
    pub ok: bool,
    /// More about it, without secrets: health is open to everybody.
    pub detail: String,
    /// Whether nothing useful can be done without it.
    pub vital: bool,
}

/// How the server is.
#[async_trait]
pub trait Health: Send + Sync {
    /// Whether requests should come here.
    fn state(&self) -> State;
    /// What it depends on, each with a bounded wait.
    async fn checks(&self) -> Vec<Check>;
}

/// The process is alive.
#[api_v2_operation(
    summary = "Liveness",
    description = "200 as long as the process answers; looks at nothing else.",
    operation_id = "livez",
    tags("Health")
)]
pub async fn livez() -> Result<Json<HealthResponse>, Problem> {
    Ok(Json(response("ok", Vec::new())))
}

/// Whether to send requests here.
#[api_v2_operation(
    summary = "Readiness",
    description = "503 while shutting down or when events cannot be taken. A database out of reach does not make the node unready: it goes on taking events.",
    operation_id = "readyz",
    tags("Health")
)]
pub async fn readyz(health: Data<Arc<dyn Health>>) -> Result<HealthAnswer, Problem> {
    Ok(answer(&health).await)
}

/// Readiness under the name that the original service had.
#[api_v2_operation(
    summary = "Health check",
    description = "The same as /readyz.",
    operation_id = "healthCheck",
    tags("Health")
)]
pub async fn health_check(health: Data<Arc<dyn Health>>) -> Result<HealthAnswer, Problem> {
    Ok(answer(&health).await)
}

async fn answer(health: &Arc<dyn Health>) -> HealthAnswer {
    let checks = health.checks().await;
    let (status, ready) = match health.state() {
        State::Stopping => ("stopping", false),
        State::Ready if checks.iter().all(|check| check.ok) => ("ok", true),
        State::Ready => ("degraded", checks.iter().all(|check| check.ok || !check.vital)),
    };
    HealthAnswer { ready, response: response(status, checks) }
}

fn response(status: &str, checks: Vec<Check>) -> HealthResponse {
    let checks = checks.into_iter();
    HealthResponse {
        status: status.into(),
        version: env!("CARGO_PKG_VERSION").into(),
        checks: checks
            .map(|c| HealthCheck { name: c.name.into_owned(), ok: c.ok, detail: c.detail })
            .collect(),
    }
}

/// 200 or 503 with the same body.
pub struct HealthAnswer {
    ready: bool,
    response: HealthResponse,
}

impl Responder for HealthAnswer {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let status = if self.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        HttpResponse::build(status).json(self.response)
    }
}

impl Apiv2Schema for HealthAnswer {}

impl OperationModifier for HealthAnswer {
    fn update_response(operation: &mut DefaultOperationRaw) {
        Json::<HealthResponse>::update_response(operation);
    }

    fn update_definitions(map: &mut BTreeMap<String, DefaultSchemaRaw>) {
        Json::<HealthResponse>::update_definitions(map);
    }
}
