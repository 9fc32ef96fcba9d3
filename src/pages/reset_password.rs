//! A new password in the place of a forgotten one, by the token of a mail. Looking at the page spends nothing.

use std::convert::Infallible;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::field::{Faults, Field, Filled, new_password};
use super::forgot_password;
use super::member::{go_on, with_faults};
use super::new_password::chosen;
use super::page::{Frame, answered, link_is_over, show, with_cookies};
use super::sent::Sent;
use super::words::Words;
use crate::base::error::Result;
use crate::base::opaque::mail_token::Purpose;
use crate::identity::accounts;
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::told::{DONE, Told};
use crate::pages::visit::{Visit, logged_out};
use crate::platform::http::Routes;

/// `/reset-password`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(show_reset_password, reset_password_on_page))
}

#[derive(Template)]
#[template(path = "pages/reset_password.html")]
struct ResetPassword<'a> {
    frame: Frame<'a>,
    form_token: &'a str,
    token: &'a str,
    faults: &'a Faults,
    fields: [Field<'a>; 2],
}

/// What a mail's link carries.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what `show_reset_password` reads")]
struct ResetQuery {
    /// The token of the mail.
    token: Option<String>,
}

/// Show the page for a new password
///
/// Where a mail leads. It spends nothing.
#[utoipa::path(get, path = "/reset-password", tag = "pages", security(()), params(ResetQuery), responses(
    (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
    (status = 400, description = "an HTML page, where the link is over", body = String, content_type = "text/html"),
    (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
))]
async fn show_reset_password(
    State(pages): State<Pages>,
    Ok(visit): Result<Visit, Infallible>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = Parameters::read(&query.unwrap_or_default()).unwrap_or_default();
    let answer = shown(&pages, &visit, query.one("token").unwrap_or_default()).await;
    answered(&pages, &visit, answer)
}

async fn shown(pages: &Pages, visit: &Visit, token: &str) -> Result<Response> {
    if accounts::is_link_over(pages, Purpose::PasswordReset, token).await? {
        let again = Words::of(visit.locale).account.reset.ask_again;
        return link_is_over(pages, visit, (forgot_password::PATH, again));
    }
    page(pages, visit, token, Faults::default())
}

fn page(pages: &Pages, visit: &Visit, token: &str, faults: Faults) -> Result<Response> {
    let words = Words::of(visit.locale);
    let (form_token, cookie) = visit.form_token(pages)?;
    let filled = Filled { typed: None, faults: &faults, caret: Some("password") };
    let fields = [
        filled.password("password", words.account.password.new, "new-password").hinting(new_password(pages, words)),
        filled.password("again", words.account.password.again, "new-password"),
    ];
    let frame = Frame::of(pages, visit);
    let page = ResetPassword { frame, form_token: &form_token, token, faults: &faults, fields };
    let page = show(faults.status(), &page, None).map(|shown| with_cookies(shown, cookie));
    with_faults(faults, page)
}

/// What the page posts.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what `reset_password_on_page` reads")]
struct ResetForm {
    /// What the page has given it.
    #[schema(example = "pfm_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000")]
    form_token: String,
    /// From the mail.
    token: String,
    #[schema(example = "another horse battery staple")]
    password: String,
    /// The same once more.
    #[schema(example = "another horse battery staple")]
    again: String,
}

/// Set a new password on its page
///
/// As `POST /auth/reset-password`: all sessions of the person end.
#[utoipa::path(post, path = "/reset-password", tag = "pages", security(()),
    request_body(content = ResetForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "to a page that tells it"),
        (status = 400, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 403, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 415, description = "`unsupported_media_type`"),
        (status = 429, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
    ))]
async fn reset_password_on_page(State(pages): State<Pages>, Sent { visit, form }: Sent) -> Response {
    let answer = reset(&pages, &visit, &form).await;
    answered(&pages, &visit, answer)
}

async fn reset(pages: &Pages, visit: &Visit, form: &Parameters) -> Result<Response> {
    let words = Words::of(visit.locale);
    let token = form.one("token").unwrap_or_default();
    let mut faults = Faults::default();
    let Some(password) = chosen(pages, words, form, "password", &mut faults) else {
        return page(pages, visit, token, faults);
    };
    match accounts::reset_password(pages, visit.origin.clone(), token, password, Some(visit.locale)).await {
        // Whoever was logged in here is no more, or was somebody else.
        Ok(()) => Ok(with_cookies(go_on(pages, DONE, Told::PasswordReset)?, logged_out(pages)?)),
        Err(error) => page(pages, visit, token, Faults::told(error, (pages, words), &["password"])?),
    }
}
