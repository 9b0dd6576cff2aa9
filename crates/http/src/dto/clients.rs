//! Registration and tokens; clients and their keys.

use super::ClientLimitDto;
use activity_domain::port::{Account, HeldKey};
use activity_domain::time::Timestamp;
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

/// Which page of clients.
#[derive(Deserialize, Apiv2Schema)]
#[serde(deny_unknown_fields)]
pub struct ClientListParams {
    /// Clients in a page, 1 to 1000; 100 by default.
    pub limit: Option<i64>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// A page of clients, in the order of their ids.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct ClientListResponse {
    /// The clients.
    pub data: Vec<ClientResponse>,
    /// For the next page; null when this is the last one.
    pub next_cursor: Option<String>,
}

/// A client with its keys.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct ClientResponse {
    /// The client's id.
    pub client_id: String,
    /// Display name.
    pub name: String,
    /// Email address; null for a client that an import made.
    pub email: Option<String>,
    /// client, service or admin.
    pub role: String,
    /// Events per window.
    pub rate_limit: u32,
    /// Its limits besides that one.
    pub limits: Vec<ClientLimitDto>,
    /// A deactivated client is let in nowhere.
    pub is_active: bool,
    /// When it was registered.
    pub created_at: String,
    /// When one of its keys was last used, a few seconds late; null if never.
    pub last_access_at: Option<String>,
    /// Its keys, oldest first.
    pub keys: Vec<ClientKey>,
}

/// A key, without its secret.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct ClientKey {
    /// The key's id, which is also the second part of the key.
    pub key_id: String,
    /// When it was made.
    pub created_at: String,
    /// When it ends; null if it does not.
    pub expires_at: Option<String>,
    /// When it was last used, a few seconds late; null if never.
    pub last_used_at: Option<String>,
}

impl From<Account> for ClientResponse {
    fn from(account: Account) -> Self {
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let key = |key: HeldKey| ClientKey {
            key_id: key.record.id.as_str().to_owned(),
            created_at: key.record.created_at.to_string(),
            expires_at: text(key.record.expires_at),
            last_used_at: text(key.last_used_at),
        };
        let client = account.client;
        Self {
            client_id: client.id.to_string(),
            name: client.name.as_str().to_owned(),
            email: client.email.map(|email| email.as_str().to_owned()),
            role: client.role.as_str().to_owned(),
            rate_limit: client.rate_limit.get(),
            limits: client.limits.as_slice().iter().map(Into::into).collect(),
            is_active: client.is_active,
            created_at: client.created_at.to_string(),
            last_access_at: text(account.last_access_at),
            keys: account.keys.into_iter().map(key).collect(),
        }
    }
}

/// What to change about a client; what is left out stays.
#[derive(Deserialize, Apiv2Schema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientPatch {
    /// Display name, 1 to 100 characters.
    pub name: Option<String>,
    /// Email address; no two clients share one.
    pub email: Option<String>,
    /// Events per window.
    pub rate_limit: Option<i64>,
    /// Its limits besides that one, all of them.
    pub limits: Option<Vec<ClientLimitDto>>,
    /// client, service or admin.
    pub role: Option<String>,
    /// Whether it is let in.
    pub is_active: Option<bool>,
}

/// What a new key should be like.
#[derive(Default, Deserialize, Apiv2Schema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyRequest {
    /// Seconds until the key ends, 1 to 315360000; by default it does not.
    pub expires_in: Option<i64>,
    /// Seconds for which the client's older keys go on working, 0 to 7776000; by default they are left
    /// as they are.
    pub overlap: Option<i64>,
}

/// A new key, shown this once.
#[derive(Serialize, Apiv2Schema)]
#[serde(rename_all = "camelCase")]
pub struct KeyResponse {
    /// The key's id.
    pub key_id: String,
    /// The API key. Keep it: it cannot be shown again.
    pub api_key: String,
    /// When it ends; null if it does not.
    pub expires_at: Option<String>,
}
