//! What somebody logs in for: each form of a login carries it, and has it read anew.

use axum::http::HeaderValue;
use axum::response::Response;

use super::device_query::DeviceQuery;
use crate::base::error::Result;
use crate::base::opaque::token::{Token, TokenHash};
use crate::identity::providers::{self, Joining, Onward};
use crate::oauth::authorizations::{self, Browser, Fault, Refused, Request};
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::page::{go, with_cookies};
use crate::pages::place::Place;
use crate::pages::told::Told;
use crate::pages::visit::{Visit, logged_in, telling};

/// What somebody logs in for.
#[derive(Clone, Copy, Debug)]
pub enum For<'a> {
    /// The start page.
    Itself,
    /// What a client asks.
    Client(&'a Request),
    /// A device, on the page of this query.
    Device(&'a DeviceQuery),
    /// To prove the account that another one is joined with.
    Join(&'a Offer),
    /// A page of their account.
    Account(Place),
}

impl<'a> For<'a> {
    /// What a client asks.
    pub fn request(self) -> Option<&'a Request> {
        match self {
            Self::Client(request) => Some(request),
            Self::Itself | Self::Device(_) | Self::Account(_) | Self::Join(_) => None,
        }
    }

    /// What is joined by it.
    pub fn offer(self) -> Option<&'a Offer> {
        if let Self::Join(offer) = self { Some(offer) } else { None }
    }

    /// Whether a second factor is wanted, whatever device is trusted.
    pub fn wants_second_factor(self) -> bool {
        self.request().is_some_and(|request| request.acr.wants_second_factor())
    }

    /// As a form carries it.
    pub fn carried(self) -> Carried {
        match self {
            Self::Itself | Self::Join(_) => Carried::default(),
            Self::Client(request) => Carried { request: Some(request.query()), ..Carried::default() },
            Self::Device(query) => Carried { device: Some(query.carried()), ..Carried::default() },
            Self::Account(place) => Carried { page: Some(place.name()), ..Carried::default() },
        }
    }

    /// Where they go once they are logged in, in the session of this token.
    pub async fn on(self, pages: &Pages, session: TokenHash) -> Result<Onto> {
        Ok(match self {
            Self::Itself => Onto::path("/"),
            Self::Client(request) => {
                Onto::path(format!("/oauth/authorize?{}", request.once_logged_in(pages, session).await?))
            }
            Self::Device(query) => Onto::path(query.address()),
            Self::Account(place) => Onto::path(place.path()),
            Self::Join(offer) => return joined(pages, offer, session).await,
        })
    }

    /// Where they begin again.
    pub fn anew(self) -> String {
        match self {
            Self::Itself | Self::Join(_) => "/login".to_owned(),
            Self::Client(request) => format!("/oauth/authorize?{}", request.query()),
            Self::Device(query) => query.address(),
            Self::Account(place) => place.login(),
        }
    }
}

/// Where somebody goes on who is logged in now.
#[derive(Debug)]
pub struct Onto {
    path: String,
    /// What the page there says.
    told: Option<Told>,
}

impl Onto {
    fn path(path: impl Into<String>) -> Self {
        Self { path: path.into(), told: None }
    }

    /// The address.
    pub fn address(&self, pages: &Pages) -> String {
        pages.issuer.at(&self.path)
    }

    /// What their browser is given, with the session of this token.
    pub fn cookies(&self, pages: &Pages, token: &Token) -> Result<Vec<HeaderValue>> {
        let mut cookies = logged_in(pages, token)?.to_vec();
        cookies.extend(self.told.map(|told| telling(pages, told)).transpose()?);
        Ok(cookies)
    }

    /// They go there.
    pub fn go(&self, pages: &Pages, token: &Token) -> Result<Response> {
        Ok(with_cookies(go(&self.address(pages))?, self.cookies(pages, token)?))
    }
}

/// What a form of a login carries, at most one of them.
#[derive(Debug, Default)]
pub struct Carried {
    /// What a client asks.
    pub request: Option<String>,
    /// The query of the page of devices.
    pub device: Option<String>,
    /// A page of the account, by its name.
    pub page: Option<&'static str>,
}

/// An account at an identity provider that is to be joined with the one that somebody logs in to.
#[derive(Clone, Debug)]
pub struct Offer {
    /// What forms carry.
    pub token: String,
    /// The same, of this browser.
    pub joining: Joining,
    /// What people read of the provider.
    pub provider: String,
}

/// Joins what was offered with whoever has logged in; answers where they go on. Where it is not theirs, or over, they are logged in
/// all the same, and are told that nothing is joined.
async fn joined(pages: &Pages, offer: &Offer, session: TokenHash) -> Result<Onto> {
    let Some(browser) = Browser::of(pages, session).await? else { return Ok(Onto::path("/")) };
    let at_links = |told| Onto { told: Some(told), ..Onto::path(Place::Providers.path()) };
    Ok(match providers::join(pages, offer.joining, (browser.person, session)).await? {
        Ok(onward) if onward == Onward::default() => at_links(Told::AccountLinked),
        Ok(onward) => on_to(pages, &onward, session).await?,
        Err(_) => at_links(Told::NotJoined),
    })
}

/// Where somebody goes on who has come from an identity provider.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn on_to(pages: &Pages, onward: &Onward, session: TokenHash) -> Result<Onto> {
    Ok(Onto::path(match onward {
        Onward { request: Some(text), .. } => match authorizations::check(pages, text).await? {
            Ok(request) => format!("/oauth/authorize?{}", request.once_logged_in(pages, session).await?),
            // Whatever has become of it is told there.
            Err(_) => format!("/oauth/authorize?{text}"),
        },
        Onward { device: Some(query), .. } => DeviceQuery::carrying(query).address(),
        Onward { .. } => "/".to_owned(),
    }))
}

/// What a form says that a login is for.
#[derive(Debug)]
pub struct Purpose {
    join: Option<Offer>,
    request: Option<Request>,
    device: Option<DeviceQuery>,
    page: Option<Place>,
}

impl Purpose {
    /// Reads it; `Err` where a client asks for what it does not get.
    ///
    /// # Errors
    /// When Postgres can't be asked.
    pub async fn read(pages: &Pages, form: &Parameters) -> Result<std::result::Result<Self, Refused>> {
        let request = match form.one("request") {
            None => None,
            Some(request) => match authorizations::check(pages, request).await? {
                Ok(request) => Some(request),
                Err(why) => return Ok(Err(why)),
            },
        };
        let join = match form.one("join") {
            None => None,
            Some(token) => match offered(pages, token, form.one("form_token").unwrap_or_default()).await? {
                Some(offer) => Some(offer),
                None => return Ok(Err(Refused::Here(Fault::UnknownRequest))),
            },
        };
        let device = form.one("device").map(DeviceQuery::carrying);
        Ok(Ok(Self { join, request, device, page: form.one("page").and_then(Place::named) }))
    }

    /// The one of whoever has come from an identity provider.
    ///
    /// # Errors
    /// When Postgres can't be asked.
    pub async fn of(pages: &Pages, onward: &Onward) -> Result<std::result::Result<Self, Refused>> {
        let (request, device) = (onward.request.clone(), onward.device.clone());
        let carried = [("request", request.as_deref()), ("device", device.as_deref())];
        let carried = carried.into_iter().filter_map(|(name, value)| Some((name, value?)));
        Self::read(pages, &Parameters::of(carried).unwrap_or_default()).await
    }

    /// What it is for.
    pub fn what_for(&self) -> For<'_> {
        match (&self.join, &self.request, &self.device) {
            (Some(offer), ..) => For::Join(offer),
            (None, Some(request), _) => For::Client(request),
            (None, None, Some(query)) => For::Device(query),
            (None, None, None) => self.page.map_or(For::Itself, For::Account),
        }
    }

    /// In the language that it asks for, if we write it.
    pub fn read_by(&self, visit: &Visit) -> Visit {
        match self.what_for() {
            For::Itself | For::Account(_) | For::Join(_) => visit.clone(),
            For::Client(request) => visit.clone().reading(&request.parameters),
            For::Device(query) => visit.clone().reading(query.parameters()),
        }
    }
}

/// What a form of a browser offers to join: what its cookie has, the form has, too.
async fn offered(pages: &Pages, token: &str, browser: &str) -> Result<Option<Offer>> {
    let Some(joining) = Joining::of(token, browser) else { return Ok(None) };
    let provider = providers::offer(pages, joining).await?;
    Ok(provider.map(|provider| Offer { token: token.to_owned(), joining, provider }))
}
