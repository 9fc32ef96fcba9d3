//! The pages of logging out, and the end session endpoint (OpenID Connect RP-Initiated Logout).

use std::convert::Infallible;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::page::{Frame, answered, go, leave, problem, show, with_cookies};
use super::sent::Sent;
use super::words::Words;
use crate::base::error::Result;
use crate::oauth::authorizations::Browser;
use crate::oauth::logout::{self, Fault, Logout};
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::visit::{Visit, logged_out};
use crate::platform::http::{Form, Routes};

/// `/oauth/logout`, `/logout`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(log_out_for_client, log_out_for_client_by_post)).routes(routes!(log_out))
}

/// What a client asks for. Parameters that are not here are ignored; none may come twice.
#[derive(Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what `Logout` reads")]
struct LogoutRequest {
    /// An ID token of the person: without it, or with another's, they are asked.
    id_token_hint: Option<String>,
    /// The client, where there is no hint.
    #[param(example = "web-shop")]
    #[schema(example = "web-shop")]
    client_id: Option<String>,
    /// Where they go afterwards: to the letter one that the client has registered.
    post_logout_redirect_uri: Option<String>,
    /// Comes back as it is.
    state: Option<String>,
    /// Languages of the pages, the best first.
    ui_locales: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/log_out.html")]
struct LogOut<'a> {
    frame: Frame<'a>,
    person: &'a str,
    form_token: &'a str,
    request: &'a str,
}

#[derive(Template)]
#[template(path = "pages/logged_out.html")]
struct LoggedOut<'a> {
    frame: Frame<'a>,
}

/// Log a person out for a client
///
/// Ends the session of the browser and with it the tokens that came of it, but for those with `offline_access`. Asks the
/// person first, unless the client has an ID token of theirs.
#[utoipa::path(get, path = "/oauth/logout", tag = "oauth", security(()), params(LogoutRequest), responses(
    (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
    (status = 303, description = "back to the client"),
    (status = 400, description = "an HTML page", body = String, content_type = "text/html"),
    (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
))]
async fn log_out_for_client(
    State(pages): State<Pages>,
    Ok(visit): Result<Visit, Infallible>,
    RawQuery(query): RawQuery,
) -> Response {
    let answer = asked(&pages, &visit, &query.unwrap_or_default()).await;
    answered(&pages, &visit, answer)
}

/// Log a person out for a client, by a form
///
/// Goes on as a `GET`: browsers send no cookie with what another site posts.
#[utoipa::path(post, path = "/oauth/logout", tag = "oauth", security(()),
    request_body(content = LogoutRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "to the same by `GET`"),
        (status = 400, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 415, description = "`unsupported_media_type`"),
    ))]
async fn log_out_for_client_by_post(
    State(pages): State<Pages>,
    Ok(visit): Result<Visit, Infallible>,
    Form(text): Form,
) -> Response {
    let answer = match Parameters::read(&text) {
        Some(parameters) => go(&pages.issuer.at(&format!("/oauth/logout?{}", parameters.written()))),
        None => refused(&pages, &visit, Fault::Malformed),
    };
    answered(&pages, &visit, answer)
}

async fn asked(pages: &Pages, visit: &Visit, query: &str) -> Result<Response> {
    let visit = &visit.clone().reading(&Parameters::read(query).unwrap_or_default());
    let logout = match Logout::read(pages, query).await? {
        Ok(logout) => logout,
        Err(fault) => return refused(pages, visit, fault),
    };
    match visit.browser(pages).await? {
        Some(browser) if logout.asks(&browser) => question(pages, visit, &browser, query),
        browser => end(pages, visit, browser.as_ref(), &logout).await,
    }
}

fn question(pages: &Pages, visit: &Visit, browser: &Browser, request: &str) -> Result<Response> {
    let (form_token, cookie) = visit.form_token(pages)?;
    let person = browser.payload.name.as_str();
    let page = LogOut { frame: Frame::of(pages, visit), person, form_token: &form_token, request };
    let target =
        Parameters::read(request).and_then(|parameters| parameters.one("post_logout_redirect_uri").map(str::to_owned));
    Ok(with_cookies(show(StatusCode::OK, &page, target.as_deref())?, cookie))
}

async fn end(pages: &Pages, visit: &Visit, browser: Option<&Browser>, logout: &Logout) -> Result<Response> {
    if let Some(browser) = browser {
        logout::end(pages, browser, &visit.origin).await?;
    }
    let response = match &logout.redirect {
        Some(to) if logout.tells(browser) => leave(pages, visit, to)?,
        Some(to) => go(to)?,
        None => show(StatusCode::OK, &LoggedOut { frame: Frame::of(pages, visit) }, None)?,
    };
    Ok(with_cookies(response, logged_out(pages)?))
}

fn refused(pages: &Pages, visit: &Visit, fault: Fault) -> Result<Response> {
    let faults = &Words::of(visit.locale).faults;
    let sentence = match fault {
        Fault::Malformed => faults.malformed,
        Fault::UnregisteredRedirect => faults.unregistered_return,
        Fault::UnknownClient => faults.unproved_return,
    };
    problem(pages, visit, StatusCode::BAD_REQUEST, sentence)
}

/// What the pages of logging out post.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what `log_out` reads")]
struct LogoutForm {
    /// What the page has given it.
    #[schema(example = "pfm_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000")]
    form_token: String,
    /// What a client asked for, if one did.
    request: Option<String>,
}

/// Log out on the page
#[utoipa::path(post, path = "/logout", tag = "pages", security(()),
    request_body(content = LogoutForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 303, description = "back to the client"),
        (status = 400, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 403, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 415, description = "`unsupported_media_type`"),
        (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
    ))]
async fn log_out(State(pages): State<Pages>, Sent { visit, form }: Sent) -> Response {
    let answer = posted(&pages, &visit, &form).await;
    answered(&pages, &visit, answer)
}

async fn posted(pages: &Pages, visit: &Visit, form: &Parameters) -> Result<Response> {
    let request = form.one("request").unwrap_or_default();
    let visit = &visit.clone().reading(&Parameters::read(request).unwrap_or_default());
    let logout = match Logout::read(pages, request).await? {
        Ok(logout) => logout,
        Err(fault) => return refused(pages, visit, fault),
    };
    let browser = visit.browser(pages).await?;
    end(pages, visit, browser.as_ref(), &logout).await
}
