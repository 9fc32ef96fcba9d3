//! What is logged, and what is traced.

use std::io::IsTerminal;

use tokio::runtime::Handle;
use tracing_subscriber::filter::Directive;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

use crate::config::Config;
use crate::traces::{self, Traces};

/// Begins to log what the settings, or else `default`, say; and, in a server, to send traces where they say so.
pub(super) fn start(config: &Config, default: &str, is_server: bool, runtime: &Handle) -> anyhow::Result<Traces> {
    let filter =
        EnvFilter::try_new(config.log.as_deref().unwrap_or(default)).unwrap_or_else(|_| EnvFilter::new(default));
    // Spans are for the collector; without one they are never made.
    let no_spans: Directive = format!("{}=off", traces::TARGET).parse()?;
    let filter = filter.add_directive(no_spans);
    let wanted = config.traces && is_server;
    if wanted && let Some((layer, traces)) = traces::layer(runtime)? {
        registry().with(layer).with(lines().with_filter(filter)).init();
        tracing::info!("traces go to the collector at OTEL_EXPORTER_OTLP_ENDPOINT");
        return Ok(traces);
    }
    registry().with(filter).with(lines()).init();
    if wanted {
        tracing::warn!("OTEL_EXPORTER_OTLP_ENDPOINT is set, but this Portero was built without the feature otlp");
    }
    Ok(Traces::default())
}

/// Lines for people on a terminal, JSON otherwise; on standard error, so that standard output is the command's own.
fn lines<S>() -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'span> registry::LookupSpan<'span>,
{
    let lines = fmt::layer().with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() { lines.boxed() } else { lines.json().flatten_event(true).boxed() }
}
