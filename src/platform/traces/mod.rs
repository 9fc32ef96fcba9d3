//! Traces for an OpenTelemetry collector: a span for each request, and below it one for each step that may take time.
//!
//! Their spans have a target of their own, which no line of the log shows and which is off, at the cost of one
//! comparison, unless `OTEL_EXPORTER_OTLP_ENDPOINT` is set. Attributes never hold a token, a password or a path: only
//! its template.

#[cfg(feature = "otlp")]
mod collector;
#[cfg(not(feature = "otlp"))]
mod disabled;
#[cfg(feature = "otlp")]
mod export;

use tracing::{Span, info_span};

#[cfg(not(feature = "otlp"))]
pub use disabled::{Traces, follow, layer};
#[cfg(feature = "otlp")]
pub use export::{Traces, follow, layer};

/// The target of every span that is exported, and of nothing else: no module may have a name that begins so, since a
/// filter of the log goes by the beginning.
pub const TARGET: &str = "portero::otlp";

/// A step of ours.
pub fn step(name: &'static str) -> Span {
    info_span!(target: TARGET, "step", otel.name = name)
}

/// A question to Postgres, or some that are asked together, by a name of ours.
pub fn query(name: &'static str) -> Span {
    info_span!(
        target: TARGET,
        "query",
        otel.name = name,
        otel.kind = "client",
        db.system.name = "postgresql",
        db.query.summary = name
    )
}
