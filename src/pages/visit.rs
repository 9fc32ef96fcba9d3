//! Who looks at a page: the language they read, their session, and whether a form came from a page of ours.

use std::convert::Infallible;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::header::{COOKIE, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};

use crate::base::error::{Error, Result};
use crate::base::locale::{Language, Locale};
use crate::base::opaque::second_step::{DeviceToken, DeviceTokenHash};
use crate::base::opaque::token::{Token, TokenHash};
use crate::base::opaque::{Digest, Kind, Opaque};
use crate::base::secret::Secret;
use crate::gate::audit::Origin;
use crate::gate::{self, Caller};
use crate::oauth::authorizations::Browser;
use crate::oauth::issuer::Issuer;
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::told::Told;
use crate::platform::Platform;

/// What is in a form and in a cookie alike, so that no other site can send the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {}

impl Kind for Form {
    const PREFIX: &'static str = "pfm_";
    const NAME: &'static str = "FormToken";
}

/// A token of forms.
pub type FormToken = Opaque<Form>;

/// The cookies of one issuer. Those of a whole host begin with `__Host-`, which no other host and no plain HTTP can set; on
/// plain HTTP, which is for this machine alone, browsers would not take them.
#[derive(Clone, Copy, Debug)]
struct Jar {
    is_secure: bool,
}

/// What the cookie of the session and that of the forms are called.
const SESSION: &str = "portero";
const FORMS: &str = "portero-form";

/// And that of what is told on the next page, and of the language that was chosen.
const TOLD: &str = "portero-told";
const LANGUAGE: &str = "portero-language";

/// Long enough to come to the next page, and a year.
const A_MOMENT: &str = "; Max-Age=60";
const A_YEAR: &str = "; Max-Age=31536000";
/// And that of a trusted device.
const DEVICE: &str = "portero-device";

impl Jar {
    fn of(issuer: &Issuer) -> Self {
        Self { is_secure: issuer.is_secure() }
    }

    fn name(self, cookie: &str) -> String {
        if self.is_secure { format!("__Host-{cookie}") } else { cookie.to_owned() }
    }

    fn value<'a>(self, headers: &'a HeaderMap, cookie: &str) -> Option<&'a str> {
        let name = self.name(cookie);
        let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    fn set(self, cookie: &str, value: &str, more: &str) -> Result<HeaderValue> {
        let secure = if self.is_secure { "; Secure" } else { "" };
        let text = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{more}", self.name(cookie));
        HeaderValue::from_str(&text).map_err(|error| Error::Internal(error.into()))
    }
}

/// Somebody looks at a page.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The language that they read.
    pub locale: Locale,
    /// Where they are.
    pub origin: Origin,
    /// What this browser keeps where it is trusted.
    pub device: Option<DeviceTokenHash>,
    token: Option<TokenHash>,
    form: Option<Secret>,
    comes_from_elsewhere: bool,
    told: Option<Told>,
    has_chosen_language: bool,
}

impl Visit {
    /// In the language that they have chosen for all browsers, unless this one has another.
    #[must_use]
    pub fn in_language_of(mut self, person: Option<Locale>) -> Self {
        if let Some(locale) = person.filter(|_| !self.has_chosen_language) {
            self.locale = locale;
        }
        self
    }

    /// What was done on the page before.
    pub fn told(&self) -> Option<Told> {
        self.told
    }

    /// Who is logged in, for acts that anyone may do who is.
    ///
    /// # Errors
    /// When Postgres can't be asked.
    pub async fn caller(&self, pages: &Pages) -> Result<Option<Caller>> {
        let Some(token) = self.token else { return Ok(None) };
        match gate::check::check(pages, token, None).await {
            Ok(checked) => {
                let (person, origin) = (checked.session.person, self.origin.clone());
                Ok(Some(Caller { person, token, checked, origin }))
            }
            Err(Error::Refused(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// In the language that the request asks for, if we write it.
    #[must_use]
    pub fn reading(mut self, parameters: &Parameters) -> Self {
        if let Some(locale) = parameters.one("ui_locales").and_then(Locale::first_of) {
            self.locale = locale;
        }
        self
    }

    /// Their session, if they are logged in.
    ///
    /// # Errors
    /// When Postgres can't be asked.
    pub async fn browser(&self, pages: &Pages) -> Result<Option<Browser>> {
        match self.token {
            Some(token) => Browser::of(pages, token).await,
            None => Ok(None),
        }
    }

    /// What forms of this visit carry, and the cookie to set where there is none yet.
    pub fn form_token(&self, pages: &Pages) -> Result<(String, Option<HeaderValue>)> {
        if let Some(token) = &self.form {
            return Ok((token.expose().to_owned(), None));
        }
        let token: FormToken = pages.generate(pages.clock.now())?;
        let cookie = Jar::of(&pages.issuer).set(FORMS, token.reveal(), "")?;
        Ok((token.reveal().to_owned(), Some(cookie)))
    }

    /// What this browser alone has: what its forms carry.
    pub fn secret(&self) -> Option<&str> {
        self.form.as_ref().map(Secret::expose)
    }

    /// Whether a form was sent by a page of ours that this browser was shown.
    pub fn sent(&self, form: &Parameters) -> bool {
        let is_same = self.form.as_ref().is_some_and(|token| form.one("form_token") == Some(token.expose()));
        is_same && !self.comes_from_elsewhere
    }
}

/// The cookies of a session that has begun: its own, and another token for the forms, so that none from before is good.
pub fn logged_in(pages: &Pages, token: &Token) -> Result<[HeaderValue; 2]> {
    let jar = Jar::of(&pages.issuer);
    let form: FormToken = pages.generate(pages.clock.now())?;
    Ok([jar.set(SESSION, token.reveal(), "")?, jar.set(FORMS, form.reveal(), "")?])
}

/// The cookie of a browser that is trusted from now on.
pub fn trusted(pages: &Pages, device: &DeviceToken) -> Result<Option<HeaderValue>> {
    let Some(lasts) = pages.settings.trust_devices else { return Ok(None) };
    let lasts = format!("; Max-Age={}", lasts.whole_seconds());
    Jar::of(&pages.issuer).set(DEVICE, device.reveal(), &lasts).map(Some)
}

/// The cookies of a session that has ended.
pub fn logged_out(pages: &Pages) -> Result<[HeaderValue; 2]> {
    let jar = Jar::of(&pages.issuer);
    Ok([jar.set(SESSION, "", "; Max-Age=0")?, jar.set(FORMS, "", "; Max-Age=0")?])
}

/// The cookie of what the next page is to tell.
pub fn telling(pages: &Pages, told: Told) -> Result<HeaderValue> {
    Jar::of(&pages.issuer).set(TOLD, told.name(), A_MOMENT)
}

/// The end of it: it is told once.
pub fn told_now(pages: &Pages) -> Result<HeaderValue> {
    Jar::of(&pages.issuer).set(TOLD, "", "; Max-Age=0")
}

/// The cookie of the language in which this browser is to be answered.
pub fn speaking(pages: &Pages, locale: Locale) -> Result<HeaderValue> {
    Jar::of(&pages.issuer).set(LANGUAGE, locale.as_str(), A_YEAR)
}

impl FromRequestParts<Pages> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, pages: &Pages) -> std::result::Result<Self, Infallible> {
        let Language(locale) = Language::from_request_parts(parts, pages).await?;
        let origin = Origin::from_request_parts(parts, &Platform::from_ref(pages)).await?;
        let jar = Jar::of(&pages.issuer);
        let headers = &parts.headers;
        let form = jar.value(headers, FORMS).filter(|text| Digest::<Form>::of(text).is_some());
        let chosen = jar.value(headers, LANGUAGE).and_then(Locale::stored);
        Ok(Self {
            locale: chosen.or(locale).unwrap_or_default(),
            told: jar.value(headers, TOLD).and_then(Told::named),
            has_chosen_language: chosen.is_some(),
            origin,
            device: jar.value(headers, DEVICE).and_then(DeviceTokenHash::of),
            token: jar.value(headers, SESSION).and_then(TokenHash::of),
            form: form.map(|token| token.to_owned().into()),
            comes_from_elsewhere: comes_from_elsewhere(headers, &pages.issuer),
        })
    }
}

/// Whether a browser says that another site sent this. `Origin` is `null` on forms of pages without a referrer, as ours are:
/// there `Sec-Fetch-Site` says it.
fn comes_from_elsewhere(headers: &HeaderMap, issuer: &Issuer) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site != "same-origin";
    }
    let own = issuer.as_str().strip_suffix(issuer.path()).unwrap_or_default();
    headers.get(ORIGIN).is_some_and(|origin| origin != "null" && origin != own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_browser_calls_our_own_is_ours() {
        let issuer = Issuer::read("https://id.example.com/auth").expect("an issuer");
        let is_foreign = |headers: &[(&'static str, &'static str)]| {
            let headers = headers
                .iter()
                .map(|(name, value)| (axum::http::HeaderName::from_static(name), HeaderValue::from_static(value)));
            comes_from_elsewhere(&headers.collect(), &issuer)
        };
        for own in [
            &[][..],
            &[("origin", "https://id.example.com")],
            &[("origin", "null")],
            &[("sec-fetch-site", "same-origin"), ("origin", "null")],
        ] {
            assert!(!is_foreign(own), "{own:?}");
        }
        for foreign in [
            &[("origin", "https://evil.example")][..],
            &[("origin", "https://id.example.com.evil.example")],
            &[("origin", "http://id.example.com")],
            &[("sec-fetch-site", "cross-site"), ("origin", "null")],
            &[("sec-fetch-site", "same-site"), ("origin", "https://id.example.com")],
            &[("sec-fetch-site", "none")],
        ] {
            assert!(is_foreign(foreign), "{foreign:?}");
        }
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("portero=old; xportero=1;__Host-portero=a"));
        headers.append(COOKIE, HeaderValue::from_static("__Host-portero-form=b"));
        let secure = Jar { is_secure: true };
        assert_eq!((secure.value(&headers, SESSION), secure.value(&headers, FORMS)), (Some("a"), Some("b")));
        assert_eq!(Jar { is_secure: false }.value(&headers, SESSION), Some("old"));
        let set = secure.set(SESSION, "a", "").expect("a cookie");
        assert_eq!(set, "__Host-portero=a; Path=/; HttpOnly; SameSite=Lax; Secure");
    }
}
