use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use utoipa_axum::routes;

use super::stream::ChangeStream;
use crate::app::App;
use crate::base::error::{Error, Result};
use crate::gate::Backend;
use crate::platform::http::Routes;

const LAST_EVENT_ID: &str = "last-event-id";

/// For nginx, which would otherwise keep events until it has a page full of them.
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// `/changes`.
pub fn routes() -> Routes<App> {
    Routes::new().routes(routes!(changes))
}

/// Stream changes
///
/// Server-sent events for a backend that keeps answers for a while: `session-revoked`, `token-claims-change` and
/// `account-purged` about anyone, `grants-changed` in the key's own service. After `ready`, every change is sent as it
/// happens. On `reset`, discard all kept answers. A comment is sent after 15 seconds of silence. At most 20 streams
/// per key and 100 per service. docs/changes.md explains how to use it safely.
#[utoipa::path(get, path = "/changes", tag = "backends",
    params((
        "Last-Event-ID" = Option<i64>, Header,
        description = "the id of the last event received: the stream continues after it",
        example = 1042,
    )),
    responses(
        (status = 200, description = "events, until either side ends it", body = String,
            content_type = "text/event-stream"),
        (status = 400, description = "`invalid_header`"),
        (status = 429, description = "`too_many_streams`"),
    ),
    security(("service_key" = []), ("service_key_bearer" = [])))]
async fn changes(State(app): State<App>, backend: Backend, headers: HeaderMap) -> Result<Response> {
    let last_seen = last_seen(&headers)?;
    let seat = app.changes.seat(backend)?;
    let subscription = app.changes.subscribe(&app.clock).await?;
    // Who comes back is told before `ready` what is committed by now, even if the reader has not got so far.
    let now = app.changes.head(&app.clock).await?;
    // The end of the key is heard of from here on; it may have come since the first look.
    backend.check_again(&app).await?;
    let headers = [(CONTENT_TYPE, HeaderValue::from_static("text/event-stream")), UNBUFFERED];
    let body = ChangeStream::new(app, backend, subscription, (last_seen.unwrap_or(now), now), seat).into_body();
    Ok((headers, body).into_response())
}

fn last_seen(headers: &HeaderMap) -> Result<Option<i64>> {
    let mut values = headers.get_all(LAST_EVENT_ID).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let is_single = values.next().is_none();
    let text = value.to_str().unwrap_or("?").trim();
    if is_single && text.is_empty() {
        return Ok(None);
    }
    let is_number = is_single && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is_number).map(Some).ok_or_else(|| {
        Error::bad_request(
            "invalid_header",
            "`Last-Event-ID`: send the id of the last event, a number, or leave it out",
        )
    })
}
