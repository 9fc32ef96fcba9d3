//! The way to another identity provider.

use std::convert::Infallible;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::device_query::DeviceQuery;
use super::page::{Frame, answered, go, host_of, problem, problem_with_way_on, refused, show, with_cookies};
use super::place::Place;
use super::purpose::Purpose;
use super::sent::Sent;
use super::words::Words;
use crate::base::error::Result;
use crate::identity::accounts::PresentedInvitation;
use crate::identity::login::is_fresh;
use crate::identity::providers::{self, Departure, Onward, Refusal, Wishes};
use crate::oauth::authorizations::{self, Request};
use crate::oauth::parameters::{LONGEST_REQUEST, Parameters};
use crate::pages::Pages;
use crate::pages::visit::Visit;
use crate::platform::http::{Path, Routes};

/// `/login/providers/{provider}`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(go_to_provider, link_at_provider))
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
    let onward = departure.onward.clone();
    match providers::depart(pages, departure).await? {
        Ok((address, _)) => Ok(with_cookies(go(&address)?, cookie)),
        Err(refusal) => not_let_in(pages, visit, TurnedAway { refusal, wanted: Wanted::ToLogIn(onward) }).await,
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
    let turned_away = |refusal| not_let_in(pages, visit, TurnedAway { refusal, wanted: Wanted::ToLink });
    let Some(session) = visit.browser(pages).await? else { return turned_away(Refusal::Stale).await };
    if !is_fresh(&mut *pages.db.read().await?, session.person, session.token, now).await? {
        return turned_away(Refusal::Stale).await;
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
        Err(refusal) => turned_away(refusal).await,
    }
}

/// What somebody went to a provider for.
pub(super) enum Wanted {
    ToLogIn(Onward),
    ToLink,
}

/// Why somebody does not get what they went for.
pub(super) struct TurnedAway {
    pub refusal: Refusal,
    pub wanted: Wanted,
}

/// The page of a refusal, with the way to where they can choose another one for the same.
pub(super) async fn not_let_in(
    pages: &Pages,
    visit: &Visit,
    TurnedAway { refusal, wanted }: TurnedAway,
) -> Result<Response> {
    let words = Words::of(visit.locale);
    let (way, label) = match wanted {
        Wanted::ToLink => (Place::Providers.path().to_owned(), words.account.menu.providers),
        Wanted::ToLogIn(onward) => match Purpose::of(pages, &onward).await? {
            Ok(purpose) => (purpose.what_for().anew(), words.back_to_sign_in),
            Err(why) => return refused(pages, visit, &why).await,
        },
    };
    let faults = &words.faults;
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
    problem_with_way_on(pages, visit, (status, sentence), (&way, label))
}
