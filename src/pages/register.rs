//! Somebody registers, as far as `REGISTRATION` lets them: with an invitation, or without.

use std::convert::Infallible;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::doors::{Button, buttons_for_newcomers};
use super::field::{Faults, Field, Filled, new_password, rule_of};
use super::member::{go_on, with_faults};
use super::new_password::chosen;
use super::page::{Frame, answered, go, problem, show, with_cookies};
use super::sent::Sent;
use super::words::Words;
use crate::base::error::Result;
use crate::identity::accounts::{self, PresentedInvitation, Registration, WhoMayRegister};
use crate::identity::login::Entered;
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::place::Place;
use crate::pages::told::Told;
use crate::pages::visit::{Visit, logged_in};
use crate::platform::http::Routes;

/// `/register`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(show_register, register_on_page))
}

/// The fields in which something can be wrong.
const FIELDS: [&str; 5] = ["username", "name", "email", "password", "again"];

#[derive(Template)]
#[template(path = "pages/register.html")]
struct Register<'a> {
    frame: Frame<'a>,
    form_token: &'a str,
    invitation: Option<&'a str>,
    faults: &'a Faults,
    fields: Vec<Field<'a>>,
    buttons: &'a [Button],
}

/// What the link of an invitation carries.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what `show_register` reads")]
struct RegisterQuery {
    /// The token of the mail, or the invitation itself.
    token: Option<String>,
}

/// Show the page on which people register
///
/// Where the mail of an invitation leads. It spends nothing.
#[utoipa::path(get, path = "/register", tag = "pages", security(()), params(RegisterQuery), responses(
    (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
    (status = 403, description = "an HTML page, where nobody may register, or nobody without an invitation", body = String, content_type = "text/html"),
    (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
))]
async fn show_register(
    State(pages): State<Pages>,
    Ok(visit): Result<Visit, Infallible>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = Parameters::read(&query.unwrap_or_default()).unwrap_or_default();
    let answer = shown(&pages, &visit, query.one("token")).await;
    answered(&pages, &visit, answer)
}

async fn shown(pages: &Pages, visit: &Visit, invitation: Option<&str>) -> Result<Response> {
    if let Some(presented) = invitation.map(PresentedInvitation::of)
        && pages.settings.registration != WhoMayRegister::Off
        && accounts::is_invitation_over(pages, presented).await?
    {
        let sentence = Words::of(visit.locale).account.rules.invalid_invitation;
        return problem(pages, visit, StatusCode::FORBIDDEN, sentence);
    }
    page(pages, visit, invitation, None, Faults::default()).await
}

async fn page(
    pages: &Pages,
    visit: &Visit,
    invitation: Option<&str>,
    typed: Option<&Parameters>,
    faults: Faults,
) -> Result<Response> {
    let words = Words::of(visit.locale);
    let rules = &words.account.rules;
    match pages.settings.registration {
        WhoMayRegister::Off => return problem(pages, visit, StatusCode::FORBIDDEN, rules.registration_closed),
        WhoMayRegister::Invite if invitation.is_none() => {
            return problem(pages, visit, StatusCode::FORBIDDEN, rules.invalid_invitation);
        }
        WhoMayRegister::Invite | WhoMayRegister::Open => {}
    }
    let (form_token, cookie) = visit.form_token(pages)?;
    let filled = Filled { typed, faults: &faults, caret: Some("username") };
    let fields = vec![
        filled.field("username", words.username, None).filled_with("username").hinting(rules.username),
        filled.field("name", words.account.name, None).filled_with("name").optional(),
        filled
            .field("email", words.account.email, None)
            .of_kind("email")
            .filled_with("email")
            .hinting(words.account.register.why_email)
            .optional(),
        filled.password("password", words.password, "new-password").hinting(new_password(pages, words)),
        filled.password("again", words.account.password.again, "new-password"),
    ];
    let buttons = &buttons_for_newcomers(pages, visit, invitation).await?;
    let frame = Frame::of(pages, visit);
    let page = Register { frame, form_token: &form_token, invitation, faults: &faults, fields, buttons };
    let page = show(faults.status(), &page, None).map(|shown| with_cookies(shown, cookie));
    with_faults(faults, page)
}

/// What the page posts.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what `register_on_page` reads")]
struct RegisterForm {
    /// What the page has given it.
    #[schema(example = "pfm_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000")]
    form_token: String,
    /// The invitation, if there is one.
    token: Option<String>,
    #[schema(example = "ada")]
    username: String,
    #[schema(example = "Ada Quispe")]
    name: Option<String>,
    #[schema(example = "ada@example.com")]
    email: Option<String>,
    #[schema(example = "correct horse battery")]
    password: String,
    /// The same once more.
    #[schema(example = "correct horse battery")]
    again: String,
}

/// Register on the page
///
/// As `POST /auth/register`; the token comes as a cookie.
#[utoipa::path(post, path = "/register", tag = "pages", security(()),
    request_body(content = RegisterForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "to the page of the account"),
        (status = 400, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 403, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 409, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 415, description = "`unsupported_media_type`"),
        (status = 429, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
    ))]
async fn register_on_page(State(pages): State<Pages>, Sent { visit, form }: Sent) -> Response {
    let answer = registered(&pages, &visit, &form).await;
    answered(&pages, &visit, answer)
}

async fn registered(pages: &Pages, visit: &Visit, form: &Parameters) -> Result<Response> {
    let words = Words::of(visit.locale);
    let invitation = form.one("token");
    let mut faults = Faults::default();
    let Some(new) = wanted(pages, words, form, &mut faults) else {
        return page(pages, visit, invitation, Some(form), faults).await;
    };
    let user_agent = visit.origin.user_agent.as_deref();
    match accounts::register(pages, &visit.origin, user_agent, Some(visit.locale), new).await {
        // They log in, and are asked for what is needed besides.
        Ok(Entered::SecondFactor(_)) => go(&pages.issuer.at(&Place::Overview.login())),
        Ok(Entered::In(began)) => {
            let home = go_on(pages, Place::Overview.path(), Told::Registered)?;
            Ok(with_cookies(home, logged_in(pages, began.token())?))
        }
        Err(error) => {
            let faults = Faults::told(error, (pages, words), &FIELDS)?;
            page(pages, visit, invitation, Some(form), faults).await
        }
    }
}

/// Who registers; otherwise what is wrong is told at its field.
fn wanted(pages: &Pages, words: &Words, form: &Parameters, faults: &mut Faults) -> Option<Registration> {
    let typed = |field| form.one(field).map(str::trim).filter(|text| !text.is_empty());
    let mut rule = |field| faults.add(field, rule_of(field, words).unwrap_or_default());
    let username = typed("username").unwrap_or_default().parse().map_err(|_| rule("username")).ok();
    let name = typed("name").map(str::parse).transpose().map_err(|_| rule("name")).ok();
    let email = typed("email").map(str::parse).transpose().map_err(|_| rule("email")).ok();
    let password = chosen(pages, words, form, "password", faults);
    Some(Registration {
        username: username?,
        password: password?,
        name: name?,
        email: email?,
        invitation: form.one("token").map(PresentedInvitation::of),
        refresh: false,
    })
}
