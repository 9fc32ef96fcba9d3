//! Errors as the standards of OAuth say them (RFC 6749 section 5.2): `{"error": …, "error_description": …}`.

use std::borrow::Cow;

use axum::http::header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::base::error::{self, causes};

/// The result of everything that an endpoint of OAuth can refuse.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an endpoint of OAuth did not do what it was asked for.
#[derive(Debug)]
pub struct Error {
    /// HTTP status.
    pub status: StatusCode,
    /// The standard's code.
    pub code: &'static str,
    /// What happened and what to do, in ASCII, without `"` and `\` (RFC 6749 appendix A.8).
    pub description: Cow<'static, str>,
    headers: Box<HeaderMap>,
}

impl Error {
    /// One of these.
    pub fn new(status: StatusCode, code: &'static str, description: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, description: description.into(), headers: Box::default() }
    }

    /// 400 `invalid_request`: a parameter is missing, doubled or no such thing.
    pub fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    /// 401 `invalid_client`: the client is unknown, or did not prove who it is.
    pub fn invalid_client() -> Self {
        Self::invalid_client_because(
            "unknown client, or its authentication failed: check client_id and the secret or signed assertion (aud, exp, jti, key)",
        )
    }

    /// The same for a reason that is the client's to know.
    pub fn invalid_client_because(description: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_client", description)
            .with(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"portero\", charset=\"UTF-8\""))
    }

    /// 400 `invalid_grant`: a code, a refresh token or a password is not good, or not this client's.
    pub fn invalid_grant(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_grant", description)
    }

    /// 400 `unauthorized_client`: the client may not use this grant.
    pub fn unauthorized_client(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "unauthorized_client", description)
    }

    /// 400 `invalid_scope`.
    pub fn invalid_scope(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_scope", description)
    }

    /// 400 `invalid_target` (RFC 8707 section 2): a resource that the client's tokens are not for.
    pub fn invalid_target(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_target", description)
    }

    /// 400 with a code of a device's poll (RFC 8628 section 3.5).
    pub fn of_a_poll(code: &'static str, description: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, description)
    }

    /// 400 `unsupported_grant_type`.
    pub fn unsupported_grant_type() -> Self {
        let description = "this grant_type is not supported: see grant_types_supported in the discovery document";
        Self::new(StatusCode::BAD_REQUEST, "unsupported_grant_type", description)
    }

    /// 401 `invalid_token` (RFC 6750 section 3.1), for endpoints that take access tokens.
    pub fn invalid_token() -> Self {
        let challenge = HeaderValue::from_static(
            "Bearer realm=\"portero\", error=\"invalid_token\", error_description=\"the access token is unknown, expired or revoked\"",
        );
        Self::new(StatusCode::UNAUTHORIZED, "invalid_token", "the access token is unknown, expired or revoked")
            .with(WWW_AUTHENTICATE, challenge)
    }

    /// The same in other words.
    #[must_use]
    pub fn described(self, description: impl Into<Cow<'static, str>>) -> Self {
        Self { description: description.into(), ..self }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

impl From<error::Error> for Error {
    fn from(error: error::Error) -> Self {
        use error::Error as Base;
        let unavailable = |why: &str| {
            tracing::warn!(%why, "unavailable");
            let description = "Portero can't answer at the moment; try again shortly";
            Self::new(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", description)
                .with(RETRY_AFTER, HeaderValue::from_static("1"))
        };
        match error {
            Base::Refused(refusal) => {
                let code = match refusal.status {
                    StatusCode::TOO_MANY_REQUESTS => "temporarily_unavailable",
                    StatusCode::UNAUTHORIZED => "invalid_token",
                    StatusCode::FORBIDDEN => "access_denied",
                    _ => "invalid_request",
                };
                Self { headers: Box::new(refusal.headers), ..Self::new(refusal.status, code, refusal.detail) }
            }
            Base::Unavailable(why) => unavailable(&why),
            Base::NoPrimary(none) => unavailable(&none.to_string()),
            Base::Busy(why) => unavailable(why),
            Base::Internal(error) => {
                tracing::error!(error = causes(&error), "internal error");
                let description = "something went wrong on our side; the log has it under this request's id";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", description)
            }
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let body = json!({"error": self.code, "error_description": in_ascii(&self.description)});
        let mut response = (self.status, axum::Json(body)).into_response();
        response.headers_mut().extend(*self.headers);
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

/// Without what the standard does not allow in a description (RFC 6749 sections 4.1.2.1 and 5.2).
pub(super) fn in_ascii(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '"' | '`' | '\\' => '\'',
            ' '..='~' => c,
            _ => '?',
        })
        .collect()
}
