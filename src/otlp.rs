//! Traces and logs for a collector of OpenTelemetry (`serve --otlp`), over HTTP as Protocol Buffers.
//!
//! Spans and log records wait in a bounded queue each, and a thread of the library's own sends each queue in batches. The
//! HTTP is `ureq`'s, which the client of a processor has anyway: those threads may wait for an answer, for nobody waits for
//! them.
//!
//! **Invariant:** a collector that is away, slow or broken holds up nothing and takes away nothing but traces and logs, of
//! which what is lost is counted and said ([`link`]); the end waits [`END`] for it at the most.

mod link;
mod queue;
mod sender;

use crate::client::trusting;
use crate::error::{Error, Result};
use event_feeder::world::Instant;
use link::{CollectorLink, Signal, WAITING_MAX};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_http::HeaderExtractor;
use opentelemetry_otlp::{LogExporter, Protocol, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{self, BatchLogProcessor, SdkLoggerProvider};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{self, BatchSpanProcessor, SdkTracerProvider};
use processor::service::writer_name;
use processor::traced::{Follows, TARGET};
use queue::{CountedExporter, Queued};
use sender::SignalSender;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tracing::Span;
use tracing::level_filters::LevelFilter;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::{EnvFilter, Layer, Registry};
use ureq::Agent;
use ureq::http::{HeaderMap, Uri};

/// How long the end waits for what has not been sent yet.
const END: Duration = Duration::from_secs(3);
/// How long a connection to a collector may take to open.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a batch may take to be sent and answered.
const SEND: Duration = Duration::from_secs(10);
/// Who the spans and log records are of.
const SERVICE: &str = "timeline";

/// What makes the span of a request follow the trace that its client is in: the header `traceparent` of W3C.
pub(crate) const FOLLOWS: Option<Follows> = Some(follow);

/// A collector, and what is on its way to it.
#[derive(Debug)]
pub(crate) struct Collector {
    traces: SdkTracerProvider,
    logs: SdkLoggerProvider,
    link: Arc<CollectorLink>,
}

impl Collector {
    /// The collector at a base URL such as `http://127.0.0.1:4318`, behind TLS trusted by the certificates in a file or by
    /// those that browsers trust. It need not be there.
    ///
    /// # Errors
    /// [`Error::Usage`] for what is no such URL, and for settings of the environment (`OTEL_...`) that make no sense.
    pub(crate) fn new(url: &str, ca: Option<&Path>) -> Result<Collector> {
        let wrong = |why: &str| {
            Error::Usage(format!(
                "--otlp {url}: {why}\n  help: write http://HOST:PORT of a collector that takes OTLP over HTTP; its port is mostly 4318"
            ))
        };
        let base = url.trim_end_matches('/');
        let is_tls = match base.parse::<Uri>() {
            Ok(uri) if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) => {
                // It would be in every line that names the collector.
                return Err(Error::Usage(
                    "--otlp: a secret does not belong into the URL\n  help: OTEL_EXPORTER_OTLP_HEADERS may hold one, such as authorization=Bearer%20TOKEN".into(),
                ));
            }
            Ok(uri) if uri.query().is_some() => return Err(wrong("a collector's URL has no parameters")),
            Ok(uri) if uri.scheme_str() == Some("http") => false,
            Ok(uri) if uri.scheme_str() == Some("https") => true,
            _ => return Err(wrong("this is no URL of a collector")),
        };
        if Signal::ALL.iter().any(|signal| base.ends_with(signal.path())) {
            return Err(wrong("name the collector alone, without a path such as /v1/traces"));
        }
        if is_tls && !cfg!(feature = "pulsar") {
            return Err(wrong("this build speaks no TLS (built without the `pulsar` feature, which brings it)"));
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(SEND));
        let agent = trusting(config, ca.filter(|_| is_tls))?.new_agent();
        let link = Arc::new(CollectorLink::new(base.to_owned()));
        let sender = |signal| SignalSender::new(agent.clone(), signal, Arc::clone(&link));
        let spans = SpanExporter::builder()
            .with_http()
            .with_http_client(sender(Signal::Traces))
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{base}{}", Signal::Traces.path()))
            .with_retry_policy(RetryPolicy::disabled())
            .build()
            .map_err(|error| wrong(&error.to_string()))?;
        let records = LogExporter::builder()
            .with_http()
            .with_http_client(sender(Signal::Logs))
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{base}{}", Signal::Logs.path()))
            .with_retry_policy(RetryPolicy::disabled())
            .build()
            .map_err(|error| wrong(&error.to_string()))?;
        let spans = BatchSpanProcessor::builder(CountedExporter::new(spans, &link))
            .with_batch_config(trace::BatchConfigBuilder::default().with_max_queue_size(WAITING_MAX).build())
            .build();
        let records = BatchLogProcessor::builder(CountedExporter::new(records, &link))
            .with_batch_config(logs::BatchConfigBuilder::default().with_max_queue_size(WAITING_MAX).build())
            .build();
        let resource = Resource::builder()
            .with_service_name(SERVICE)
            .with_attributes([
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
                KeyValue::new("service.instance.id", writer_name()),
            ])
            .build();
        let traces = SdkTracerProvider::builder()
            .with_span_processor(Queued::new(spans, &link))
            .with_resource(resource.clone())
            .build();
        let logs = SdkLoggerProvider::builder()
            .with_log_processor(Queued::new(records, &link))
            .with_resource(resource)
            .build();
        Ok(Collector { traces, logs, link })
    }

    /// What hands spans over to it, and the events that a filter lets through.
    pub(crate) fn layers(&self, filter: EnvFilter) -> Vec<Box<dyn Layer<Registry> + Send + Sync>> {
        let traces = tracing_opentelemetry::layer::<Registry>()
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_tracer(self.traces.tracer(SERVICE))
            .with_filter(Targets::new().with_target(TARGET, LevelFilter::INFO));
        let logs = Layer::<Registry>::with_filter(OpenTelemetryTracingBridge::new(&self.logs), filter);
        vec![traces.boxed(), logs.boxed()]
    }

    /// Sends what is left, and says what could not be sent within [`END`].
    pub(crate) fn end(&self) {
        self.link.end();
        let until = Instant::now() + END;
        let left = || until.saturating_duration_since(Instant::now());
        // What was not sent is counted, whatever the reason.
        let _ = self.traces.shutdown_with_timeout(left());
        let _ = self.logs.shutdown_with_timeout(left());
        self.link.say_unsent();
    }
}

/// Makes the span of a request a child of the one that its headers name.
fn follow(span: &Span, headers: &HeaderMap) {
    let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &HeaderExtractor(headers));
    if parent.span().span_context().is_valid() {
        // A span that nobody wants has no parent either.
        let _ = span.set_parent(parent);
    }
}

#[cfg(test)]
mod tests {
    use super::Collector;

    #[test]
    fn what_is_no_collector_is_refused() {
        for (wrong, why) in [
            ("localhost:4318", "no URL"),
            ("4318", "no URL"),
            ("grpc://h:4317", "no URL"),
            ("http://h:4318/v1/traces", "without a path"),
            ("http://h:4318/?x=y", "no parameters"),
            ("http://user:secret@h:4318", "OTEL_EXPORTER_OTLP_HEADERS"),
        ] {
            let error = Collector::new(wrong, None).unwrap_err().to_string();
            assert!(error.starts_with("--otlp") && error.contains(why) && !error.contains("secret@"), "{error}");
        }
    }
}
