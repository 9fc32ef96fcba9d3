use std::fmt;

use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;

use super::MAX_OF_STRANGERS;
use super::json::read;
use crate::base::error::Error;

/// The text of a form (`application/x-www-form-urlencoded`), which strangers may send.
pub struct Form(pub String);

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Form(***)")
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let media = request.headers().get(CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or_default();
        let essence = media.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Error::unsupported_media_type(
                "send a form: `Content-Type: application/x-www-form-urlencoded`",
            ));
        }
        let body = read(request.into_body(), MAX_OF_STRANGERS).await?;
        let text = String::from_utf8(body.into()).map_err(|_| Error::invalid_field("", "the form is not UTF-8"))?;
        Ok(Self(text))
    }
}
