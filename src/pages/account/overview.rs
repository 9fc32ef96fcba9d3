//! What is known of somebody, in short.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use utoipa_axum::routes;

use super::moment::moment;
use crate::base::error::Result;
use crate::pages::Pages;
use crate::pages::member::{Member, Menu};
use crate::pages::page::{Frame, show, with_cookies};
use crate::platform::http::Routes;

/// `/account`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(show_account))
}

#[derive(Template)]
#[template(path = "pages/account/overview.html")]
struct Overview<'a> {
    frame: Frame<'a>,
    menu: Menu<'a>,
    username: &'a str,
    email: Option<&'a str>,
    is_verified: bool,
    created_at: String,
    last_login_at: Option<String>,
}

/// Show the account page
///
/// What is known of you, and the menu of the pages of your account. Who is not logged in logs in first, and comes back.
#[utoipa::path(get, path = "/account", tag = "pages", security(()), responses(
    (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
    (status = 303, description = "to the login page, for whoever is not logged in"),
    (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
))]
async fn show_account(State(pages): State<Pages>, member: Member) -> Response {
    member.answered(&pages, page(&pages, &member))
}

fn page(pages: &Pages, member: &Member) -> Result<Response> {
    let (frame, menu, cookies) = member.around(pages)?;
    let details = &member.details;
    let page = Overview {
        frame,
        menu,
        username: &details.username,
        email: details.email.as_deref(),
        is_verified: details.email_verified_at.is_some(),
        created_at: moment(details.created_at, member.words()),
        last_login_at: details.last_login_at.map(|at| moment(at, member.words())),
    };
    Ok(with_cookies(show(StatusCode::OK, &page, None)?, cookies))
}
