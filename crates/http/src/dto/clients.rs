//! Registration and tokens.

use paperclip::actix::Apiv2Schema;
use serde::{Deserialize, Serialize};

/// A wish to be registered.
#[derive(Deserialize, Apiv2Schema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegisterRequest {
    /// Display name, 1 to 100 characters.
    pub name: String,
    /// Email address; no two clients share one.
    pub email: String,
    /// Events per window; the default is the server's, and only an admin may ask for more.
    pub rate_limit: Option<i64>,
    /// client, service or admin; only an admin may set it.
    pub role: Option<String>,
}

/// A new client. The key is shown this once.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct RegisterResponse {
    /// The client's id.
    pub client_id: String,
    /// Display name.
    pub name: String,
    /// Email address.
    pub email: String,
    /// The API key. Keep it: it cannot be shown again.
    pub api_key: String,
    /// A first token.
    pub token: String,
    /// Events per window.
    pub rate_limit: u32,
    /// When it was registered.
    pub created_at: String,
}

/// A token.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct TokenResponse {
    /// The JWT, for `Authorization: Bearer`.
    pub token: String,
    /// When it ends.
    pub expires_at: String,
}
