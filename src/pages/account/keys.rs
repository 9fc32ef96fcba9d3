//! The API keys that programs have of somebody, and the end of one. They are made at `POST /auth/me/keys`, where their scopes are named.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::moment::moment;
use crate::base::error::{Error, Result};
use crate::base::id::ApiKeyId;
use crate::identity::api_keys::{ListedApiKey, revoke, store};
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::member::{Member, Menu, Posted};
use crate::pages::page::{Frame, show, with_cookies};
use crate::pages::told::Told;
use crate::pages::words::Words;
use crate::platform::http::{Page, Routes};

/// `/account/keys`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(show_keys, revoke_key_on_page))
}

#[derive(Template)]
#[template(path = "pages/account/keys.html")]
struct KeysPage<'a> {
    frame: Frame<'a>,
    menu: Menu<'a>,
    keys: Vec<Row>,
}

/// A key, in words.
struct Row {
    id: i32,
    name: String,
    scopes: Vec<String>,
    ends: String,
    last_used: Option<String>,
}

impl Row {
    fn of(key: ListedApiKey, words: &Words) -> Self {
        let ListedApiKey { id, name, scopes, expires_at, last_used_at, .. } = key;
        let last_used = last_used_at.map(|at| moment(at, words));
        Self { id: id.0, name, scopes, ends: moment(expires_at, words), last_used }
    }
}

/// Show your API keys
#[utoipa::path(get, path = "/account/keys", tag = "pages", security(()), responses(
    (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
    (status = 303, description = "to the login page, for whoever is not logged in"),
    (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
))]
async fn show_keys(State(pages): State<Pages>, member: Member) -> Response {
    member.answered(&pages, shown(&pages, &member).await)
}

async fn shown(pages: &Pages, member: &Member) -> Result<Response> {
    let (frame, menu, cookies) = member.around(pages)?;
    let mut conn = pages.db.read().await?;
    // All of them: nobody has more than fit on a page.
    let keys = store::list(&mut conn, member.caller.person, &Page::first(None), pages.clock.now()).await?;
    let keys = keys.into_iter().map(|key| Row::of(key, member.words())).collect();
    Ok(with_cookies(show(StatusCode::OK, &KeysPage { frame, menu, keys }, None)?, cookies))
}

/// What the page of API keys posts.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what `revoke_key_on_page` reads")]
struct KeysForm {
    /// What the page has given it.
    #[schema(example = "pfm_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000")]
    form_token: String,
    /// The key's id.
    #[schema(example = 1)]
    revoke: i32,
}

/// Revoke one of your API keys on its page
///
/// As `DELETE /auth/me/keys/{id}`.
#[utoipa::path(post, path = "/account/keys", tag = "pages", security(()),
    request_body(content = KeysForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "to the page by `GET`; to the login page, for whoever is not logged in"),
        (status = 403, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 415, description = "`unsupported_media_type`"),
        (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
    ))]
async fn revoke_key_on_page(State(pages): State<Pages>, Posted { member, form }: Posted) -> Response {
    member.answered(&pages, revoked(&pages, &member, &form).await)
}

/// One that is revoked already is one that is revoked.
async fn revoked(pages: &Pages, member: &Member, form: &Parameters) -> Result<Response> {
    let id = form.one("revoke").and_then(|id| id.parse().ok()).map(ApiKeyId);
    let Some(id) = id else { return member.go_on(pages, Told::KeyRevoked) };
    let mut tx = member.caller.begin(pages).await?;
    match revoke(&mut tx, member.caller.person, id).await {
        Err(Error::Refused(refusal)) if refusal.code == "api_key_not_found" => {}
        revoked => {
            revoked?;
            tx.commit([]).await?;
        }
    }
    member.go_on(pages, Told::KeyRevoked)
}
