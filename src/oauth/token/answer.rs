use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, PRAGMA};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::platform::http::Json;

/// New tokens (RFC 6749 section 5.1).
#[derive(Serialize, ToSchema)]
pub struct IssuedTokens {
    /// The access token: a JWT (RFC 9068), or an opaque one.
    #[schema(example = "pat_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627304e2b7c0")]
    pub(super) access_token: String,
    /// `Bearer`; `DPoP` of a token that is bound to a key (RFC 9449).
    #[schema(example = "Bearer")]
    pub(super) token_type: &'static str,
    /// For how many seconds the access token is good.
    #[schema(example = 300)]
    pub(super) expires_in: i64,
    /// What was granted: it may be less than was asked for.
    #[schema(example = "openid profile")]
    pub(super) scope: String,
    /// For the next access token, if the client may refresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) refresh_token: Option<String>,
    /// Who logged in, and when: if the scope has `openid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) id_token: Option<String>,
    /// What was issued for another token (RFC 8693 section 2.2.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, example = "urn:ietf:params:oauth:token-type:access_token")]
    pub(super) issued_token_type: Option<&'static str>,
}

impl IntoResponse for IssuedTokens {
    fn into_response(self) -> Response {
        let headers =
            [(CACHE_CONTROL, HeaderValue::from_static("no-store")), (PRAGMA, HeaderValue::from_static("no-cache"))];
        (headers, Json(self)).into_response()
    }
}
