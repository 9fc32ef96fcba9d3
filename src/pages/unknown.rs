//! What is no path of ours.

use std::convert::Infallible;

use axum::extract::State;
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use super::page::{answered, problem};
use super::visit::Visit;
use super::words::Words;
use crate::pages::Pages;
use crate::platform::http::fallback;

/// 404: a page for a browser that goes there, and in the shape of every other error for all else.
pub async fn unknown_path(
    State(pages): State<Pages>,
    Ok(visit): Result<Visit, Infallible>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let mut accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    if method != Method::GET || !accepted.any(|media| media.contains("text/html")) {
        return fallback::unknown_path().into_response();
    }
    let sentence = Words::of(visit.locale).faults.no_such_page;
    answered(&pages, &visit, problem(&pages, &visit, StatusCode::NOT_FOUND, sentence))
}
