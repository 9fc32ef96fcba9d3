//! Spans on their way to the collector. The SDK reads the variables that OpenTelemetry has for it (`OTEL_…`).

use std::time::Duration;

use anyhow::Context;
use axum::http::HeaderMap;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TracerProvider;
use opentelemetry::{Key, KeyValue};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use super::TARGET;
use super::collector::Collector;

/// How long a stop waits for a collector to take what is left.
const LEFTOVERS: Duration = Duration::from_secs(2);

/// Spans that are collected.
#[derive(Debug, Default)]
#[must_use = "what is not yet sent is lost without `stop`"]
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Sends what is left, if the collector takes it soon.
    pub fn stop(self) {
        if let Some(provider) = self.0
            && provider.shutdown_with_timeout(LEFTOVERS).is_err()
        {
            tracing::warn!("the collector did not take the last traces");
        }
    }
}

/// What turns spans of [`TARGET`] into traces, sent on `runtime`.
pub fn layer<S>(runtime: &Handle) -> anyhow::Result<Option<(impl Layer<S> + use<S>, Traces)>>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let collector = Collector::reached_on(runtime.clone())?;
    let exporter = SpanExporter::builder().with_http().with_http_client(collector).build();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter.context("OTEL_EXPORTER_OTLP_ENDPOINT")?)
        .with_resource(ourselves())
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("portero"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_context_activation(false)
        // Spans alone: what is logged meanwhile stays in the log.
        .with_filter(filter_fn(|metadata| metadata.is_span() && metadata.target() == TARGET));
    Ok(Some((layer, Traces(Some(provider)))))
}

/// As `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say, or else by our own name.
fn ourselves() -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let named = Resource::builder().with_attribute(version.clone()).build();
    let is_named = named
        .get(&Key::from_static_str("service.name"))
        .is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    if is_named { named } else { Resource::builder().with_attribute(version).with_service_name("portero").build() }
}

/// Makes `span` part of the trace that the caller has begun, if it sends a `traceparent` (W3C Trace Context).
pub fn follow(span: &Span, headers: &HeaderMap) {
    let caller = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
    // A span that nobody collects follows nobody.
    let _ = span.set_parent(caller);
}
