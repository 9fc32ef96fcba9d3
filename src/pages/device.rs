//! The page on which a person lets a device in (RFC 8628 section 3.3): they type its code, see who asks for what, and answer.

use std::convert::Infallible;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::consent::{how_long, in_words};
use super::device_query::DeviceQuery;
use super::login::{Typed, login_page};
use super::page::{Frame, answered, calls_itself, failed, go, name_of, problem, sentence_of, show, with_cookies};
use super::purpose::For;
use super::sent::Sent;
use super::words::{Words, named};
use crate::base::error::{Error, Result};
use crate::oauth::authorizations::{Browser, Grant};
use crate::oauth::device::{self, Answered, Pending};
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::visit::Visit;
use crate::platform::http::Routes;

/// `/device`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(show_device, enter_device)).routes(routes!(answer_device))
}

#[derive(Template)]
#[template(path = "pages/device.html")]
struct DevicePage<'a> {
    frame: Frame<'a>,
    person: &'a str,
    form_token: &'a str,
    query: &'a str,
    code: &'a str,
    fault: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "pages/device_consent.html")]
struct DeviceConsent<'a> {
    frame: Frame<'a>,
    client: &'a str,
    calls_itself: Option<&'a str>,
    person: &'a str,
    code: &'a str,
    scopes: &'a [String],
    lasts: &'a str,
    form_token: &'a str,
    query: &'a str,
    shown: &'a str,
}

#[derive(Template)]
#[template(path = "pages/device_done.html")]
struct DeviceDone<'a> {
    frame: Frame<'a>,
    title: &'a str,
    sentence: &'a str,
}

/// What the page is asked.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what `DeviceQuery` reads")]
struct DeviceParameters {
    /// The code to fill in.
    #[param(example = "WDJB-MJHT")]
    user_code: Option<String>,
    /// Languages of the page, the best first.
    ui_locales: Option<String>,
}

/// Show the page of devices
///
/// Where a device sends people (`verification_uri`). Who is not logged in logs in first. A code in the address is filled in, and
/// confirmed by the person.
#[utoipa::path(get, path = "/device", tag = "pages", security(()), params(DeviceParameters), responses(
    (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
    (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
))]
async fn show_device(
    State(pages): State<Pages>,
    Ok(visit): Result<Visit, Infallible>,
    RawQuery(query): RawQuery,
) -> Response {
    let answer = asked(&pages, &visit, &DeviceQuery::read(&query.unwrap_or_default())).await;
    answered(&pages, &visit, answer)
}

async fn asked(pages: &Pages, visit: &Visit, query: &DeviceQuery) -> Result<Response> {
    let visit = &visit.clone().reading(query.parameters());
    let ok = StatusCode::OK;
    match visit.browser(pages).await? {
        Some(browser) => {
            let code = query.user_code().unwrap_or_default();
            code_page(pages, visit, (&browser, query), (ok, code, None))
        }
        None => login_page(pages, visit, For::Device(query), (ok, Typed::default())).await,
    }
}

fn code_page(
    pages: &Pages,
    visit: &Visit,
    (browser, query): (&Browser, &DeviceQuery),
    (status, code, fault): (StatusCode, &str, Option<&str>),
) -> Result<Response> {
    let (form_token, cookie) = visit.form_token(pages)?;
    let page = DevicePage {
        frame: Frame::of(pages, visit),
        person: &browser.payload.name,
        form_token: &form_token,
        query: &query.carried(),
        code,
        fault,
    };
    Ok(with_cookies(show(status, &page, None)?, cookie))
}

/// What the page posts once a code is typed.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what `enter_device` reads")]
struct DeviceForm {
    /// What the page has given it.
    #[schema(example = "pfm_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000")]
    form_token: String,
    /// The query of the page.
    device: Option<String>,
    #[schema(example = "WDJB-MJHT")]
    user_code: String,
}

/// Type a device's code on its page
#[utoipa::path(post, path = "/device", tag = "pages", security(()),
    request_body(content = DeviceForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 303, description = "to the page by `GET`, for whoever is not logged in"),
        (status = 400, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 403, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 415, description = "`unsupported_media_type`"),
        (status = 429, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
    ))]
async fn enter_device(State(pages): State<Pages>, Sent { visit, form }: Sent) -> Response {
    let answer = posted(&pages, &visit, &form, None).await;
    answered(&pages, &visit, answer)
}

/// What the page posts once the person has seen who asks.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what `answer_device` reads")]
struct DeviceAnswer {
    /// What the page has given it.
    #[schema(example = "pfm_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000")]
    form_token: String,
    /// The query of the page.
    device: Option<String>,
    #[schema(example = "WDJB-MJHT")]
    user_code: String,
    /// The scopes that the person has seen.
    shown: Option<String>,
    /// `allow` or `deny`.
    #[schema(example = "allow")]
    answer: String,
}

/// Let a device in on its page, or not
#[utoipa::path(post, path = "/device/answer", tag = "pages", security(()),
    request_body(content = DeviceAnswer, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 303, description = "to the page by `GET`, for whoever is not logged in"),
        (status = 400, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 403, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 415, description = "`unsupported_media_type`"),
        (status = 429, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
    ))]
async fn answer_device(State(pages): State<Pages>, Sent { visit, form }: Sent) -> Response {
    let answer = posted(&pages, &visit, &form, form.one("answer")).await;
    answered(&pages, &visit, answer)
}

/// What comes of a code, and of an answer if one was `chosen`.
async fn posted(pages: &Pages, visit: &Visit, form: &Parameters, chosen: Option<&str>) -> Result<Response> {
    let query = &DeviceQuery::carrying(form.one("device").unwrap_or_default());
    let visit = &visit.clone().reading(query.parameters());
    let Some(browser) = visit.browser(pages).await? else { return go(&pages.issuer.at(&query.address())) };
    let words = Words::of(visit.locale);
    let code = form.one("user_code").unwrap_or_default();
    let again = |status, fault| code_page(pages, visit, (&browser, query), (status, code, Some(fault)));
    if code.is_empty() {
        return again(StatusCode::BAD_REQUEST, words.say_code);
    }
    let pending = match device::find(pages, &browser, &visit.origin, code).await {
        Ok(Some(pending)) => pending,
        Ok(None) => return again(StatusCode::BAD_REQUEST, words.faults.unknown_code),
        Err(error @ (Error::Internal(_) | Error::Unavailable(_) | Error::NoPrimary(_))) => return Err(error),
        Err(error) => {
            let fault = sentence_of(&error, words);
            return Ok(failed(error, |status| again(status, fault)));
        }
    };
    let shown = form.one("shown").unwrap_or_default();
    let answer = match chosen {
        Some("allow") => device::allow(pages, &pending, (&browser, shown), &visit.origin).await?,
        Some("deny") => {
            let denied = device::deny(pages, &pending, &browser, &visit.origin).await?;
            if matches!(denied, Answered::Done) {
                return done(pages, visit, (words.device_refused, words.close_window));
            }
            denied
        }
        _ => match pending.grant(pages, &browser).await? {
            Some(grant) => Answered::Again(grant),
            None => Answered::NoAccess,
        },
    };
    match answer {
        Answered::Done => done(pages, visit, (words.device_let_in, words.close_window)),
        Answered::Again(grant) => question(pages, visit, (&browser, query), (&pending, &grant)),
        Answered::Gone => again(StatusCode::BAD_REQUEST, words.faults.unknown_code),
        Answered::NoAccess => {
            problem(pages, visit, StatusCode::FORBIDDEN, &named(words.no_access_why, &name_of(&pending.client)))
        }
    }
}

fn question(
    pages: &Pages,
    visit: &Visit,
    (browser, query): (&Browser, &DeviceQuery),
    (pending, grant): (&Pending, &Grant),
) -> Result<Response> {
    let (form_token, cookie) = visit.form_token(pages)?;
    let page = DeviceConsent {
        frame: Frame::of(pages, visit),
        client: &name_of(&pending.client),
        calls_itself: calls_itself(&pending.client),
        person: &browser.payload.name,
        code: &pending.user_code.to_string(),
        scopes: &in_words(Words::of(visit.locale), grant),
        lasts: &how_long(pages, visit, grant),
        form_token: &form_token,
        query: &query.carried(),
        shown: &grant.digest(),
    };
    Ok(with_cookies(show(StatusCode::OK, &page, None)?, cookie))
}

fn done(pages: &Pages, visit: &Visit, (title, sentence): (&str, &str)) -> Result<Response> {
    show(StatusCode::OK, &DeviceDone { frame: Frame::of(pages, visit), title, sentence }, None)
}
