//! What was done, where nobody is logged in.

use std::convert::Infallible;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use utoipa_axum::routes;

use super::page::{Frame, answered, go, show, with_cookies};
use super::words::Words;
use crate::base::error::Result;
use crate::pages::Pages;
use crate::pages::visit::{Visit, told_now};
use crate::platform::http::Routes;

/// `/done`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(show_done))
}

#[derive(Template)]
#[template(path = "pages/done.html")]
struct Done<'a> {
    frame: Frame<'a>,
    sentence: &'a str,
}

/// Show what was done
///
/// Where forms of people who are not logged in lead. Once: then it leads to the start page.
#[utoipa::path(get, path = "/done", tag = "pages", security(()), responses(
    (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
    (status = 303, description = "to the start page, where there is nothing to tell"),
))]
async fn show_done(State(pages): State<Pages>, Ok(visit): Result<Visit, Infallible>) -> Response {
    answered(&pages, &visit, page(&pages, &visit))
}

fn page(pages: &Pages, visit: &Visit) -> Result<Response> {
    let Some(told) = visit.told() else { return go(&pages.issuer.at("/")) };
    let page = Done { frame: Frame::of(pages, visit), sentence: told.said(Words::of(visit.locale)) };
    Ok(with_cookies(show(StatusCode::OK, &page, None)?, [told_now(pages)?]))
}
