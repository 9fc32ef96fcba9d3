//! What somebody logs in for: each form of a login carries it, and has it read anew.

use super::device_query::DeviceQuery;
use crate::base::error::Result;
use crate::base::opaque::token::TokenHash;
use crate::oauth::authorizations::{self, Refused, Request};
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::place::Place;
use crate::pages::visit::Visit;

/// What somebody logs in for.
#[derive(Clone, Copy, Debug)]
pub enum For<'a> {
    /// The start page.
    Itself,
    /// What a client asks.
    Client(&'a Request),
    /// A device, on the page of this query.
    Device(&'a DeviceQuery),
    /// A page of their account.
    Account(Place),
}

impl<'a> For<'a> {
    /// What a client asks.
    pub fn request(self) -> Option<&'a Request> {
        match self {
            Self::Client(request) => Some(request),
            Self::Itself | Self::Device(_) | Self::Account(_) => None,
        }
    }

    /// Whether a second factor is wanted, whatever device is trusted.
    pub fn wants_second_factor(self) -> bool {
        self.request().is_some_and(|request| request.acr.wants_second_factor())
    }

    /// As a form carries it.
    pub fn carried(self) -> Carried {
        match self {
            Self::Itself => Carried::default(),
            Self::Client(request) => Carried { request: Some(request.query()), ..Carried::default() },
            Self::Device(query) => Carried { device: Some(query.carried()), ..Carried::default() },
            Self::Account(place) => Carried { page: Some(place.name()), ..Carried::default() },
        }
    }

    /// Where they go once they are logged in, in the session of this token.
    pub async fn on(self, pages: &Pages, session: TokenHash) -> Result<String> {
        Ok(match self {
            Self::Itself => "/".to_owned(),
            Self::Client(request) => format!("/oauth/authorize?{}", request.once_logged_in(pages, session).await?),
            Self::Device(query) => query.address(),
            Self::Account(place) => place.path().to_owned(),
        })
    }

    /// Where they begin again.
    pub fn anew(self) -> String {
        match self {
            Self::Itself => "/login".to_owned(),
            Self::Client(request) => format!("/oauth/authorize?{}", request.query()),
            Self::Device(query) => query.address(),
            Self::Account(place) => place.login(),
        }
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

/// What a form says that a login is for.
#[derive(Debug)]
pub struct Purpose {
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
        let device = form.one("device").map(DeviceQuery::carrying);
        Ok(Ok(Self { request, device, page: form.one("page").and_then(Place::named) }))
    }

    /// What it is for.
    pub fn what_for(&self) -> For<'_> {
        match (&self.request, &self.device) {
            (Some(request), _) => For::Client(request),
            (None, Some(query)) => For::Device(query),
            (None, None) => self.page.map_or(For::Itself, For::Account),
        }
    }

    /// In the language that it asks for, if we write it.
    pub fn read_by(&self, visit: &Visit) -> Visit {
        match self.what_for() {
            For::Itself | For::Account(_) => visit.clone(),
            For::Client(request) => visit.clone().reading(&request.parameters),
            For::Device(query) => visit.clone().reading(query.parameters()),
        }
    }
}
