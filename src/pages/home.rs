//! The start page.

use std::convert::Infallible;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use utoipa_axum::routes;

use super::page::{Frame, answered, show, with_cookies};
use crate::base::error::Result;
use crate::pages::Pages;
use crate::pages::visit::Visit;
use crate::platform::http::Routes;

/// `/`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(home))
}

#[derive(Template)]
#[template(path = "pages/home.html")]
struct Home<'a> {
    frame: Frame<'a>,
    person: Option<&'a str>,
    form_token: &'a str,
}

/// Show the home page
///
/// What this is, and whether you are logged in in this browser.
#[utoipa::path(get, path = "/", tag = "server", security(()), responses(
    (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
    (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
))]
async fn home(State(pages): State<Pages>, Ok(visit): Result<Visit, Infallible>) -> Response {
    answered(&pages, &visit, page(&pages, &visit).await)
}

async fn page(pages: &Pages, visit: &Visit) -> Result<Response> {
    let Some(browser) = visit.browser(pages).await? else {
        return show(StatusCode::OK, &Home { frame: Frame::of(pages, visit), person: None, form_token: "" }, None);
    };
    let (form_token, cookie) = visit.form_token(pages)?;
    let person = Some(browser.payload.name.as_str());
    let page = Home { frame: Frame::of(pages, visit), person, form_token: &form_token };
    Ok(with_cookies(show(StatusCode::OK, &page, None)?, cookie))
}
