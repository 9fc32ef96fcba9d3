//! The consent page: may this client act for you?

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::page::{Frame, answered, back, calls_itself, go, host_of, logo_of, name_of, refused, show, with_cookies};
use super::sent::Sent;
use super::words::Words;
use crate::base::error::Result;
use crate::oauth::authorizations::{self, Browser, Grant, Request};
use crate::oauth::parameters::Parameters;
use crate::oauth::scopes;
use crate::pages::Pages;
use crate::pages::visit::Visit;
use crate::platform::http::Routes;

/// `/consent`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(consent))
}

#[derive(Template)]
#[template(path = "pages/consent.html")]
struct ConsentPage<'a> {
    frame: Frame<'a>,
    client: &'a str,
    logo: Option<&'a str>,
    calls_itself: Option<&'a str>,
    person: &'a str,
    host: &'a str,
    scopes: &'a [String],
    lasts: &'a str,
    somebody_else: &'a str,
    form_token: &'a str,
    request: &'a str,
    shown: &'a str,
}

/// The consent page.
pub async fn consent_page(
    pages: &Pages,
    visit: &Visit,
    (request, browser): (&Request, &Browser),
    grant: &Grant,
) -> Result<Response> {
    let client = &request.client;
    let logo = logo_of(pages, client).await?;
    let (form_token, cookie) = visit.form_token(pages)?;
    let page = ConsentPage {
        frame: Frame::of(pages, visit),
        client: &name_of(client),
        logo: logo.as_deref(),
        calls_itself: calls_itself(client),
        person: &browser.payload.name,
        host: &host_of(request.target.redirect_uri()),
        scopes: &in_words(Words::of(visit.locale), grant),
        lasts: &how_long(pages, visit, grant),
        somebody_else: &request.as_somebody_else(),
        form_token: &form_token,
        request: &request.query(),
        shown: &grant.digest(),
    };
    let shown = show(StatusCode::OK, &page, Some(request.target.redirect_uri()))?;
    Ok(with_cookies(shown, cookie))
}

/// How long the access lasts.
pub fn how_long(pages: &Pages, visit: &Visit, grant: &Grant) -> String {
    let words = Words::of(visit.locale);
    if grant.outlives_the_session() {
        words.stays_for(pages.sessions.families.absolute)
    } else {
        words.ends_with_session.to_owned()
    }
}

/// What is asked for, as people say it.
pub fn in_words(words: &Words, grant: &Grant) -> Vec<String> {
    let mut said: Vec<String> = scopes::STANDARD
        .iter()
        .filter(|scope| grant.scopes.iter().chain(&grant.claim_scopes).any(|own| own == *scope))
        .filter_map(|scope| words.scope(scope))
        .map(str::to_owned)
        .collect();
    for service in &grant.services {
        let permissions = grant.scopes.iter().filter_map(|scope| scopes::permission_of(scope, &service.name));
        said.extend(permissions.map(|permission| words.permission(permission, &service.name)));
    }
    said.extend(grant.whole_services().map(|service| words.service(&service.name)));
    said
}

/// What the consent page posts.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what `consent` reads")]
struct ConsentForm {
    /// What the page has given it.
    #[schema(example = "pfm_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000")]
    form_token: String,
    /// The authorization request.
    request: String,
    /// A digest of what the person has seen.
    shown: String,
    /// `allow` or `deny`.
    #[schema(example = "allow")]
    answer: String,
}

/// Answer the consent page
#[utoipa::path(post, path = "/consent", tag = "pages", security(()),
    request_body(content = ConsentForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 303, description = "back to the client"),
        (status = 400, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 403, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 415, description = "`unsupported_media_type`"),
        (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
    ))]
async fn consent(State(pages): State<Pages>, Sent { visit, form }: Sent) -> Response {
    let answer = posted(&pages, &visit, &form).await;
    answered(&pages, &visit, answer)
}

async fn posted(pages: &Pages, visit: &Visit, form: &Parameters) -> Result<Response> {
    let request = match authorizations::check(pages, form.one("request").unwrap_or_default()).await? {
        Ok(request) => request,
        Err(why) => return refused(pages, visit, &why).await,
    };
    let visit = &visit.clone().reading(&request.parameters);
    let again = || go(&pages.issuer.at(&format!("/oauth/authorize?{}", request.query())));
    match form.one("answer") {
        Some("deny") => return back(pages, visit, &request.client, &authorizations::deny(&request)).await,
        Some("allow") => {}
        _ => return again(),
    }
    let Some(browser) = visit.browser(pages).await? else { return again() };
    let shown = form.one("shown").unwrap_or_default();
    match authorizations::agree(pages, &request, (&browser, shown), &visit.origin).await? {
        Some(answer) => back(pages, visit, &request.client, &answer).await,
        None => again(),
    }
}
