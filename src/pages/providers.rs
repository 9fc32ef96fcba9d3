//! The way to another identity provider, and back.

use std::convert::Infallible;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::device_query::DeviceQuery;
use super::login::{Typed, login_page};
use super::member::go_on;
use super::page::{Frame, answered, go, host_of, problem, refused, show, with_cookies};
use super::place::Place;
use super::purpose::{For, Offer, Purpose, on_to};
use super::second_step::second_step_page;
use super::sent::Sent;
use super::told;
use super::words::Words;
use crate::base::error::Result;
use crate::identity::accounts::PresentedInvitation;
use crate::identity::login::{Entered, is_fresh};
use crate::identity::providers::{
    self, Arrival, At, BrowserHash, Departure, Joining, Onward, Refusal, Returning, Told, Wishes,
};
use crate::oauth::authorizations::{self, Request};
use crate::oauth::parameters::{LONGEST_REQUEST, Parameters};
use crate::pages::Pages;
use crate::pages::visit::{Visit, logged_in};
use crate::platform::http::{Path, Routes};
use crate::platform::metrics::{Outcome, Way};

/// `/login/providers/{provider}`, `/login/callback/{provider}`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(go_to_provider, link_at_provider)).routes(routes!(come_back_from_provider))
}

/// What somebody logs in for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what `go_to_provider` reads")]
struct Going {
    /// The authorization request that the login is for, if there is one.
    request: Option<String>,
    /// The query of the page of devices, if it is for that.
    device: Option<String>,
    /// An invitation, for who is new here.
    invitation: Option<String>,
}

/// Log in at an identity provider
///
/// Sends the browser there, with `state`, a nonce and PKCE. It comes back to `/login/callback/{provider}` within five minutes.
#[utoipa::path(get, path = "/login/providers/{provider}", tag = "pages", security(()),
    params(("provider" = String, Path, description = "the provider's name", example = "google"), Going),
    responses(
        (status = 303, description = "to the provider"),
        (status = 400, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 404, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 502, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
    ))]
async fn go_to_provider(
    State(pages): State<Pages>,
    Ok(visit): Result<Visit, Infallible>,
    Path(provider): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let answer = sent(&pages, &visit, &provider, &query.unwrap_or_default()).await;
    answered(&pages, &visit, answer)
}

async fn sent(pages: &Pages, visit: &Visit, provider: &str, query: &str) -> Result<Response> {
    let malformed = || problem(pages, visit, StatusCode::BAD_REQUEST, Words::of(visit.locale).faults.malformed);
    let Some(query) = Parameters::read(query) else { return malformed() };
    let request = match query.one("request") {
        None => None,
        Some(text) if text.len() > LONGEST_REQUEST => return malformed(),
        Some(text) => match authorizations::check(pages, text).await? {
            Ok(request) => Some(request),
            Err(why) => return refused(pages, visit, &why).await,
        },
    };
    let (browser, cookie) = visit.form_token(pages)?;
    let device = query.one("device").map(|text| DeviceQuery::carrying(text).carried());
    let departure = Departure {
        provider,
        browser: &browser,
        person: None,
        onward: Onward { request: request.as_ref().map(Request::query), device },
        invitation: query.one("invitation").map(PresentedInvitation::of),
        wishes: request.as_ref().map(wishes).unwrap_or_default(),
    };
    match providers::depart(pages, departure).await? {
        Ok((address, _)) => Ok(with_cookies(go(&address)?, cookie)),
        Err(refusal) => not_let_in(pages, visit, refusal),
    }
}

/// What a client asks for is asked of the provider, too: whoever is logged in there might not have been asked for long.
fn wishes(request: &Request) -> Wishes {
    Wishes {
        anew: request.prompt.login,
        max_age: request.max_age.map(|age| i64::from(age.seconds())),
        login_hint: request.login_hint.clone().filter(|hint| hint.len() <= 320),
    }
}

/// What the page of one's own account posts.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what `link_at_provider` reads")]
struct LinkForm {
    /// What the page has given it.
    #[schema(example = "pfm_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000")]
    form_token: String,
}

#[derive(Template)]
#[template(path = "pages/link_account.html")]
struct LinkPage<'a> {
    frame: Frame<'a>,
    provider: &'a str,
    host: &'a str,
    to: &'a str,
}

/// Link an account at an identity provider
///
/// For whoever is logged in in this browser, and has proved who they are in the last 15 minutes. Shows where it goes on.
#[utoipa::path(post, path = "/login/providers/{provider}", tag = "pages", security(()),
    params(("provider" = String, Path, description = "the provider's name", example = "google")),
    request_body(content = LinkForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 403, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 404, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 415, description = "`unsupported_media_type`"),
        (status = 502, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
    ))]
async fn link_at_provider(
    State(pages): State<Pages>,
    Path(provider): Path<String>,
    Sent { visit, .. }: Sent,
) -> Response {
    let answer = asked_to_link(&pages, &visit, &provider).await;
    answered(&pages, &visit, answer)
}

async fn asked_to_link(pages: &Pages, visit: &Visit, provider: &str) -> Result<Response> {
    let now = pages.clock.now();
    let Some(session) = visit.browser(pages).await? else { return not_let_in(pages, visit, Refusal::Stale) };
    if !is_fresh(&mut *pages.db.read().await?, session.person, session.token, now).await? {
        return not_let_in(pages, visit, Refusal::Stale);
    }
    let (browser, _) = visit.form_token(pages)?;
    let departure = Departure {
        provider,
        browser: &browser,
        person: Some(session.person),
        onward: Onward::default(),
        invitation: None,
        wishes: Wishes::default(),
    };
    match providers::depart(pages, departure).await? {
        Ok((address, name)) => {
            let host = host_of(&address);
            let page = LinkPage { frame: Frame::of(pages, visit), provider: &name, host: &host, to: &address };
            show(StatusCode::OK, &page, None)
        }
        Err(refusal) => not_let_in(pages, visit, refusal),
    }
}

/// What a provider sends back (RFC 6749 section 4.1.2; RFC 9207).
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what `come_back_from_provider` reads")]
struct ProviderAnswer {
    /// What it was sent.
    state: Option<String>,
    /// What is exchanged for an ID token.
    code: Option<String>,
    /// Why there is no code.
    error: Option<String>,
    /// Who answers.
    iss: Option<String>,
}

/// Come back from an identity provider
///
/// Each `state` is good once, for five minutes, in the browser that was sent.
#[utoipa::path(get, path = "/login/callback/{provider}", tag = "pages", security(()),
    params(("provider" = String, Path, description = "the provider's name", example = "google"), ProviderAnswer),
    responses(
        (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 303, description = "on to what the login was for"),
        (status = 400, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 403, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 404, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 429, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 502, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
    ))]
async fn come_back_from_provider(
    State(pages): State<Pages>,
    Ok(visit): Result<Visit, Infallible>,
    Path(provider): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let answer = came(&pages, &visit, &provider, &query.unwrap_or_default()).await;
    answered(&pages, &visit, answer)
}

/// What comes of somebody's way back.
enum Came {
    /// They log in.
    Entered(Onward, Entered),
    /// They are to prove the account here with the same address, too.
    Join(Offer),
    /// Their account there is linked, as they wanted.
    Linked,
}

async fn came(pages: &Pages, visit: &Visit, provider: &str, query: &str) -> Result<Response> {
    let attempt = pages.metrics.login(Way::Provider);
    let came = way_back(pages, visit, provider, query).await;
    match outcome(&came) {
        None => attempt.is_none(),
        Some(outcome) if came.is_ok() => attempt.at(provider).ends(outcome),
        // Whether there is such a provider is not known.
        Some(outcome) => attempt.ends(outcome),
    }
    match came? {
        Ok(Came::Entered(onward, Entered::In(began))) => {
            let on = on_to(pages, &onward, began.token().hash()).await?;
            Ok(with_cookies(go(&pages.issuer.at(&on))?, logged_in(pages, began.token())?))
        }
        Ok(Came::Entered(onward, Entered::SecondFactor(pending))) => match Purpose::of(pages, &onward).await? {
            Ok(purpose) => second_step_page(pages, &purpose.read_by(visit), purpose.what_for(), &pending).await,
            Err(why) => refused(pages, visit, &why).await,
        },
        Ok(Came::Join(offer)) => login_page(pages, visit, For::Join(&offer), (StatusCode::OK, Typed::default())).await,
        Ok(Came::Linked) => go_on(pages, Place::Providers.path(), told::Told::AccountLinked),
        Err(refusal) => not_let_in(pages, visit, refusal),
    }
}

/// What is counted of it. Where there is no such provider, its name is a stranger's.
fn outcome(came: &Result<Told<Came>>) -> Option<Outcome> {
    match came {
        Ok(Ok(Came::Linked) | Err(Refusal::Unknown)) => None,
        Ok(Ok(Came::Entered(_, Entered::In(_)))) => Some(Outcome::Success),
        Ok(Ok(Came::Entered(_, Entered::SecondFactor(_)))) => Some(Outcome::SecondFactorDue),
        Ok(Ok(Came::Join(_))) => Some(Outcome::LinkDue),
        Ok(Err(refusal)) => Some(refusal.outcome()),
        Err(_) => Some(Outcome::of(came)),
    }
}

async fn way_back(pages: &Pages, visit: &Visit, provider: &str, query: &str) -> Result<Told<Came>> {
    // Twice the same parameter must not mean two things.
    let query = Parameters::read(query).filter(|query| query.doubled().is_none()).unwrap_or_default();
    let returning = Returning {
        provider,
        browser: visit.secret(),
        state: query.one("state"),
        code: query.one("code"),
        error: query.one("error"),
        iss: query.one("iss"),
    };
    let returned = match providers::come_back(pages, returning).await? {
        Ok(returned) => returned,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let before = visit.browser(pages).await?.map(|before| (before.person, before.token));
    let browser = visit.secret().unwrap_or_default();
    let at = At { browser: BrowserHash::of(browser), session: before, origin: &visit.origin, locale: visit.locale };
    let known = match providers::arrive(pages, &returned, at).await? {
        Ok(Arrival::Known(known)) => known,
        Ok(Arrival::Linked) => return Ok(Ok(Came::Linked)),
        Ok(Arrival::Join(token)) => {
            let joining = Joining::of(token.reveal(), browser);
            let offer = joining.map(|joining| {
                let provider = returned.partner.display_name;
                Offer { token: token.reveal().to_owned(), joining, provider }
            });
            return Ok(offer.map(Came::Join).ok_or(Refusal::Over));
        }
        Err(refusal) => return Ok(Err(refusal)),
    };
    let from = (&visit.origin, visit.origin.user_agent.as_deref());
    let entered = providers::enter(pages, (&known, &returned.partner), from, before).await?;
    Ok(entered.map(|entered| Came::Entered(returned.login.onward, entered)))
}

/// The page of a refusal.
fn not_let_in(pages: &Pages, visit: &Visit, refusal: Refusal) -> Result<Response> {
    let faults = &Words::of(visit.locale).faults;
    let (status, sentence) = match refusal {
        Refusal::Unknown => (StatusCode::NOT_FOUND, faults.unknown_provider),
        Refusal::Over => (StatusCode::BAD_REQUEST, faults.login_over),
        Refusal::Denied => (StatusCode::FORBIDDEN, faults.denied_there),
        Refusal::Unusable => (StatusCode::BAD_GATEWAY, faults.unusable_answer),
        Refusal::NotLinked => (StatusCode::FORBIDDEN, faults.not_linked),
        Refusal::NotInvited => (StatusCode::FORBIDDEN, faults.not_invited),
        Refusal::Disabled => (StatusCode::FORBIDDEN, faults.disabled),
        Refusal::TooOften => (StatusCode::TOO_MANY_REQUESTS, faults.too_many),
        Refusal::OfAnother => (StatusCode::FORBIDDEN, faults.linked_to_another),
        Refusal::TooMany => (StatusCode::FORBIDDEN, faults.too_many_links),
        Refusal::Stale => (StatusCode::FORBIDDEN, faults.stale_login),
    };
    problem(pages, visit, status, sentence)
}
