//! The span of a request, by OpenTelemetry's conventions for HTTP servers.

use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use tracing::field::Empty;
use tracing::{Instrument, Span, info_span};

use crate::platform::http::Settings;
use crate::platform::http::access_log::ClientAddress;
use crate::platform::metrics::method_label;
use crate::platform::traces::{self, TARGET};

/// A request's span, which continues the caller's trace. The path itself is left out: it may name somebody.
pub(super) fn span(settings: &Settings, request: &Request, id: &str) -> Span {
    let method = method_label(request.method());
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let ClientAddress(client) = ClientAddress::of(request.extensions(), request.headers(), settings);
    let span = info_span!(
        target: TARGET,
        "request",
        otel.name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}")),
        otel.kind = "server",
        otel.status_code = Empty,
        "error.type" = Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
        url.scheme = "http",
        server.address = %settings.listen.ip(),
        server.port = settings.listen.port(),
        client.address = %client,
        portero.request_id = id
    );
    traces::follow(&span, request.headers());
    span
}

/// Answers within its span.
pub(super) async fn within(span: Span, answer: impl Future<Output = Response>) -> Response {
    let response = Box::pin(answer).instrument(span.clone()).await;
    let status = response.status();
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
        span.record("error.type", status.as_str());
    }
    response
}
