//! The body of a request: client metadata (RFC 7591 section 2).

use axum::extract::{FromRequest, Request};
use serde_json::{Map, Value};

use crate::base::error;
use crate::oauth::error::{Error, Result};
use crate::platform::http::{MAX_OF_STRANGERS, read};

/// A JSON object.
#[derive(Debug)]
pub(super) struct Metadata(pub Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Metadata {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        let body = read(request.into_body(), MAX_OF_STRANGERS).await?;
        let said = serde_json::from_slice(&body).map_err(|_| invalid("the body is not a JSON object"))?;
        Ok(Self(said))
    }
}

impl Metadata {
    /// A member that is a text.
    pub(super) fn text(&self, member: &str) -> Option<&str> {
        self.0.get(member).and_then(Value::as_str)
    }
}

/// 400 `invalid_client_metadata`.
pub(super) fn invalid(description: &str) -> Error {
    Error::new(axum::http::StatusCode::BAD_REQUEST, "invalid_client_metadata", description.to_owned())
}

/// A refusal of ours in the words of RFC 7591 section 3.2.2.
pub(super) fn in_its_words(refused: error::Error) -> Error {
    let error::Error::Refused(refusal) = refused else { return refused.into() };
    let is_redirect = refusal.detail.contains("`redirect_uris");
    match refusal.code {
        "invalid_request_body" if is_redirect => Error::new(refusal.status, "invalid_redirect_uri", refusal.detail),
        "invalid_request_body" => Error::new(refusal.status, "invalid_client_metadata", refusal.detail),
        "too_many_clients" => Error::new(axum::http::StatusCode::FORBIDDEN, "access_denied", refusal.detail),
        _ => error::Error::Refused(refusal).into(),
    }
}
