//! Somebody who is logged in looks at a page of their own account. Whoever is not logs in first, and comes back.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;

use super::field::Faults;
use super::page::{Frame, answered, failed, go, with_cookies};
use super::sent::Sent;
use super::words::Words;
use crate::base::error::Result;
use crate::base::locale::Locale;
use crate::gate::Caller;
use crate::identity::people::store::Details;
use crate::identity::{factors, people};
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::place::Place;
use crate::pages::told::Told;
use crate::pages::visit::{Visit, telling, told_now};

/// Somebody at a page of their own account.
#[derive(Debug)]
pub struct Member {
    /// Their visit, in their language.
    pub visit: Visit,
    /// They, for acts.
    pub caller: Caller,
    /// What is known of them.
    pub details: Details,
    /// Where they are.
    pub place: Place,
    /// Whether they have proved lately who they are, so that nothing need be proved once more.
    pub is_fresh: bool,
}

/// What stands around a page of the account, besides its frame.
#[derive(Debug)]
pub struct Menu<'a> {
    /// Where they are.
    pub place: Place,
    /// What they are called.
    pub person: &'a str,
    /// For the forms of the page.
    pub form_token: String,
    /// What was done on the page before.
    pub told: Option<&'static str>,
}

/// A page of the account, but for what is its own: its frame, its menu, and the cookies to set.
pub type Around<'a> = (Frame<'a>, Menu<'a>, Vec<HeaderValue>);

impl Member {
    async fn of(pages: &Pages, visit: &Visit, place: Place) -> Result<Result<Self, Response>> {
        let Some(caller) = visit.caller(pages).await? else {
            return Ok(Err(go(&pages.issuer.at(&place.login()))?));
        };
        let mut conn = pages.db.read().await?;
        let details = people::store::details(&mut conn, caller.person).await?;
        let is_fresh = factors::is_fresh(&mut conn, caller.person, caller.token, pages.clock.now()).await?;
        let locale = details.locale.as_deref().and_then(Locale::stored);
        Ok(Ok(Self { visit: visit.clone().in_language_of(locale), caller, details, place, is_fresh }))
    }

    /// What the page says.
    pub fn words(&self) -> &'static Words {
        Words::of(self.visit.locale)
    }

    /// What stands around the page.
    pub fn around<'a>(&'a self, pages: &'a Pages) -> Result<Around<'a>> {
        let (form_token, cookie) = self.visit.form_token(pages)?;
        let told = self.visit.told();
        let forget = told.map(|_| told_now(pages)).transpose()?;
        let told = told.map(|told| told.said(self.words()));
        let menu = Menu { place: self.place, person: &self.details.name, form_token, told };
        Ok((Frame::of(pages, &self.visit), menu, cookie.into_iter().chain(forget).collect()))
    }

    /// What came of a page; who has no session any more logs in.
    pub fn answered(&self, pages: &Pages, answer: Result<Response>) -> Response {
        let answer = match answer {
            Err(error) if error.status() == StatusCode::UNAUTHORIZED => go(&pages.issuer.at(&self.place.login())),
            answer => answer,
        };
        answered(pages, &self.visit, answer)
    }

    /// The browser goes on to this page by `GET`, which tells what was done.
    pub fn go_on(&self, pages: &Pages, told: Told) -> Result<Response> {
        go_on(pages, self.place.path(), told)
    }
}

/// The browser goes on to a page of ours by `GET`, which tells what was done.
pub fn go_on(pages: &Pages, path: &str, told: Told) -> Result<Response> {
    Ok(with_cookies(go(&pages.issuer.at(path))?, [telling(pages, told)?]))
}

/// A page with a form, as what is wrong with it wants it answered.
pub fn with_faults(faults: Faults, page: Result<Response>) -> Result<Response> {
    match faults.error() {
        Some(error) => Ok(failed(error, |_| page)),
        None => page,
    }
}

impl FromRequestParts<Pages> for Member {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, pages: &Pages) -> Result<Self, Response> {
        let Ok(visit) = Visit::from_request_parts(parts, pages).await;
        match Self::of(pages, &visit, Place::at(parts.uri.path())).await {
            Ok(Ok(member)) => Ok(member),
            Ok(Err(response)) => Err(response),
            Err(error) => Err(answered(pages, &visit, Err(error))),
        }
    }
}

/// What a page of ours has posted of somebody's own account.
#[derive(Debug)]
pub struct Posted {
    /// Who.
    pub member: Member,
    /// What.
    pub form: Parameters,
}

impl FromRequest<Pages> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, pages: &Pages) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let member = Member::from_request_parts(&mut parts, pages).await?;
        let request = Request::from_parts(parts, body);
        let Sent { form, .. } = Sent::within(member.visit.clone(), request, pages).await?;
        Ok(Self { member, form })
    }
}
