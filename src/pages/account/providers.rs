//! The accounts elsewhere by which somebody logs in, and those that they may link.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::moment::moment;
use super::refused::proved_or;
use crate::base::error::{Error, Result};
use crate::base::id::ProviderLinkId;
use crate::identity::login::must_be_fresh;
use crate::identity::providers::store::{Door, doors, links};
use crate::identity::providers::{LinkedAccount, unlink};
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::member::{Member, Menu, Posted};
use crate::pages::page::{Frame, show, with_cookies};
use crate::pages::told::Told;
use crate::pages::words::Words;
use crate::platform::http::Routes;

/// `/account/providers`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(show_linked_accounts, unlink_account_on_page))
}

#[derive(Template)]
#[template(path = "pages/account/providers.html")]
struct ProvidersPage<'a> {
    frame: Frame<'a>,
    menu: Menu<'a>,
    linked: Vec<Row>,
    doors: Vec<Door>,
}

struct Row {
    id: i32,
    provider: String,
    account: Option<String>,
    since: String,
}

impl Row {
    fn of(link: LinkedAccount, words: &Words) -> Self {
        Self {
            id: link.id.0,
            provider: link.display_name,
            account: link.account,
            since: moment(link.created_at, words),
        }
    }
}

/// Show your linked accounts
#[utoipa::path(get, path = "/account/providers", tag = "pages", security(()), responses(
    (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
    (status = 303, description = "to the login page, for whoever is not logged in"),
    (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
))]
async fn show_linked_accounts(State(pages): State<Pages>, member: Member) -> Response {
    member.answered(&pages, shown(&pages, &member).await)
}

async fn shown(pages: &Pages, member: &Member) -> Result<Response> {
    let (frame, menu, cookies) = member.around(pages)?;
    let mut conn = pages.db.read().await?;
    let linked = links::list(&mut conn, member.caller.person).await?;
    let doors = doors(&mut conn).await?;
    let linked = linked.into_iter().map(|link| Row::of(link, member.words())).collect();
    Ok(with_cookies(show(StatusCode::OK, &ProvidersPage { frame, menu, linked, doors }, None)?, cookies))
}

/// What the page of linked accounts posts. To link one, its forms post to `/login/providers/{provider}`.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what `unlink_account_on_page` reads")]
struct LinkedAccountsForm {
    /// What the page has given it.
    #[schema(example = "pfm_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000")]
    form_token: String,
    /// The link's id.
    #[schema(example = 1)]
    unlink: i32,
}

/// Unlink an account on its page
///
/// As `DELETE /auth/me/providers/{id}`.
#[utoipa::path(post, path = "/account/providers", tag = "pages", security(()),
    request_body(content = LinkedAccountsForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "to the page by `GET`; to one on which you prove who you are; to the login page, for whoever is not logged in"),
        (status = 403, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 415, description = "`unsupported_media_type`"),
        (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
    ))]
async fn unlink_account_on_page(State(pages): State<Pages>, Posted { member, form }: Posted) -> Response {
    let answer = match unlinked(&pages, &member, &form).await {
        Err(error) => proved_or(&pages, &member, error, None),
        done => done,
    };
    member.answered(&pages, answer)
}

async fn unlinked(pages: &Pages, member: &Member, form: &Parameters) -> Result<Response> {
    let caller = &member.caller;
    let id = form.one("unlink").and_then(|id| id.parse().ok()).map(ProviderLinkId);
    let Some(id) = id else { return member.go_on(pages, Told::AccountUnlinked) };
    let mut tx = caller.begin(pages).await?;
    let now = tx.by().now;
    must_be_fresh(&mut tx, caller, now).await?;
    match unlink(&mut tx, pages, (caller.person, id), caller.token).await {
        Err(Error::Refused(refusal)) if refusal.code == "linked_account_not_found" => {}
        Err(Error::Refused(refusal)) if refusal.code == "last_way_in" => return member.go_on(pages, Told::LastWayIn),
        unlinked => {
            unlinked?;
            tx.commit([]).await?;
            pages.mailer.wake();
        }
    }
    member.go_on(pages, Told::AccountUnlinked)
}
