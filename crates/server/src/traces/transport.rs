//! HTTP to the collector. Spans are sent from a thread that has no runtime; the server has one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::Handle;

use crate::config::Collector;

/// A client on a runtime.
#[derive(Debug)]
pub struct Client {
    client: Arc<dyn HttpClient>,
    runtime: Handle,
}

impl Client {
    /// For a collector, which has to answer in time. The error says why there cannot be one.
    pub fn new(collector: &Collector, patience: Duration, runtime: &Handle) -> Result<Self, String> {
        let connector = connector(collector.traces().starts_with("https:"))?;
        let _entered = runtime.enter();
        let client = Arc::new(HyperClient::new(connector, patience, None));
        Ok(Self { client, runtime: runtime.clone() })
    }
}

/// The platform's authorities are looked for where they are needed.
fn connector(
    is_secure: bool,
) -> Result<HttpsConnector<hyper_util::client::legacy::connect::HttpConnector>, String> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let config = if is_secure {
        config.with_native_roots().map_err(|error| format!("the platform's certificates: {error}"))?
    } else {
        config.with_root_certificates(RootCertStore::empty())
    };
    let config = config.with_no_client_auth();
    Ok(HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build())
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        self.runtime.spawn(async move { client.send_bytes(request).await }).await?
    }
}
