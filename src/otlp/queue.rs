//! The two ends of a queue: what goes in is counted, and what comes out of it is, sent or lost.
//!
//! The library's queues have bounds, and drop what is beyond without telling how many; so whether there is room is asked
//! of the [`CollectorLink`] before.

use super::link::{CollectorLink, Signal};
use opentelemetry::{Context, InstrumentationScope};
use opentelemetry_otlp::{LogExporter, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{self, BatchLogProcessor, LogBatch, LogProcessor, SdkLogRecord};
use opentelemetry_sdk::trace::{self, BatchSpanProcessor, SpanData, SpanProcessor};
use std::sync::Arc;
use std::time::Duration;

/// Where spans or log records go in.
#[derive(Debug)]
pub(super) struct Queued<P> {
    inner: P,
    link: Arc<CollectorLink>,
}

impl<P> Queued<P> {
    pub(super) fn new(inner: P, link: &Arc<CollectorLink>) -> Self {
        Queued { inner, link: Arc::clone(link) }
    }
}

impl SpanProcessor for Queued<BatchSpanProcessor> {
    fn on_start(&self, span: &mut trace::Span, context: &Context) {
        self.inner.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if self.link.has_room(Signal::Traces) {
            self.inner.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl LogProcessor for Queued<BatchLogProcessor> {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        if self.link.has_room(Signal::Logs) {
            self.inner.emit(record, scope);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// Where they come out.
#[derive(Debug)]
pub(super) struct CountedExporter<E> {
    inner: E,
    link: Arc<CollectorLink>,
}

impl<E> CountedExporter<E> {
    pub(super) fn new(inner: E, link: &Arc<CollectorLink>) -> Self {
        CountedExporter { inner, link: Arc::clone(link) }
    }
}

impl trace::SpanExporter for CountedExporter<SpanExporter> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        let sent = self.inner.export(batch).await;
        self.link.settle(Signal::Traces, count, sent.is_ok());
        sent
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl logs::LogExporter for CountedExporter<LogExporter> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let count = batch.iter().count();
        let sent = self.inner.export(batch).await;
        self.link.settle(Signal::Logs, count, sent.is_ok());
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
