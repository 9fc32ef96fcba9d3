//! The API keys that programs have of somebody: how one is made, and the end of one.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::moment::moment;
use super::new_key::{FIELDS, NewKey, wanted};
use super::refused::settled;
use crate::base::error::{Error, Result};
use crate::base::id::ApiKeyId;
use crate::identity::api_keys::{ApiKeyMade, FormId, Formed, ListedApiKey, make_by_form, revoke, store};
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::field::{Faults, Filled};
use crate::pages::member::{Member, Menu, Posted, with_faults};
use crate::pages::page::{Frame, show, with_cookies};
use crate::pages::told::Told;
use crate::pages::words::{Words, named};
use crate::platform::http::{Page, Routes};

/// `/account/keys`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(show_keys, change_keys))
}

#[derive(Template)]
#[template(path = "pages/account/keys.html")]
struct KeysPage<'a> {
    frame: Frame<'a>,
    menu: Menu<'a>,
    faults: &'a Faults,
    keys: Vec<Row>,
    /// What another one is made with; none before they have proved lately who they are.
    new: Option<NewKey<'a>>,
}

#[derive(Template)]
#[template(path = "pages/account/key.html")]
struct KeyPage<'a> {
    frame: Frame<'a>,
    menu: Menu<'a>,
    title: &'a str,
    key: &'a str,
    about: &'a Row,
    /// Whether it is in the place of another, which its form made before.
    is_another: bool,
}

/// A key, in words.
struct Row {
    id: i32,
    name: String,
    scopes: Vec<String>,
    ends: String,
    is_over: bool,
    last_used: Option<String>,
}

impl Row {
    fn of(key: ListedApiKey, words: &Words) -> Self {
        let ListedApiKey { id, name, scopes, expires_at, expired: is_over, last_used_at, .. } = key;
        let last_used = last_used_at.map(|at| moment(at, words));
        let ends =
            named(if is_over { words.account.keys.ended } else { words.account.keys.ends }, &moment(expires_at, words));
        Self { id: id.0, name, scopes, ends, is_over, last_used }
    }
}

/// Show your API keys
#[utoipa::path(get, path = "/account/keys", tag = "pages", security(()), responses(
    (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
    (status = 303, description = "to the login page, for whoever is not logged in"),
    (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
))]
async fn show_keys(State(pages): State<Pages>, member: Member) -> Response {
    let answer = page(&pages, &member, None, Faults::default()).await;
    member.answered(&pages, answer)
}

async fn page(pages: &Pages, member: &Member, typed: Option<&Parameters>, faults: Faults) -> Result<Response> {
    let (frame, menu, cookies) = member.around(pages)?;
    let keys = keys_of(pages, member).await?.into_iter().map(|key| Row::of(key, member.words())).collect();
    let filled = Filled { typed, faults: &faults, caret: None };
    let shows_form = member.is_fresh || typed.is_some();
    let new = if shows_form { Some(NewKey::of(pages, member, &filled).await?) } else { None };
    let page = KeysPage { frame, menu, faults: &faults, keys, new };
    let page = show(faults.status(), &page, None).map(|shown| with_cookies(shown, cookies));
    with_faults(faults, page)
}

/// All of them; those that are over come last.
async fn keys_of(pages: &Pages, member: &Member) -> Result<Vec<ListedApiKey>> {
    let (mut conn, now) = (pages.db.read().await?, pages.clock.now());
    let (mut keys, mut next) = (Vec::new(), Some(Page::first(None)));
    while let Some(page) = next {
        let mut rows = store::list(&mut conn, member.caller.person, &page, now).await?;
        next = page.next(&mut rows, |key| key.id.0);
        keys.extend(rows);
    }
    keys.sort_by_key(|key| key.expired);
    Ok(keys)
}

/// The key is shown once: on the answer to the form.
fn key_page(pages: &Pages, member: &Member, made: ApiKeyMade, is_another: bool) -> Result<Response> {
    let (frame, menu, cookies) = member.around(pages)?;
    let ApiKeyMade { key, shown } = made;
    let title = named(member.words().account.keys.made, &shown.name);
    let about = &Row::of(shown, member.words());
    let page = KeyPage { frame, menu, title: &title, key: key.reveal(), about, is_another };
    Ok(with_cookies(show(StatusCode::OK, &page, None)?, cookies))
}

/// What the page of API keys posts.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what `change_keys` reads")]
struct KeysForm {
    /// What the page has given it.
    #[schema(example = "pfm_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000")]
    form_token: String,
    /// Likewise, where a key is made: a form makes one.
    #[schema(example = "0b3f6a5f0f4e8f5b7c1d2e3f40516273")]
    form_id: Option<String>,
    /// The id of the key to revoke; none where one is made.
    #[schema(example = 1)]
    revoke: Option<i32>,
    /// What it is for.
    #[schema(example = "nightly export")]
    name: Option<String>,
    /// The day at whose beginning it expires.
    #[schema(example = "2027-06-30")]
    expires_at: Option<String>,
    /// The networks that it may be used from, one a line.
    #[schema(example = "203.0.113.0/24")]
    networks: Option<String>,
    /// What it may be used for, a field each: `<service id>:<permission>`.
    #[schema(example = json!(["4:read"]))]
    scope: Option<Vec<String>>,
}

/// Make or revoke an API key on its page
///
/// As `POST /auth/me/keys` and `DELETE /auth/me/keys/{id}`. The key is shown on the answer, once.
#[utoipa::path(post, path = "/account/keys", tag = "pages", security(()),
    request_body(content = KeysForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 303, description = "to the page by `GET`; to one on which you prove who you are; to the login page, for whoever is not logged in"),
        (status = 400, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 403, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 409, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 415, description = "`unsupported_media_type`"),
        (status = 429, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
    ))]
async fn change_keys(State(pages): State<Pages>, Posted { member, form }: Posted) -> Response {
    let acted = match form.one("revoke") {
        Some(id) => revoked(&pages, &member, id).await,
        None => made(&pages, &member, &form).await,
    };
    settled(&pages, &member, (acted, &FIELDS), |faults| page(&pages, &member, Some(&form), faults)).await
}

async fn made(pages: &Pages, member: &Member, form: &Parameters) -> Result<Response> {
    let mut faults = Faults::default();
    let Some(new) = wanted(form, member.words(), &mut faults) else {
        return page(pages, member, Some(form), faults).await;
    };
    let id = form.one("form_id").and_then(|id| id.parse().ok());
    let id = id.map_or_else(|| pages.random_id().map(FormId::new), Ok)?;
    match make_by_form(pages, &member.caller, (id, &new), Some(member.visit.locale)).await? {
        Formed::Key(made) => key_page(pages, member, made, false),
        Formed::Another(made) => key_page(pages, member, made, true),
        Formed::Nothing => {
            faults.add("", member.words().account.keys.form_is_spent);
            page(pages, member, Some(form), faults).await
        }
    }
}

/// One that is revoked already is one that is revoked.
async fn revoked(pages: &Pages, member: &Member, id: &str) -> Result<Response> {
    let Ok(id) = id.parse().map(ApiKeyId) else { return member.go_on(pages, Told::KeyRevoked) };
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
