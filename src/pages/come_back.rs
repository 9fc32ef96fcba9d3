//! The way back from another identity provider.

use std::convert::Infallible;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::login::{Typed, login_page};
use super::member::go_on;
use super::page::{answered, refused};
use super::place::Place;
use super::providers::{TurnedAway, Wanted, not_let_in};
use super::purpose::{For, Offer, Purpose, on_to};
use super::second_step::second_step_page;
use super::told;
use crate::base::error::Result;
use crate::identity::login::Entered;
use crate::identity::providers::{self, Arrival, At, BrowserHash, Joining, Onward, Refusal, Returned, Returning, Told};
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::visit::Visit;
use crate::platform::http::{Path, Routes};
use crate::platform::metrics::{Outcome, Way};

/// `/login/callback/{provider}`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(come_back_from_provider))
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
            on.go(pages, began.token())
        }
        Ok(Came::Entered(onward, Entered::SecondFactor(pending))) => match Purpose::of(pages, &onward).await? {
            Ok(purpose) => second_step_page(pages, &purpose.read_by(visit), purpose.what_for(), &pending).await,
            Err(why) => refused(pages, visit, &why).await,
        },
        Ok(Came::Join(offer)) => login_page(pages, visit, For::Join(&offer), (StatusCode::OK, Typed::default())).await,
        Ok(Came::Linked) => go_on(pages, Place::Providers.path(), told::Told::AccountLinked),
        Err(turned_away) => not_let_in(pages, visit, turned_away).await,
    }
}

/// What is counted of it. Where there is no such provider, its name is a stranger's.
fn outcome(came: &Result<std::result::Result<Came, TurnedAway>>) -> Option<Outcome> {
    match came {
        Ok(Ok(Came::Linked) | Err(TurnedAway { refusal: Refusal::Unknown, .. })) => None,
        Ok(Ok(Came::Entered(_, Entered::In(_)))) => Some(Outcome::Success),
        Ok(Ok(Came::Entered(_, Entered::SecondFactor(_)))) => Some(Outcome::SecondFactorDue),
        Ok(Ok(Came::Join(_))) => Some(Outcome::LinkDue),
        Ok(Err(turned_away)) => Some(turned_away.refusal.outcome()),
        Err(_) => Some(Outcome::of(came)),
    }
}

async fn way_back(
    pages: &Pages,
    visit: &Visit,
    provider: &str,
    query: &str,
) -> Result<std::result::Result<Came, TurnedAway>> {
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
    let back = match providers::come_back(pages, &returning).await? {
        Ok(back) => back,
        Err(refusal) => return Ok(Err(TurnedAway { refusal, wanted: Wanted::ToLogIn(Onward::default()) })),
    };
    let (onward, links) = (back.login.onward.clone(), back.login.person.is_some());
    let came = match providers::recognize(pages, back, &returning).await {
        Ok(returned) => arrive(pages, visit, &returned).await?,
        Err(refusal) => Err(refusal),
    };
    Ok(came.map_err(|refusal| TurnedAway {
        refusal,
        wanted: if links { Wanted::ToLink } else { Wanted::ToLogIn(onward) },
    }))
}

async fn arrive(pages: &Pages, visit: &Visit, returned: &Returned) -> Result<Told<Came>> {
    let before = visit.browser(pages).await?.map(|before| (before.person, before.token));
    let browser = visit.secret().unwrap_or_default();
    let at = At { browser: BrowserHash::of(browser), session: before, origin: &visit.origin, locale: visit.locale };
    let known = match providers::arrive(pages, returned, at).await? {
        Ok(Arrival::Known(known)) => known,
        Ok(Arrival::Linked) => return Ok(Ok(Came::Linked)),
        Ok(Arrival::Join(token)) => {
            let joining = Joining::of(token.reveal(), browser);
            let offer = joining.map(|joining| {
                let provider = returned.partner.display_name.clone();
                Offer { token: token.reveal().to_owned(), joining, provider }
            });
            return Ok(offer.map(Came::Join).ok_or(Refusal::Over));
        }
        Err(refusal) => return Ok(Err(refusal)),
    };
    let from = (&visit.origin, visit.origin.user_agent.as_deref());
    let entered = providers::enter(pages, (&known, &returned.partner), from, before).await?;
    Ok(entered.map(|entered| Came::Entered(returned.login.onward.clone(), entered)))
}
