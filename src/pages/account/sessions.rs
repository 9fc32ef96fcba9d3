//! Where somebody is signed in, and the end of it.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::device::name_of;
use super::moment::moment;
use crate::base::error::Result;
use crate::base::id::SessionId;
use crate::identity::sessions::{ListedSession, Older, end_all, end_one, sessions};
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::member::{Member, Menu, Posted};
use crate::pages::page::{Frame, go, show, with_cookies};
use crate::pages::told::Told;
use crate::platform::http::Routes;

/// `/account/sessions`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(show_sessions, end_sessions_on_page))
}

#[derive(Template)]
#[template(path = "pages/account/sessions.html")]
struct SessionsPage<'a> {
    frame: Frame<'a>,
    menu: Menu<'a>,
    sessions: Vec<Row>,
    has_others: bool,
    older: Option<String>,
}

/// A session, in words.
struct Row {
    id: String,
    device: Option<String>,
    address: Option<String>,
    began: String,
    last_seen: String,
    is_this_one: bool,
}

impl Row {
    fn of(session: ListedSession, member: &Member) -> Self {
        let ListedSession { id, device, address, created_at, last_seen_at, current, .. } = session;
        let [began, last_seen] = [created_at, last_seen_at].map(|at| moment(at, member.words()));
        let device = device.as_deref().map(name_of);
        Self { id, device, address, began, last_seen, is_this_one: current }
    }
}

/// Which part of them.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what `Older` reads")]
struct SessionsQuery {
    /// Only those before this one: a link of the page has the value.
    #[param(pattern = "^[0-9]{1,17}[.][0-9a-f]{32}$", example = "1795305600000000.9c2e4d8fe97d881430de4e754b4205b9")]
    before: Option<String>,
}

/// Show where you are signed in
///
/// The newest first.
#[utoipa::path(get, path = "/account/sessions", tag = "pages", security(()), params(SessionsQuery), responses(
    (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
    (status = 303, description = "to the login page, for whoever is not logged in"),
    (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
))]
async fn show_sessions(State(pages): State<Pages>, member: Member, older: Result<Older>) -> Response {
    let answer = page(&pages, &member, older.unwrap_or_else(|_| Older::newest())).await;
    member.answered(&pages, answer)
}

async fn page(pages: &Pages, member: &Member, older: Older) -> Result<Response> {
    let (frame, menu, cookies) = member.around(pages)?;
    let asking = Some(member.caller.token);
    let mut rows = sessions(&mut *pages.db.read().await?, pages, member.caller.person, asking, &older).await?;
    let is_first = older.created_at().is_none();
    let older = older.next(&mut rows, ListedSession::key).and_then(|older| older.cursor());
    let has_others = !is_first || older.is_some() || rows.iter().any(|session| !session.current);
    let sessions = rows.into_iter().map(|session| Row::of(session, member)).collect();
    let page = SessionsPage { frame, menu, sessions, has_others, older };
    Ok(with_cookies(show(StatusCode::OK, &page, None)?, cookies))
}

/// What the page of sessions posts: one of the two.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what `end_sessions_on_page` reads")]
struct SessionsForm {
    /// What the page has given it.
    #[schema(example = "pfm_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000")]
    form_token: String,
    /// The id of the session to end.
    #[schema(example = "9c2e4d8fe97d881430de4e754b4205b9")]
    end: Option<String>,
    /// `all`: all but this one.
    others: Option<String>,
}

/// End sessions of yours on their page
///
/// As `DELETE /auth/sessions/{id}` and `DELETE /auth/sessions`.
#[utoipa::path(post, path = "/account/sessions", tag = "pages", security(()),
    request_body(content = SessionsForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "to the page by `GET`; to the login page, for whoever is not logged in"),
        (status = 403, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 415, description = "`unsupported_media_type`"),
        (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
    ))]
async fn end_sessions_on_page(State(pages): State<Pages>, Posted { member, form }: Posted) -> Response {
    member.answered(&pages, ended(&pages, &member, &form).await)
}

/// One that has ended already is one that has ended.
async fn ended(pages: &Pages, member: &Member, form: &Parameters) -> Result<Response> {
    let caller = &member.caller;
    let mut tx = caller.begin(pages).await?;
    let told = match (form.one("end").and_then(SessionId::parse), form.one("others")) {
        (Some(id), _) => {
            end_one(&mut tx, caller.person, &id).await?;
            Told::SessionEnded
        }
        (None, Some(_)) => {
            end_all(&mut tx, caller.person, Some(caller.token)).await?;
            Told::OthersEnded
        }
        (None, None) => return go(&pages.issuer.at(member.place.path())),
    };
    tx.commit([]).await?;
    member.go_on(pages, told)
}
