//! Traces: spans of requests and of batches, for a collector, by OTLP.
//!
//! | File | Holds |
//! |---|---|
//! | this one | [`Traces`]: what the process has of it, from the start to the last span |
//! | `exporting` | spans on their way, counted; a collector that is away is told of once |
//! | `transport` | HTTP, on the server's own runtime |
//! | `requests` | spans of requests, as children of what callers say |
//!
//! Whoever makes a span never waits: so many wait to be sent, and what is more is let go of.

use std::sync::Arc;
use std::time::Duration;

use activity_domain::counting::Counter;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider};
use tokio::runtime::Handle;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::{Layer, Registry};

use crate::config::Collector;

mod exporting;
mod requests;
mod transport;

pub use requests::RequestSpans;

const NAME: &str = "activity-tracker";
/// What may wait to be sent.
const MAX_WAITING: usize = 2_048;
/// What is sent at a time, and how often if that is not reached.
const MAX_AT_ONCE: usize = 512;
const EVERY: Duration = Duration::from_secs(1);
/// What the collector may take for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Spans, since the start.
#[derive(Debug, Default)]
pub struct TraceCounts {
    /// Those that the collector took.
    pub sent: Counter,
    /// Those that it did not take.
    pub failed: Counter,
}

/// What there is of traces in a process.
pub struct Traces {
    provider: SdkTracerProvider,
    counts: Arc<TraceCounts>,
}

impl Traces {
    /// Traces to a collector. That is no contact yet.
    pub fn new(collector: &Collector, runtime: &Handle) -> Result<Self, String> {
        let client = transport::Client::new(collector, PATIENCE, runtime)?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(collector.traces())
            .with_timeout(PATIENCE)
            .build()
            .map_err(|error| error.to_string())?;
        let counts = Arc::<TraceCounts>::default();
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(MAX_WAITING)
            .with_max_export_batch_size(MAX_AT_ONCE)
            .with_scheduled_delay(EVERY)
            .build();
        let exporter = exporting::Watched::new(exporter, counts.clone());
        let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
        let provider =
            SdkTracerProvider::builder().with_span_processor(processor).with_resource(resource()).build();
        Ok(Self { provider, counts })
    }

    /// What takes spans out of what the program says.
    pub fn layer(&self) -> Box<dyn Layer<Registry> + Send + Sync> {
        // Only what is meant for it, on whatever level the log is: events of the log stay in the log.
        let is_ours = |metadata: &tracing::Metadata<'_>| {
            metadata.is_span() && metadata.target() == activity_http::watch::SPAN
        };
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer(NAME))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_context_activation(false)
            .with_filter(filter_fn(is_ours).with_max_level_hint(LevelFilter::TRACE))
            .boxed()
    }

    /// What became of spans.
    pub fn counts(&self) -> Arc<TraceCounts> {
        self.counts.clone()
    }

    /// Sends what waits, within a time.
    pub async fn flush(&self, within: Duration) {
        let provider = self.provider.clone();
        // It waits on its own thread. What is not sent by then is not worth waiting for.
        let flushing = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(within));
        let _ = tokio::time::timeout(within, flushing).await;
    }
}

/// What the spans are of. `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say it otherwise.
fn resource() -> Resource {
    let resource =
        Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    let is_named = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if is_named("OTEL_SERVICE_NAME") || is_named("OTEL_RESOURCE_ATTRIBUTES") {
        return resource.build();
    }
    resource.with_service_name(NAME).build()
}
