//! Health.

use paperclip::actix::Apiv2Schema;
use serde::Serialize;

/// Whether the server is well.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct HealthResponse {
    /// `ok`, `degraded` or `stopping`.
    pub status: String,
    /// The program's version.
    pub version: String,
    /// What it depends on.
    pub checks: Vec<HealthCheck>,
}

/// One thing that the server depends on.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheck {
    /// Which.
    pub name: String,
    /// Whether it works.
    pub ok: bool,
    /// More about it.
    pub detail: String,
}
