//! Where the tracker is, and what it answers.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};
use serde::Deserialize;
use thiserror::Error;

use crate::event::Event;

/// What one request may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a connection may take.
const CONNECT: Duration = Duration::from_secs(2);
/// The longest that an answer's `Retry-After` is followed.
const MOST: Duration = Duration::from_mins(5);

/// Why a tracker cannot be talked to, or a reporter not be started.
#[derive(Debug, Error)]
pub enum Error {
    /// The address is none.
    #[error("{0:?} is not the address of a tracker, such as http://127.0.0.1:8080")]
    Address(String),
    /// The key has characters that no key has.
    #[error("the API key has characters that no key has")]
    Key,
    /// No HTTP client, thread or folder.
    #[error("{what}: {source}")]
    System {
        /// What was to be made.
        what: &'static str,
        /// Why it was not.
        source: std::io::Error,
    },
    /// The tracker did not answer, or not as a tracker does.
    #[error("the tracker does not answer: {0}")]
    Away(String),
}

/// A tracker, and as whom to talk to it. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) base: Url,
    key: HeaderValue,
}

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// It is durable, but for those with a reason.
    Taken { rejected: Vec<String> },
    /// Not now; perhaps after that time.
    Later { wait: Option<Duration>, reason: String },
    /// It has to be sent in parts.
    TooLarge,
    /// Never.
    Refused { reason: String },
}

#[derive(Deserialize)]
struct Answer {
    rejected: Vec<Rejected>,
}

#[derive(Deserialize)]
struct Rejected {
    detail: String,
}

impl Client {
    /// The tracker at an address, with a key: that of a service, which reports for all clients, or of a client, which
    /// reports for itself.
    pub fn new(address: &str, key: &str) -> Result<Self, Error> {
        let bad = || Error::Address(address.to_owned());
        let mut base = Url::parse(address).map_err(|_| bad())?;
        let is_known = base.scheme() == "http" || (cfg!(feature = "rustls") && base.scheme() == "https");
        if !is_known || base.host().is_none() || base.query().is_some() {
            return Err(bad());
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let mut key = HeaderValue::from_str(key).map_err(|_| Error::Key)?;
        key.set_sensitive(true);
        let http = reqwest::Client::builder().timeout(PATIENCE).connect_timeout(CONNECT).build();
        let http = http.map_err(|error| Error::System {
            what: "a client for HTTP",
            source: std::io::Error::other(error),
        })?;
        Ok(Self { http, base, key })
    }

    pub(crate) fn at(&self, path: &str) -> Result<Url, Error> {
        self.base.join(path).map_err(|error| Error::Away(error.to_string()))
    }

    /// Brings a batch to the tracker.
    pub(crate) async fn deliver(&self, batch: &[Event]) -> Delivery {
        let later = |reason: String| Delivery::Later { wait: None, reason };
        let (url, body) = match (self.at("api/logs"), serde_json::to_vec(batch)) {
            (Ok(url), Ok(body)) => (url, body),
            (Err(error), _) => return later(error.to_string()),
            (_, Err(error)) => return Delivery::Refused { reason: error.to_string() },
        };
        let request = self.http.post(url).header("x-api-key", self.key.clone());
        match request.header(CONTENT_TYPE, "application/json").body(body).send().await {
            Ok(response) => judge(response).await,
            Err(error) => later(error.to_string()),
        }
    }
}

async fn judge(response: Response) -> Delivery {
    let (status, wait) = (response.status(), retry_after(&response));
    let text = response.text().await;
    match status {
        StatusCode::OK | StatusCode::CREATED | StatusCode::ACCEPTED => {
            // Without the rest of the answer, it is durable all the same.
            let answer = text.ok().and_then(|text| serde_json::from_str::<Answer>(&text).ok());
            let rejected = answer.map(|answer| answer.rejected).unwrap_or_default();
            Delivery::Taken { rejected: rejected.into_iter().map(|one| one.detail).collect() }
        }
        StatusCode::PAYLOAD_TOO_LARGE => Delivery::TooLarge,
        // No event of the batch is good, or all of them together cost more than a limit ever gives.
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
            Delivery::Refused { reason: text.unwrap_or_default() }
        }
        // A key that is not taken may be taken again: its client may be activated, or the reporter be restarted.
        _ => Delivery::Later { wait, reason: format!("it answers {status}") },
    }
}

pub(crate) fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(MOST))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "in a test, that is how it fails")]

    use super::*;

    #[test]
    fn addresses_are_checked() {
        for bad in ["", "127.0.0.1:8080", "ftp://h", "http://", "http://h/?x=1", "/api"] {
            assert!(matches!(Client::new(bad, "k"), Err(Error::Address(_))), "{bad}");
        }
        assert!(matches!(Client::new("http://h", "a\nb"), Err(Error::Key)));
        let client = Client::new("http://h/tracker", "k").unwrap();
        assert_eq!(client.at("api/logs").unwrap().as_str(), "http://h/tracker/api/logs");
    }
}
