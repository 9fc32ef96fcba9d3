//! What somebody has done, and what was done to them.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::moment::moment;
use crate::base::error::Result;
use crate::gate::audit::{Shown, activity};
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::member::{Member, Menu};
use crate::pages::page::{Frame, show, with_cookies};
use crate::platform::http::Routes;

/// `/account/activity`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(show_activity))
}

/// So many events are on a page.
const ON_A_PAGE: usize = 25;

#[derive(Template)]
#[template(path = "pages/account/activity.html")]
struct ActivityPage<'a> {
    frame: Frame<'a>,
    menu: Menu<'a>,
    events: Vec<Row>,
    older: Option<i64>,
}

/// An event, in words.
struct Row {
    what: String,
    service: Option<String>,
    at: String,
    /// Who did it, where it was not they.
    by: Option<String>,
    address: Option<String>,
}

impl Row {
    fn of(event: Shown, member: &Member) -> Self {
        let words = &member.words().account.activity;
        let is_own = event.actor.r#type == "person" && event.actor.id == Some(member.caller.person.0);
        let by = match event.actor.r#type.as_str() {
            _ if is_own => None,
            "person" => Some(event.actor.username.unwrap_or_else(|| words.somebody.to_owned())),
            "anonymous" => Some(words.somebody.to_owned()),
            _ => Some(words.system.to_owned()),
        };
        Self {
            what: words.of(&event.action).map_or(event.action, str::to_owned),
            service: event.service.and_then(|service| service.name),
            at: moment(event.at, member.words()),
            by,
            address: event.address,
        }
    }
}

/// Which part of it.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what `show_activity` reads")]
struct ActivityQuery {
    /// Only older than the event with this id.
    before: Option<i64>,
}

/// Show your own activity
///
/// As `GET /auth/me/activity`, the newest first.
#[utoipa::path(get, path = "/account/activity", tag = "pages", security(()), params(ActivityQuery), responses(
    (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
    (status = 303, description = "to the login page, for whoever is not logged in"),
    (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
))]
async fn show_activity(State(pages): State<Pages>, member: Member, RawQuery(query): RawQuery) -> Response {
    let query = Parameters::read(&query.unwrap_or_default()).unwrap_or_default();
    let before = query.one("before").and_then(|before| before.parse().ok());
    let answer = page(&pages, &member, before).await;
    member.answered(&pages, answer)
}

async fn page(pages: &Pages, member: &Member, before: Option<i64>) -> Result<Response> {
    let (frame, menu, cookies) = member.around(pages)?;
    let limit = i64::try_from(ON_A_PAGE).unwrap_or(i64::MAX).saturating_add(1);
    let mut tx = pages.db.begin().await?;
    let mut rows = activity(&mut tx, member.caller.person, before, limit).await?;
    tx.rollback().await?;
    let more = rows.len() > ON_A_PAGE;
    rows.truncate(ON_A_PAGE);
    let older = rows.last().map(|event| event.id).filter(|_| more);
    let events = rows.into_iter().map(|event| Row::of(event, member)).collect();
    let page = ActivityPage { frame, menu, events, older };
    Ok(with_cookies(show(StatusCode::OK, &page, None)?, cookies))
}
