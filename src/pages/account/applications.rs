//! The applications that may act for somebody, and the end of it.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::moment::moment;
use crate::base::error::{Error, Result};
use crate::oauth::consents::{self, Application};
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::member::{Member, Menu, Posted};
use crate::pages::page::{Frame, show, with_cookies};
use crate::pages::told::Told;
use crate::pages::words::Words;
use crate::platform::http::{Page, Routes};

/// `/account/applications`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(show_applications, revoke_application_on_page))
}

#[derive(Template)]
#[template(path = "pages/account/applications.html")]
struct ApplicationsPage<'a> {
    frame: Frame<'a>,
    menu: Menu<'a>,
    applications: Vec<Row>,
    next: Option<i32>,
}

/// An application, in words.
struct Row {
    client_id: String,
    name: String,
    scopes: Vec<String>,
    since: String,
    last_used: Option<String>,
}

impl Row {
    fn of(application: Application, words: &Words) -> Self {
        let Application { client_id, name, scopes, since, last_used_at, .. } = application;
        let scopes = scopes.into_iter().map(|scope| in_words(words, scope)).collect();
        let last_used = last_used_at.map(|at| moment(at, words));
        Self { client_id, name, scopes, since: moment(since, words), last_used }
    }
}

/// What a scope allows, as people say it; one of a service, of which nothing tells where its name ends, as it is.
fn in_words(words: &Words, scope: String) -> String {
    let of_service = || scope.strip_suffix(":*").map(|service| words.service(service));
    words.scope(&scope).map(str::to_owned).or_else(of_service).unwrap_or(scope)
}

/// Which part of them.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what `Page` reads")]
struct ApplicationsQuery {
    /// Only those after this one: a link of the page has the value.
    after: Option<i32>,
}

/// Show the applications that may act for you
#[utoipa::path(get, path = "/account/applications", tag = "pages", security(()), params(ApplicationsQuery), responses(
    (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
    (status = 303, description = "to the login page, for whoever is not logged in"),
    (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
))]
async fn show_applications(State(pages): State<Pages>, member: Member, page: Result<Page>) -> Response {
    let answer = shown(&pages, &member, page.unwrap_or_else(|_| Page::first(None))).await;
    member.answered(&pages, answer)
}

async fn shown(pages: &Pages, member: &Member, part: Page) -> Result<Response> {
    let (frame, menu, cookies) = member.around(pages)?;
    let (person, now) = (member.caller.person, pages.clock.now());
    let mut rows = consents::store::list(&mut *pages.db.read().await?, person, &part, now).await?;
    let next = part.next(&mut rows, |application| application.id.0).map(|part| part.after(0));
    let applications = rows.into_iter().map(|application| Row::of(application, member.words())).collect();
    let page = ApplicationsPage { frame, menu, applications, next };
    Ok(with_cookies(show(StatusCode::OK, &page, None)?, cookies))
}

/// What the page of applications posts.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what `revoke_application_on_page` reads")]
struct ApplicationsForm {
    /// What the page has given it.
    #[schema(example = "pfm_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000")]
    form_token: String,
    /// The `client_id` of the application.
    #[schema(example = "web-shop")]
    revoke: String,
}

/// Take back what an application may do for you, on its page
///
/// As `DELETE /auth/me/applications/{client_id}`.
#[utoipa::path(post, path = "/account/applications", tag = "pages", security(()),
    request_body(content = ApplicationsForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "to the page by `GET`; to the login page, for whoever is not logged in"),
        (status = 403, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 415, description = "`unsupported_media_type`"),
        (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
    ))]
async fn revoke_application_on_page(State(pages): State<Pages>, Posted { member, form }: Posted) -> Response {
    member.answered(&pages, revoked(&pages, &member, &form).await)
}

/// One that may act no more already is one that may act no more.
async fn revoked(pages: &Pages, member: &Member, form: &Parameters) -> Result<Response> {
    match consents::revoke(pages, &member.caller, form.one("revoke").unwrap_or_default()).await {
        Err(Error::Refused(refusal)) if refusal.code == "application_not_found" => {}
        revoked => revoked?,
    }
    member.go_on(pages, Told::ApplicationRevoked)
}
