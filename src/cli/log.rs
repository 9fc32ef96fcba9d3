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
    let filter = filter(config.log.as_deref().unwrap_or(default), default)?;
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

/// `wanted`, without the spans: they are for the collector, and where there is none they are never made.
fn filter(wanted: &str, default: &str) -> anyhow::Result<EnvFilter> {
    let no_spans: Directive = format!("{}=off", traces::TARGET).parse()?;
    Ok(EnvFilter::try_new(wanted).unwrap_or_else(|_| EnvFilter::new(default)).add_directive(no_spans))
}

/// Lines for people on a terminal, JSON otherwise; on standard error, so that standard output is the command's own.
fn lines<S>() -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'span> registry::LookupSpan<'span>,
{
    let lines = fmt::layer().with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() { lines.boxed() } else { lines.json().flatten_event(true).boxed() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_logged_no_span_is_made_without_a_collector() {
        for wanted in ["info", "trace", "portero::otlp=trace", "portero=trace", "nonsense=nonsense"] {
            let logging = registry().with(filter(wanted, "info").expect("a filter")).with(lines());
            tracing::subscriber::with_default(logging, || {
                assert!(traces::step("step").is_disabled(), "{wanted}");
                assert!(traces::query("query").is_disabled(), "{wanted}");
            });
        }
    }
}
