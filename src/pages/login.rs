//! The login page.

use std::convert::Infallible;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::doors::{Button, buttons};
use super::page::{
    Frame, answered, failed, go, logo_of, name_of, page_status, refused, sentence_of, show_with_passkeys, with_cookies,
};
use super::purpose::{Carried, For, Offer, Purpose};
use super::second_step::second_step_page;
use super::sent::Sent;
use super::words::Words;
use crate::base::error::{Error, Result};
use crate::identity::accounts::WhoMayRegister;
use crate::identity::login::{Entered, Entry, enter, verify};
use crate::identity::passkeys::sign_in;
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::place::Place;
use crate::pages::visit::Visit;
use crate::platform::http::Routes;
use crate::platform::metrics::{Outcome, Way};
use crate::platform::passwords::Presented;

/// `/login`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(show_login, log_in))
}

/// Where the caret is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Focus {
    Username,
    Password,
}

#[derive(Template)]
#[template(path = "pages/login.html")]
struct LoginPage<'a> {
    frame: Frame<'a>,
    client: Option<&'a str>,
    logo: Option<&'a str>,
    request: Option<&'a str>,
    device: Option<&'a str>,
    join: Option<&'a Offer>,
    buttons: &'a [Button],
    place: Option<&'a str>,
    may_register: bool,
    form_token: &'a str,
    username: &'a str,
    username_fault: Option<&'a str>,
    password_fault: Option<&'a str>,
    focus: Focus,
    /// Whether there are passkeys.
    passkeys: bool,
}

/// What has been typed, and what is wrong with it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Typed<'a> {
    username: &'a str,
    username_fault: Option<&'a str>,
    password_fault: Option<&'a str>,
}

/// The login page, for what a client asks, or for itself.
pub async fn login_page(
    pages: &Pages,
    visit: &Visit,
    what_for: For<'_>,
    (status, typed): (StatusCode, Typed<'_>),
) -> Result<Response> {
    let (form_token, cookie) = visit.form_token(pages)?;
    let request = what_for.request();
    let client = request.map(|request| name_of(&request.client));
    let logo = match request {
        Some(request) => logo_of(pages, &request.client).await?,
        None => None,
    };
    let hint = request.and_then(|request| request.login_hint.as_deref()).unwrap_or_default();
    let username = if typed.username.is_empty() { hint } else { typed.username };
    let Carried { request: text, device, page: place } = what_for.carried();
    let buttons = buttons(pages, visit, what_for).await?;
    let is_named = !username.is_empty() && typed.username_fault.is_none();
    let page = LoginPage {
        frame: Frame::of(pages, visit),
        client: client.as_deref(),
        logo: logo.as_deref(),
        request: text.as_deref(),
        device: device.as_deref(),
        join: what_for.offer(),
        buttons: &buttons,
        place,
        may_register: pages.settings.registration == WhoMayRegister::Open,
        form_token: &form_token,
        username,
        username_fault: typed.username_fault,
        password_fault: typed.password_fault,
        focus: if is_named { Focus::Password } else { Focus::Username },
        passkeys: pages.settings.relying_party.is_some(),
    };
    let shown = show_with_passkeys(pages, status, &page, request.map(|request| request.target.redirect_uri()))?;
    Ok(with_cookies(shown, cookie))
}

/// What the login page is asked.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what `show_login` reads")]
struct LoginQuery {
    /// The page of the account to go to, by its name.
    #[param(example = "password")]
    page: Option<String>,
}

/// Show the login page
///
/// Applications send people to `/oauth/authorize` instead, which shows it where it is needed.
#[utoipa::path(get, path = "/login", tag = "pages", security(()), params(LoginQuery), responses(
    (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
    (status = 303, description = "to the start page or that of the account, for whoever is logged in"),
    (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
))]
async fn show_login(
    State(pages): State<Pages>,
    Ok(visit): Result<Visit, Infallible>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = Parameters::read(&query.unwrap_or_default()).unwrap_or_default();
    let place = query.one("page").and_then(Place::named);
    let page = async {
        match visit.browser(&pages).await? {
            Some(_) => go(&pages.issuer.at(place.map_or("/", Place::path))),
            None => {
                login_page(&pages, &visit, place.map_or(For::Itself, For::Account), (StatusCode::OK, Typed::default()))
                    .await
            }
        }
    };
    answered(&pages, &visit, page.await)
}

/// What the login page posts.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what `log_in` reads")]
struct LoginForm {
    /// What the page has given it.
    #[schema(example = "pfm_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000")]
    form_token: String,
    /// The authorization request that the login is for, if there is one.
    request: Option<String>,
    /// The query of the page of devices, if it is for that.
    device: Option<String>,
    /// What an identity provider's account is joined by, if it is for that.
    join: Option<String>,
    /// The page of the account that it is for, by its name.
    page: Option<String>,
    #[schema(example = "ada")]
    username: String,
    #[schema(example = "correct horse battery staple")]
    password: String,
    /// What the browser says of a passkey, instead of both.
    passkey: Option<String>,
}

/// Log in on the login page
///
/// As `POST /auth/login`, with the same waits after failures; the token comes as a cookie.
#[utoipa::path(post, path = "/login", tag = "pages", security(()),
    request_body(content = LoginForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 303, description = "on to what the login was for"),
        (status = 400, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 403, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 415, description = "`unsupported_media_type`"),
        (status = 429, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
    ))]
async fn log_in(State(pages): State<Pages>, Sent { visit, form }: Sent) -> Response {
    let answer = posted(&pages, &visit, &form).await;
    answered(&pages, &visit, answer)
}

async fn posted(pages: &Pages, visit: &Visit, form: &Parameters) -> Result<Response> {
    let purpose = match Purpose::read(pages, form).await? {
        Ok(purpose) => purpose,
        Err(why) => return refused(pages, visit, &why).await,
    };
    let (what_for, visit) = (purpose.what_for(), &purpose.read_by(visit));
    if let Some(credential) = form.one("passkey").filter(|text| !text.is_empty()) {
        return passkey_shown(pages, visit, what_for, credential).await;
    }
    let words = Words::of(visit.locale);
    let (username, password) = (form.one("username"), form.one("password"));
    let (Some(name), Some(password)) = (username, password) else {
        let typed = Typed {
            username: username.unwrap_or_default(),
            username_fault: username.is_none().then_some(words.say_username),
            password_fault: (username.is_some() && password.is_none()).then_some(words.say_password),
        };
        return login_page(pages, visit, what_for, (StatusCode::BAD_REQUEST, typed)).await;
    };
    match let_in(pages, visit, what_for, (name, password.to_owned().into())).await {
        Ok(Entered::SecondFactor(pending)) => second_step_page(pages, visit, what_for, &pending).await,
        Ok(Entered::In(began)) => {
            let on = what_for.on(pages, began.token().hash()).await?;
            on.go(pages, began.token())
        }
        Err(error @ (Error::Internal(_) | Error::Unavailable(_) | Error::NoPrimary(_))) => Err(error),
        Err(error) => {
            let password_fault = Some(sentence_of(&error, words));
            let typed = Typed { username: name, password_fault, ..Typed::default() };
            let page = login_page(pages, visit, what_for, (page_status(&error), typed)).await;
            Ok(failed(error, |_| page))
        }
    }
}

/// Begins a session for whoever knows the password, in the place of the one that this browser has had; or lets their login wait for its second step.
async fn let_in(
    pages: &Pages,
    visit: &Visit,
    what_for: For<'_>,
    (username, password): (&str, Presented),
) -> Result<Entered> {
    let attempt = pages.metrics.login(Way::Password);
    let began = async {
        let verified = verify(pages, &visit.origin, username, password).await?;
        let before = visit.browser(pages).await?.map(|before| (before.person, before.token));
        let (origin, user_agent) = (&visit.origin, visit.origin.user_agent.as_deref());
        let device = visit.device.filter(|_| !what_for.wants_second_factor());
        enter(pages, &verified, &Entry { origin, user_agent, refresh: false, before, device }).await
    };
    let began = began.await;
    attempt.ends(Entered::outcome(&began));
    began
}

/// Begins a session for whoever has shown a passkey.
async fn passkey_shown(pages: &Pages, visit: &Visit, what_for: For<'_>, credential: &str) -> Result<Response> {
    let words = Words::of(visit.locale);
    let attempt = pages.metrics.login(Way::Passkey);
    let began = async {
        let credential = serde_json::from_str(credential).unwrap_or_default();
        let before = visit.browser(pages).await?.map(|before| (before.person, before.token));
        let from = (&visit.origin, visit.origin.user_agent.as_deref());
        sign_in(pages, &credential, from, false, before).await
    };
    let began = began.await;
    attempt.ends(Outcome::of(&began));
    match began {
        Ok(began) => {
            let on = what_for.on(pages, began.token().hash()).await?;
            on.go(pages, began.token())
        }
        Err(error @ (Error::Internal(_) | Error::Unavailable(_) | Error::NoPrimary(_))) => Err(error),
        Err(error) => {
            let sentence = match error.status() {
                StatusCode::TOO_MANY_REQUESTS => sentence_of(&error, words),
                _ => words.faults.passkey_refused,
            };
            let typed = Typed { username_fault: Some(sentence), ..Typed::default() };
            let page = login_page(pages, visit, what_for, (page_status(&error), typed)).await;
            Ok(failed(error, |_| page))
        }
    }
}
