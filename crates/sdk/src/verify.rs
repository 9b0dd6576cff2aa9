//! May this caller pass? One question to the tracker, which takes one from the caller's quotas.

use std::time::Duration;

use reqwest::StatusCode;
use uuid::Uuid;

use crate::client::{Client, Error, retry_after};

/// What a caller shows.
#[derive(Clone, Copy)]
pub enum Credential<'a> {
    /// What came in `X-API-Key`.
    Key(&'a str),
    /// The token that came in `Authorization: Bearer`.
    Token(&'a str),
}

/// The call that is asked about. The tracker believes it if we are in its `TRUSTED_PROXIES`.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The method.
    pub method: &'a str,
    /// The path, with or without a query.
    pub uri: &'a str,
}

/// Whether the caller may pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// He may.
    Pass(Pass),
    /// He may not.
    Refused(Refusal),
}

/// A caller who may pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// Who he is.
    pub client_id: String,
    /// The id under which the finished call is to be reported, at no further cost.
    pub activity_id: Uuid,
}

/// A caller who may not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// 401, 403 or 429, to be answered likewise.
    pub status: u16,
    /// When it is worth trying again (429).
    pub retry_after: Option<Duration>,
}

impl Client {
    /// Asks whether a caller may pass. An error is no verdict: what to do without the tracker is yours to say.
    pub async fn verify(&self, credential: Credential<'_>, call: Call<'_>) -> Result<Verdict, Error> {
        let request = self.http.get(self.at("api/verify")?);
        let request = match credential {
            Credential::Key(key) => request.header("x-api-key", key),
            Credential::Token(token) => request.bearer_auth(token),
        };
        let request = request.header("x-original-uri", call.uri).header("x-original-method", call.method);
        let away = |error: reqwest::Error| Error::Away(error.to_string());
        let response = request.send().await.map_err(away)?;
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        match response.status() {
            StatusCode::OK => {
                let activity_id = header("x-activity-id").and_then(|id| Uuid::parse_str(id).ok());
                let (Some(client_id), Some(activity_id)) = (header("x-client-id"), activity_id) else {
                    return Err(Error::Away("its answer does not say who calls".to_owned()));
                };
                Ok(Verdict::Pass(Pass { client_id: client_id.to_owned(), activity_id }))
            }
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS) => {
                let retry_after = retry_after(&response);
                Ok(Verdict::Refused(Refusal { status: status.as_u16(), retry_after }))
            }
            status => Err(Error::Away(format!("it answers {status}"))),
        }
    }
}
