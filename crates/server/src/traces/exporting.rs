//! Spans on their way to the collector.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use super::TraceCounts;

/// An exporter whose spans are counted.
#[derive(Debug)]
pub struct Watched<E> {
    exporter: E,
    counts: Arc<TraceCounts>,
    is_away: AtomicBool,
}

impl<E> Watched<E> {
    pub fn new(exporter: E, counts: Arc<TraceCounts>) -> Self {
        Self { exporter, counts, is_away: AtomicBool::new(false) }
    }

    /// An outage is told once, and not with every batch.
    fn note(&self, spans: u64, sent: &OTelSdkResult) {
        match sent {
            Ok(()) => {
                self.counts.sent.add_many(spans);
                if self.is_away.swap(false, Ordering::Relaxed) {
                    tracing::info!("the collector takes spans again");
                }
            }
            Err(error) => {
                self.counts.failed.add_many(spans);
                if !self.is_away.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, "the collector takes no spans; they are lost until it does");
                }
            }
        }
    }
}

impl<E: SpanExporter> SpanExporter for Watched<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len() as u64;
        let sent = self.exporter.export(batch).await;
        self.note(spans, &sent);
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
