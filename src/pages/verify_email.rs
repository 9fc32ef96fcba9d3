//! Somebody confirms that an address is theirs, by the token of a mail. Looking at the page spends nothing: mail programs look
//! at what mails link to.

use std::convert::Infallible;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::field::Faults;
use super::member::{go_on, with_faults};
use super::page::{Frame, answered, link_is_over, show, with_cookies};
use super::sent::Sent;
use super::words::Words;
use crate::base::error::Result;
use crate::base::opaque::mail_token::Purpose;
use crate::identity::accounts;
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::place::Place;
use crate::pages::told::{DONE, Told};
use crate::pages::visit::Visit;
use crate::platform::http::Routes;

/// `/verify-email`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(show_verify_email, verify_email_on_page))
}

#[derive(Template)]
#[template(path = "pages/verify_email.html")]
struct VerifyEmail<'a> {
    frame: Frame<'a>,
    form_token: &'a str,
    token: &'a str,
    faults: &'a Faults,
}

/// What a mail's link carries.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what `show_verify_email` reads")]
struct VerifyQuery {
    /// The token of the mail.
    token: Option<String>,
}

/// Show the page on which an address is verified
///
/// Where a mail leads. It spends nothing.
#[utoipa::path(get, path = "/verify-email", tag = "pages", security(()), params(VerifyQuery), responses(
    (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
    (status = 400, description = "an HTML page, where the link is over", body = String, content_type = "text/html"),
    (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
))]
async fn show_verify_email(
    State(pages): State<Pages>,
    Ok(visit): Result<Visit, Infallible>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = Parameters::read(&query.unwrap_or_default()).unwrap_or_default();
    let answer = shown(&pages, &visit, query.one("token").unwrap_or_default()).await;
    answered(&pages, &visit, answer)
}

async fn shown(pages: &Pages, visit: &Visit, token: &str) -> Result<Response> {
    if accounts::is_link_over(pages, Purpose::VerifyEmail, token).await? {
        let again = Words::of(visit.locale).account.verify.ask_again;
        return link_is_over(pages, visit, (Place::Email.path(), again));
    }
    page(pages, visit, token, Faults::default())
}

fn page(pages: &Pages, visit: &Visit, token: &str, faults: Faults) -> Result<Response> {
    let (form_token, cookie) = visit.form_token(pages)?;
    let page = VerifyEmail { frame: Frame::of(pages, visit), form_token: &form_token, token, faults: &faults };
    let page = show(faults.status(), &page, None).map(|shown| with_cookies(shown, cookie));
    with_faults(faults, page)
}

/// What the page posts.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what `verify_email_on_page` reads")]
struct VerifyForm {
    /// What the page has given it.
    #[schema(example = "pfm_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000")]
    form_token: String,
    /// From the mail.
    token: String,
}

/// Verify an e-mail address on its page
///
/// As `POST /auth/verify-email`.
#[utoipa::path(post, path = "/verify-email", tag = "pages", security(()),
    request_body(content = VerifyForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "to a page that tells it"),
        (status = 400, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 403, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 409, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 415, description = "`unsupported_media_type`"),
        (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
    ))]
async fn verify_email_on_page(State(pages): State<Pages>, Sent { visit, form }: Sent) -> Response {
    let answer = verified(&pages, &visit, form.one("token").unwrap_or_default()).await;
    answered(&pages, &visit, answer)
}

async fn verified(pages: &Pages, visit: &Visit, token: &str) -> Result<Response> {
    match accounts::verify_email(pages, visit.origin.clone(), token, Some(visit.locale)).await {
        Ok(()) => go_on(pages, DONE, Told::EmailVerified),
        Err(error) => {
            let faults = Faults::told(error, (pages, Words::of(visit.locale)), &[])?;
            page(pages, visit, token, faults)
        }
    }
}
