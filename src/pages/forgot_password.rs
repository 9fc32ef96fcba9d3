//! Somebody has forgotten their password: a mail leads to a page for a new one.

use std::convert::Infallible;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::field::{Faults, Field, Filled};
use super::member::go_on;
use super::page::{Frame, answered, show, with_cookies};
use super::sent::Sent;
use super::words::Words;
use crate::base::email::Email;
use crate::base::error::Result;
use crate::base::names;
use crate::identity::accounts::ask_for_reset;
use crate::identity::mail::Content;
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::told::{DONE, Told};
use crate::pages::visit::Visit;
use crate::platform::http::Routes;

/// Where one asks for a mail.
pub const PATH: &str = "/forgot-password";

/// `/forgot-password`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(show_forgot_password, ask_for_new_password))
}

#[derive(Template)]
#[template(path = "pages/forgot_password.html")]
struct ForgotPassword<'a> {
    frame: Frame<'a>,
    form_token: &'a str,
    faults: &'a Faults,
    field: Field<'a>,
}

/// Show the page for a forgotten password
#[utoipa::path(get, path = "/forgot-password", tag = "pages", security(()), responses(
    (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
    (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
))]
async fn show_forgot_password(State(pages): State<Pages>, Ok(visit): Result<Visit, Infallible>) -> Response {
    answered(&pages, &visit, page(&pages, &visit, None, &Faults::default()))
}

fn page(pages: &Pages, visit: &Visit, typed: Option<&Parameters>, faults: &Faults) -> Result<Response> {
    let words = Words::of(visit.locale);
    let (form_token, cookie) = visit.form_token(pages)?;
    let filled = Filled { typed, faults, caret: Some("who") };
    let field = filled.field("who", words.account.forgotten.who, None).filled_with("username");
    let page = ForgotPassword { frame: Frame::of(pages, visit), form_token: &form_token, faults, field };
    Ok(with_cookies(show(faults.status(), &page, None)?, cookie))
}

/// What the page posts.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what `ask_for_new_password` reads")]
struct ForgottenForm {
    /// What the page has given it.
    #[schema(example = "pfm_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000")]
    form_token: String,
    /// A username or an e-mail address.
    #[schema(example = "ada@example.com")]
    who: String,
}

/// Ask for a new password on its page
///
/// As `POST /auth/forgot-password`: the same answer in the same time, whoever it is.
#[utoipa::path(post, path = "/forgot-password", tag = "pages", security(()),
    request_body(content = ForgottenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "to a page that tells it"),
        (status = 400, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 403, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 415, description = "`unsupported_media_type`"),
        (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
    ))]
async fn ask_for_new_password(State(pages): State<Pages>, Sent { visit, form }: Sent) -> Response {
    let answer = asked(&pages, &visit, &form).await;
    answered(&pages, &visit, answer)
}

async fn asked(pages: &Pages, visit: &Visit, form: &Parameters) -> Result<Response> {
    let typed = form.one("who").unwrap_or_default().trim();
    // Who is called as an address is written has it, as far as anybody can tell.
    let email = typed.parse::<Email>().ok();
    let username = if email.is_none() { names::typed(typed) } else { None };
    if email.is_none() && username.is_none() {
        let mut faults = Faults::default();
        faults.add("who", Words::of(visit.locale).account.forgotten.say_who);
        return page(pages, visit, Some(form), &faults);
    }
    let asked = Content::PasswordReset { email: email.map(Into::into), username, origin: visit.origin.clone().into() };
    ask_for_reset(pages, &asked, Some(visit.locale)).await?;
    go_on(pages, DONE, Told::ResetAsked)
}
