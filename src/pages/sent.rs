//! A form that a page of ours has sent, from the browser that was shown it.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::page::{answered, problem};
use super::words::Words;
use crate::base::error::Error;
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::visit::Visit;
use crate::platform::http::Form;

/// What a page of ours has sent. Forms of anybody else are answered with a page that says so (403).
#[derive(Debug)]
pub struct Sent {
    /// By whom.
    pub visit: Visit,
    /// What.
    pub form: Parameters,
}

impl Sent {
    /// Reads what was sent in a visit.
    ///
    /// # Errors
    /// The answer to what is no form, and to a form that is not ours.
    pub async fn within(visit: Visit, request: Request, pages: &Pages) -> Result<Self, Response> {
        let Form(text) = Form::from_request(request, pages).await.map_err(Error::into_response)?;
        let form = Parameters::of_a_form(&text).unwrap_or_default();
        if visit.sent(&form) {
            return Ok(Self { visit, form });
        }
        let sentence = Words::of(visit.locale).faults.forged_form;
        Err(answered(pages, &visit, problem(pages, &visit, StatusCode::FORBIDDEN, sentence)))
    }
}

impl FromRequest<Pages> for Sent {
    type Rejection = Response;

    async fn from_request(request: Request, pages: &Pages) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let Ok(visit) = Visit::from_request_parts(&mut parts, pages).await;
        Self::within(visit, Request::from_parts(parts, body), pages).await
    }
}
