//! The e-mail address of somebody: a new one, which is theirs once they have read what was sent there.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::base::email::Email;
use crate::base::error::Result;
use crate::identity::accounts::{OwnChange, change_own, verify_again};
use crate::identity::mail::store::tokens::pending_email;
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::field::{Faults, Field, Filled};
use crate::pages::member::{Member, Menu, Posted, with_faults};
use crate::pages::page::{Frame, show, with_cookies};
use crate::pages::told::Told;
use crate::platform::http::Routes;

/// `/account/email`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(show_email, change_email))
}

#[derive(Template)]
#[template(path = "pages/account/email.html")]
struct EmailPage<'a> {
    frame: Frame<'a>,
    menu: Menu<'a>,
    faults: &'a Faults,
    email: Option<&'a str>,
    is_verified: bool,
    pending: Option<&'a str>,
    fields: Vec<Field<'a>>,
}

/// Show the page of the e-mail address
#[utoipa::path(get, path = "/account/email", tag = "pages", security(()), responses(
    (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
    (status = 303, description = "to the login page, for whoever is not logged in"),
    (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
))]
async fn show_email(State(pages): State<Pages>, member: Member) -> Response {
    member.answered(&pages, page(&pages, &member, None, Faults::default()).await)
}

async fn page(pages: &Pages, member: &Member, typed: Option<&Parameters>, faults: Faults) -> Result<Response> {
    let (frame, menu, cookies) = member.around(pages)?;
    let (words, details) = (&member.words().account, &member.details);
    let mut conn = pages.db.read().await?;
    let pending = pending_email(&mut conn, member.caller.person, pages.clock.now()).await?;
    drop(conn);
    let email = details.email.as_deref();
    let pending = pending.as_ref().map(Email::as_str).filter(|pending| Some(*pending) != email);
    let filled = Filled { typed, faults: &faults, caret: None };
    let mut fields = vec![filled.field("email", words.email_page.new, None).of_kind("email").filled_with("email")];
    if !member.is_fresh || faults.of("current_password").is_some() {
        fields.push(filled.password("current_password", words.password.current, "current-password"));
    }
    let is_verified = details.email_verified_at.is_some();
    let page = EmailPage { frame, menu, faults: &faults, email, is_verified, pending, fields };
    let page = show(faults.status(), &page, None).map(|shown| with_cookies(shown, cookies));
    with_faults(faults, page)
}

/// What the page posts: a new address, or that the mail is to be sent once more.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what `change_email` reads")]
struct EmailForm {
    /// What the page has given it.
    #[schema(example = "pfm_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000")]
    form_token: String,
    /// A new address.
    #[schema(example = "ada@example.com")]
    email: Option<String>,
    /// More than 15 minutes after login.
    current_password: Option<String>,
    /// `again`: the mail is sent once more, to the address that awaits it.
    send: Option<String>,
}

/// Change your e-mail address on its page
///
/// As `PATCH /auth/me` and `POST /auth/send-verification`.
#[utoipa::path(post, path = "/account/email", tag = "pages", security(()),
    request_body(content = EmailForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "to the page by `GET`; to the login page, for whoever is not logged in"),
        (status = 400, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 403, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 409, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 415, description = "`unsupported_media_type`"),
        (status = 429, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
    ))]
async fn change_email(State(pages): State<Pages>, Posted { member, form }: Posted) -> Response {
    let answer = match form.one("send") {
        Some(_) => sent_again(&pages, &member).await,
        None => changed(&pages, &member, &form).await,
    };
    member.answered(&pages, answer)
}

async fn sent_again(pages: &Pages, member: &Member) -> Result<Response> {
    match verify_again(pages, member.caller.person, Some(member.visit.locale)).await {
        Ok(true) => member.go_on(pages, Told::VerificationSent),
        Ok(false) => member.go_on(pages, Told::NothingToVerify),
        Err(error) => page(pages, member, None, Faults::told(error, (pages, member.words()), &["email"])?).await,
    }
}

async fn changed(pages: &Pages, member: &Member, form: &Parameters) -> Result<Response> {
    let words = member.words();
    let Ok(email) = form.one("email").unwrap_or_default().parse() else {
        let mut faults = Faults::default();
        faults.add("email", words.account.rules.email);
        return page(pages, member, Some(form), faults).await;
    };
    let current_password = form.one("current_password").map(|current| current.to_owned().into());
    let change = OwnChange { email: Some(email), current_password, ..OwnChange::default() };
    match change_own(pages, &member.caller, change, Some(member.visit.locale)).await {
        Ok(()) => member.go_on(pages, Told::VerificationSent),
        Err(error) => {
            let faults = Faults::told(error, (pages, words), &["email", "current_password"])?;
            page(pages, member, Some(form), faults).await
        }
    }
}
