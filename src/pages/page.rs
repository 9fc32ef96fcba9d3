//! How a page is answered: its frame, and the headers that keep others out of it.

use std::borrow::Cow;

use askama::Template;
use axum::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, SET_COOKIE, WWW_AUTHENTICATE,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use url::{Host, Url};

use super::words::Words;
use crate::base::error::{Error, Result};
use crate::base::locale::Locale;
use crate::oauth::authorizations::{self, Answer, Fault, Refused};
use crate::oauth::clients::{self, Client};
use crate::pages::Pages;
use crate::pages::brand::Brand;
use crate::pages::visit::Visit;

/// What stands around every page.
#[derive(Debug)]
pub struct Frame<'a> {
    /// What it says.
    pub words: &'static Words,
    /// What it looks like.
    pub brand: &'a Brand,
    /// What its own addresses begin with.
    pub root: &'a str,
    /// Its language.
    pub lang: &'static str,
}

impl<'a> Frame<'a> {
    /// That of a page for this visit.
    pub fn of(pages: &'a Pages, visit: &Visit) -> Self {
        let Visit { locale, .. } = visit;
        Self {
            words: Words::of(*locale),
            brand: &pages.brand,
            root: pages.issuer.path(),
            lang: Locale::as_str(*locale),
        }
    }
}

/// A page that says that something is not as it should be, in one sentence.
#[derive(Template)]
#[template(path = "pages/error.html")]
struct Problem<'a> {
    frame: Frame<'a>,
    sentence: &'a str,
    /// Where to go on, and what the link there says; else to the start page.
    way_on: Option<(&'a str, &'a str)>,
}

/// A page that says where the browser goes on to.
#[derive(Template)]
#[template(path = "pages/leave.html")]
struct Leave<'a> {
    frame: Frame<'a>,
    host: &'a str,
    to: Option<&'a str>,
}

/// A page that a browser posts an answer from.
#[derive(Template)]
#[template(path = "pages/form_post.html")]
struct FormPost<'a> {
    frame: Frame<'a>,
    action: &'a str,
    fields: &'a [(&'static str, String)],
    host: &'a str,
}

/// What the script of passkeys needs: itself, and what it asks for. It writes no markup.
const WITH_SCRIPT: &str = "; script-src 'self'; connect-src 'self'";

/// A page, whose forms may lead to `also`, too: browsers ask that of whatever a form's answer redirects to.
pub fn show(status: StatusCode, page: &impl Template, also: Option<&str>) -> Result<Response> {
    show_with(status, page, also, "")
}

/// Likewise one that may ask for passkeys, where there are any.
pub fn show_with_passkeys(
    pages: &Pages,
    status: StatusCode,
    page: &impl Template,
    also: Option<&str>,
) -> Result<Response> {
    show_with(status, page, also, if pages.settings.relying_party.is_some() { WITH_SCRIPT } else { "" })
}

fn show_with(status: StatusCode, page: &impl Template, also: Option<&str>, more: &str) -> Result<Response> {
    let html = page.render().map_err(|error| Error::Internal(error.into()))?;
    let mut response = (status, Html(html)).into_response();
    let also = also.map(|uri| format!(" {}", source_of(uri))).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'{also}{more}; frame-ancestors 'none'; \
         base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    );
    let policy = HeaderValue::from_str(&policy).map_err(|error| Error::Internal(error.into()))?;
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(HeaderName::from_static("x-frame-options"), HeaderValue::from_static("DENY"));
    Ok(response)
}

/// What a policy calls the place of an address. It knows no IPv6 and no path: the scheme has to do there.
fn source_of(uri: &str) -> String {
    let Ok(url) = Url::parse(uri) else { return String::new() };
    let origin = url.origin().ascii_serialization();
    let is_plain = !origin.contains([';', ',', '\'', '"']) && url.origin().is_tuple();
    match url.host() {
        Some(Host::Domain(_) | Host::Ipv4(_)) if is_plain => origin,
        _ => format!("{}:", url.scheme()),
    }
}

/// What a person is told of who asks: a client that nobody here has registered is known by its host alone.
pub fn name_of(client: &Client) -> Cow<'_, str> {
    if client.is_of_document() { host_of(&client.client_id).into() } else { client.name.as_str().into() }
}

/// What a client calls itself that nobody here has registered.
pub fn calls_itself(client: &Client) -> Option<&str> {
    client.is_of_stranger().then_some(client.name.as_str())
}

/// Where the logo of a client is, if it has one.
pub async fn logo_of(pages: &Pages, client: &Client) -> Result<Option<String>> {
    let digest = clients::logo::store::digest(&mut *pages.db.read().await?, client.id).await?;
    Ok(digest.map(|digest| format!("{}/pages/client-logos/{digest}", pages.issuer.path())))
}

/// What a person is told of where an address leads: its host, or its scheme.
pub fn host_of(uri: &str) -> String {
    let Ok(url) = Url::parse(uri) else { return uri.to_owned() };
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => url.scheme().to_owned(),
    }
}

/// The browser goes on to another address, by `GET`.
pub fn go(to: &str) -> Result<Response> {
    let to = HeaderValue::from_str(to).map_err(|error| Error::Internal(error.into()))?;
    let headers = [(LOCATION, to), (REFERRER_POLICY, HeaderValue::from_static("no-referrer"))];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

/// The browser goes on to a place that strangers have chosen, once the person has seen which one that is.
pub fn leave(pages: &Pages, visit: &Visit, to: &str) -> Result<Response> {
    let (host, to) = (host_of(to), Some(to).filter(|to| leads_to_a_program(to)));
    show(StatusCode::OK, &Leave { frame: Frame::of(pages, visit), host: &host, to }, None)
}

/// Whether an address may stand in a link: not one that is a script.
pub fn leads_to_a_program(uri: &str) -> bool {
    let scheme = uri.split(':').next().unwrap_or_default().to_ascii_lowercase();
    !["javascript", "data", "vbscript", "blob", "file"].contains(&scheme.as_str())
}

/// The browser takes an answer to the client.
pub async fn back(pages: &Pages, visit: &Visit, client: &Client, answer: &Answer) -> Result<Response> {
    match answer {
        Answer::Redirect(to) => {
            let browser = if client.is_of_stranger() { visit.browser(pages).await? } else { None };
            let is_known = authorizations::may_be_sent(pages, client, browser.as_ref()).await?;
            if is_known { go(to) } else { leave(pages, visit, to) }
        }
        Answer::Form { action, fields } => {
            let page = FormPost { frame: Frame::of(pages, visit), action, fields, host: &host_of(action) };
            show(StatusCode::OK, &page, Some(action))
        }
    }
}

/// Something is not as it should be.
pub fn problem(pages: &Pages, visit: &Visit, status: StatusCode, sentence: &str) -> Result<Response> {
    show(status, &Problem { frame: Frame::of(pages, visit), sentence, way_on: None }, None)
}

/// Likewise, with a path to go on at and what the link there says.
pub fn problem_with_way_on(
    pages: &Pages,
    visit: &Visit,
    (status, sentence): (StatusCode, &str),
    way_on: (&str, &str),
) -> Result<Response> {
    show(status, &Problem { frame: Frame::of(pages, visit), sentence, way_on: Some(way_on) }, None)
}

/// The link of a mail that opens nothing any more, and where to ask for another.
pub fn link_is_over(pages: &Pages, visit: &Visit, way_on: (&str, &str)) -> Result<Response> {
    let sentence = Words::of(visit.locale).account.rules.link_is_over;
    problem_with_way_on(pages, visit, (StatusCode::BAD_REQUEST, sentence), way_on)
}

/// An authorization request is not answered as asked.
pub async fn refused(pages: &Pages, visit: &Visit, why: &Refused) -> Result<Response> {
    let faults = &Words::of(visit.locale).faults;
    let sentence = match why {
        Refused::Back(client, answer) => return back(pages, visit, client, answer).await,
        Refused::GoOn(query) => return go(&pages.issuer.at(&format!("/oauth/authorize?{query}"))),
        Refused::Here(Fault::Malformed) => faults.malformed,
        Refused::Here(Fault::MissingClient) => faults.missing_client,
        Refused::Here(Fault::UnknownClient) => faults.unknown_client,
        Refused::Here(Fault::UnusableDocument) => faults.unusable_document,
        Refused::Here(Fault::MissingRedirect) => faults.missing_redirect,
        Refused::Here(Fault::UnregisteredRedirect { client_id, redirect_uri }) => {
            let sentence = faults.unregistered_redirect(client_id, redirect_uri);
            return problem(pages, visit, StatusCode::BAD_REQUEST, &sentence);
        }
        Refused::Here(Fault::UnknownRequest) => faults.unknown_request,
    };
    problem(pages, visit, StatusCode::BAD_REQUEST, sentence)
}

/// What came of a visit: where nothing did, a page that says so.
pub fn answered(pages: &Pages, visit: &Visit, answer: Result<Response>) -> Response {
    answer.unwrap_or_else(|error| {
        let sentence = sentence_of(&error, Words::of(visit.locale));
        failed(error, |status| problem(pages, visit, status, sentence))
    })
}

/// What to tell a person of an error.
pub fn sentence_of(error: &Error, words: &Words) -> &'static str {
    match error.status() {
        StatusCode::UNAUTHORIZED => words.faults.invalid_credentials,
        StatusCode::TOO_MANY_REQUESTS => words.faults.too_many,
        StatusCode::SERVICE_UNAVAILABLE => words.faults.unavailable,
        _ => words.faults.internal,
    }
}

/// A page in the place of what programs are told of an error, with its headers.
pub fn failed(error: Error, page: impl FnOnce(StatusCode) -> Result<Response>) -> Response {
    let status = page_status(&error);
    let told = error.into_response();
    match page(status) {
        Ok(mut page) => {
            let own = told.headers().iter().filter(|(name, _)| ![CONTENT_TYPE, WWW_AUTHENTICATE].contains(name));
            page.headers_mut().extend(own.map(|(name, value)| (name.clone(), value.clone())));
            page
        }
        Err(error) => error.into_response(),
    }
}

/// The status of such a page. 401 is for who could have sent a credential in a header.
pub fn page_status(error: &Error) -> StatusCode {
    let status = error.status();
    if status == StatusCode::UNAUTHORIZED { StatusCode::FORBIDDEN } else { status }
}

/// The same answer, which sets cookies, too.
pub fn with_cookies(mut response: Response, cookies: impl IntoIterator<Item = HeaderValue>) -> Response {
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_names_the_origin_of_an_address_or_its_scheme() {
        for (uri, source, host) in [
            ("https://app.example.com/cb?a=b", "https://app.example.com", "app.example.com"),
            ("http://127.0.0.1:51004/cb", "http://127.0.0.1:51004", "127.0.0.1:51004"),
            ("http://[::1]:51004/cb", "http:", "[::1]:51004"),
            ("https://a;script-src/cb", "https:", "a;script-src"),
            ("com.example.app:/cb", "com.example.app:", "com.example.app"),
            ("https://app.example.com; script-src */cb", "", "https://app.example.com; script-src */cb"),
        ] {
            assert_eq!((source_of(uri).as_str(), host_of(uri).as_str()), (source, host));
        }
    }
}
