//! What can go wrong, and how a caller reads it: `application/problem+json` (RFC 9457).

use std::borrow::Cow;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use sqlx::postgres::PgDatabaseError;

use crate::base::no_primary::NoPrimary;
use crate::base::request_id;

/// The result of everything that a request can be refused for.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request was not answered as asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller's fault, told in full.
    #[error("{}: {}", .0.code, .0.detail)]
    Refused(Box<Refusal>),
    /// Portero can't answer now: Postgres can't be asked. Nothing is valid meanwhile.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// Postgres answers, but must not be asked: it is a standby, or read-only.
    #[error("unavailable: {0}")]
    NoPrimary(NoPrimary),
    /// A bounded queue is full.
    #[error("busy: {0}")]
    Busy(&'static str),
    /// Our own fault: logged, never shown.
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

/// Marks the answer to what could not be answered: it may be asked again.
#[derive(Clone, Copy, Debug)]
pub struct Unanswered;

/// A refusal that tells its reader what to do.
#[derive(Debug)]
pub struct Refusal {
    /// HTTP status.
    pub status: StatusCode,
    /// The contract's machine-readable code.
    pub code: &'static str,
    /// What happened and what to do.
    pub detail: Cow<'static, str>,
    members: Map<String, Value>,
    /// What is answered beside it: when to try again.
    pub headers: HeaderMap,
}

impl Refusal {
    /// What else its body says.
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }
}

impl Error {
    fn refused(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Refused(Box::new(Refusal {
            status,
            code,
            detail: detail.into(),
            members: Map::new(),
            headers: HeaderMap::new(),
        }))
    }

    /// 400.
    pub fn bad_request(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::refused(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 400 `invalid_request_body`, naming the field at fault.
    pub fn invalid_field(field: &str, fault: &str) -> Self {
        let detail = if field.is_empty() || field == "." { fault.to_owned() } else { format!("`{field}`: {fault}") };
        Self::bad_request("invalid_request_body", detail)
    }

    /// The same for all that is wrong at once: each is a field and its fault.
    pub fn invalid_fields(faults: &[(String, String)]) -> Self {
        let each = faults.iter().map(|(field, fault)| match field.as_str() {
            "" | "." => fault.clone(),
            field => format!("`{field}`: {fault}"),
        });
        Self::bad_request("invalid_request_body", each.collect::<Vec<_>>().join("; "))
    }

    /// 401.
    pub fn unauthorized(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::refused(StatusCode::UNAUTHORIZED, code, detail)
    }

    /// 403.
    pub fn forbidden(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::refused(StatusCode::FORBIDDEN, code, detail)
    }

    /// 404.
    pub fn not_found(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::refused(StatusCode::NOT_FOUND, code, detail)
    }

    /// 405.
    pub fn method_not_allowed(detail: &'static str) -> Self {
        Self::refused(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
    }

    /// 408: the body does not come.
    pub fn too_slow() -> Self {
        let detail = "the body did not come in time; send it at once, or check the connection";
        Self::refused(StatusCode::REQUEST_TIMEOUT, "request_timeout", detail)
    }

    /// 409.
    pub fn conflict(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::refused(StatusCode::CONFLICT, code, detail)
    }

    /// 412: `If-Match` names another state than the resource is in.
    pub fn precondition_failed() -> Self {
        let detail = "this was changed or deleted since you read it; read it again before you change it";
        Self::refused(StatusCode::PRECONDITION_FAILED, "precondition_failed", detail)
    }

    /// 413.
    pub fn too_large(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::refused(StatusCode::PAYLOAD_TOO_LARGE, "request_body_too_large", detail)
    }

    /// 415.
    pub fn unsupported_media_type(detail: &'static str) -> Self {
        Self::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    }

    /// 422.
    pub fn unprocessable(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::refused(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// 429, with the headers that say when to try again.
    pub fn too_many_requests(code: &'static str, detail: impl Into<Cow<'static, str>>, headers: HeaderMap) -> Self {
        let mut error = Self::refused(StatusCode::TOO_MANY_REQUESTS, code, detail);
        if let Self::Refused(refusal) = &mut error {
            refusal.headers = headers;
        }
        error
    }

    /// The same refusal with one more header.
    #[must_use]
    pub fn with_header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        if let Self::Refused(refusal) = &mut self {
            refusal.headers.insert(name, value);
        }
        self
    }

    /// The same refusal with one more member in its body.
    #[must_use]
    pub fn with(mut self, member: &'static str, value: impl Into<Value>) -> Self {
        if let Self::Refused(refusal) = &mut self {
            refusal.members.insert(member.to_owned(), value.into());
        }
        self
    }

    /// The same fault of the field that this request calls `name`.
    #[must_use]
    pub fn of_field(mut self, name: &str) -> Self {
        if let Self::Refused(refusal) = &mut self
            && let Some((_, fault)) = refusal.detail.split_once("`: ")
        {
            refusal.detail = format!("`{name}`: {fault}").into();
        }
        self
    }

    /// The HTTP status this answers with.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Refused(refusal) => refusal.status,
            Self::Unavailable(_) | Self::NoPrimary(_) | Self::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<NoPrimary> for Error {
    fn from(none: NoPrimary) -> Self {
        if none.unfit().is_some() { Self::NoPrimary(none) } else { Self::Unavailable(none.to_string()) }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = self.status();
        let unavailable = |why: &str| {
            tracing::warn!(%why, "unavailable");
            let detail: Cow<'static, str> = "Portero can't answer at the moment; try again shortly".into();
            ("unavailable", detail, Map::new())
        };
        let mut own_headers = HeaderMap::new();
        let (code, detail, mut body) = match self {
            Self::Refused(refusal) => {
                own_headers = refusal.headers;
                (refusal.code, refusal.detail, refusal.members)
            }
            Self::Unavailable(why) => unavailable(&why),
            Self::NoPrimary(none) => {
                let (code, _, members) = unavailable(&none.to_string());
                (code, none.in_short().into(), members)
            }
            Self::Busy(why) => unavailable(why),
            Self::Internal(error) => {
                tracing::error!(error = causes(&error), "internal error");
                let detail = "something went wrong on our side; the log has it under this request_id".into();
                ("internal_error", detail, Map::new())
            }
        };
        body.insert("error".into(), code.into());
        body.insert("detail".into(), detail.into());
        body.insert("type".into(), "about:blank".into());
        body.insert("title".into(), status.canonical_reason().unwrap_or("Error").into());
        body.insert("status".into(), status.as_u16().into());
        if let Some(id) = request_id::current() {
            body.insert("request_id".into(), json!(id));
        }

        let mut response = (status, Value::Object(body).to_string()).into_response();
        let headers = response.headers_mut();
        headers.extend(own_headers);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, challenge(code));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
                response.extensions_mut().insert(Unanswered);
            }
            _ => {}
        }
        response
    }
}

/// What happened and why, in one line: each cause once, also where the one above it has told it already.
pub fn causes(error: &anyhow::Error) -> String {
    let mut told: Vec<String> = Vec::new();
    for cause in error.chain() {
        let said = match cause.downcast_ref::<Error>() {
            Some(Error::Refused(refusal)) => refusal.detail.clone().into_owned(),
            Some(Error::Busy(why)) => format!("too much is going on ({why}); try again"),
            Some(Error::Unavailable(why)) => format!("Postgres can't answer now ({why}); try again"),
            Some(Error::NoPrimary(none)) => format!("{none}; {}", none.advice()),
            _ => of_postgres(cause),
        };
        if !told.iter().any(|above| above.contains(&said)) {
            told.push(said);
        }
    }
    told.join(": ")
}

/// RFC 6750 section 3: the error code only where a credential was presented.
fn challenge(code: &str) -> HeaderValue {
    HeaderValue::from_static(match code {
        "invalid_token" => r#"Bearer realm="portero", error="invalid_token""#,
        "expired_token" => r#"Bearer realm="portero", error="invalid_token", error_description="expired""#,
        _ => r#"Bearer realm="portero""#,
    })
}

fn of_postgres(cause: &(dyn std::error::Error + 'static)) -> String {
    let by_type = (cause.downcast_ref::<NoPrimary>(), cause.downcast_ref(), cause.downcast_ref::<PgDatabaseError>());
    match by_type {
        (Some(none), ..) => format!("{none}; {}", none.advice()),
        (_, Some(error), _) => plainly(error),
        (.., Some(error)) => error.message().to_owned(),
        _ => cause.to_string(),
    }
}

/// What went wrong between us and Postgres, without the line of its source code where it noticed.
pub fn plainly(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::Configuration(error) => error.to_string(),
        sqlx::Error::PoolTimedOut => "no connection to Postgres became free in time".to_owned(),
        other => other.to_string(),
    }
}

/// Names the constraint whose violation is the caller's fault.
pub trait OnConstraint<T> {
    /// Turns a violation of `constraint` into `refusal`; every other error stays what it is.
    fn on_constraint(self, constraint: &str, refusal: Error) -> Result<T>;
}

impl<T> OnConstraint<T> for sqlx::Result<T> {
    fn on_constraint(self, constraint: &str, refusal: Error) -> Result<T> {
        self.map_err(|error| match &error {
            sqlx::Error::Database(database) if database.constraint() == Some(constraint) => refusal,
            _ => error.into(),
        })
    }
}

impl<T> OnConstraint<T> for Result<T> {
    fn on_constraint(self, constraint: &str, refusal: Error) -> Result<T> {
        self.map_err(|error| match &error {
            Error::Internal(inner) => match inner.downcast_ref::<sqlx::Error>() {
                Some(sqlx::Error::Database(database)) if database.constraint() == Some(constraint) => refusal,
                _ => error,
            },
            _ => error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_was_told_already_is_not_told_again() {
        let refused = || std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let error = anyhow::Error::from(sqlx::Error::Io(refused())).context("can't connect");
        assert_eq!(causes(&error), "can't connect: connection refused");
        let error = anyhow::Error::from(refused()).context(format!("no way: {}", refused()));
        assert_eq!(causes(&error), "no way: connection refused");
        let error = anyhow::anyhow!("the cause").context("in between").context("what happened");
        assert_eq!(causes(&error), "what happened: in between: the cause");
    }
}
