//! Somebody changes their password.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::base::error::Result;
use crate::identity::accounts;
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::field::{Faults, Field, Filled, new_password};
use crate::pages::member::{Member, Menu, Posted, with_faults};
use crate::pages::new_password::chosen;
use crate::pages::page::{Frame, show, with_cookies};
use crate::pages::told::Told;
use crate::platform::http::Routes;

/// `/account/password`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(show_password, change_password_on_page))
}

/// The fields in which something can be wrong.
const FIELDS: [&str; 3] = ["current_password", "new_password", "again"];

#[derive(Template)]
#[template(path = "pages/account/password.html")]
struct PasswordPage<'a> {
    frame: Frame<'a>,
    menu: Menu<'a>,
    faults: &'a Faults,
    username: &'a str,
    fields: [Field<'a>; 3],
}

/// Show the password page
#[utoipa::path(get, path = "/account/password", tag = "pages", security(()), responses(
    (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
    (status = 303, description = "to the login page, for whoever is not logged in"),
    (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
))]
async fn show_password(State(pages): State<Pages>, member: Member) -> Response {
    member.answered(&pages, page(&pages, &member, Faults::default()))
}

fn page(pages: &Pages, member: &Member, faults: Faults) -> Result<Response> {
    let (frame, menu, cookies) = member.around(pages)?;
    let words = &member.words().account;
    let filled = Filled { typed: None, faults: &faults, caret: None };
    let fields = [
        filled.password("current_password", words.password.current, "current-password"),
        filled
            .password("new_password", words.password.new, "new-password")
            .hinting(new_password(pages, member.words())),
        filled.password("again", words.password.again, "new-password"),
    ];
    let username = &member.details.username;
    let page = PasswordPage { frame, menu, faults: &faults, username, fields };
    let page = show(faults.status(), &page, None).map(|shown| with_cookies(shown, cookies));
    with_faults(faults, page)
}

/// What the password page posts.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what `change_password_on_page` reads")]
struct PasswordForm {
    /// What the page has given it.
    #[schema(example = "pfm_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000")]
    form_token: String,
    #[schema(example = "correct horse battery")]
    current_password: String,
    #[schema(example = "another horse battery staple")]
    new_password: String,
    /// The same once more.
    #[schema(example = "another horse battery staple")]
    again: String,
}

/// Change your password on its page
///
/// As `POST /auth/change-password`: your other sessions end, and you are told by mail.
#[utoipa::path(post, path = "/account/password", tag = "pages", security(()),
    request_body(content = PasswordForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "to the page by `GET`; to the login page, for whoever is not logged in"),
        (status = 400, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 403, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 415, description = "`unsupported_media_type`"),
        (status = 429, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
    ))]
async fn change_password_on_page(State(pages): State<Pages>, Posted { member, form }: Posted) -> Response {
    member.answered(&pages, changed(&pages, &member, &form).await)
}

async fn changed(pages: &Pages, member: &Member, form: &Parameters) -> Result<Response> {
    let words = member.words();
    let mut faults = Faults::default();
    let current = form.one("current_password");
    if current.is_none() {
        faults.add("current_password", words.account.rules.say_current_password);
    }
    let new = chosen(pages, words, form, "new_password", &mut faults);
    let (Some(current), Some(new)) = (current, new) else { return page(pages, member, faults) };
    let locale = Some(member.visit.locale);
    match accounts::change_password(pages, &member.caller, current.to_owned().into(), new, locale).await {
        Ok(()) => member.go_on(pages, Told::PasswordChanged),
        Err(error) => page(pages, member, Faults::told(error, (pages, words), &FIELDS)?),
    }
}
