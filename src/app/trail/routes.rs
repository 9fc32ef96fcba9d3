use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use sqlx::PgConnection;
use utoipa_axum::routes;

use super::Query;
use super::export::TrailExport;
use super::query::{ExportText, ListQuery, NextPage, QueryText, TrailExportQuery};
use crate::app::App;
use crate::base::error::Result;
use crate::base::id::{Id, PersonId, Ref};
use crate::gate;
use crate::gate::audit::store::{self, Filter};
use crate::gate::audit::{Action, AuditedTx, Event, Shown, activity};
use crate::gate::permission::ReadAudit;
use crate::gate::{Caller, Can, Holds};
use crate::identity::people::exports_share;
use crate::platform::http::{Route, Routes, Total, part_of_list};

/// An id that is never given.
const NOBODY: PersonId = PersonId(0);

/// `/audit-events` and `/auth/me/activity`.
pub fn routes() -> Routes<App> {
    Routes::new()
        .routes(routes!(list_audit_events))
        .routes(Route::from(routes!(export_audit_events)).long())
        .routes(Route::from(routes!(list_own_activity)).for_anyone())
}

/// List audit events
///
/// Who did what, to whom, from where; newest first. Needs `audit:read`: everywhere for the whole trail, or in one
/// service with `service` set to it.
#[utoipa::path(get, path = "/audit-events", tag = "audit", params(QueryText), responses(
    (status = 200, body = Vec<Shown>),
    (status = 400, description = "`invalid_query`, `invalid_user_id`, `invalid_service_id`"),
    (status = 404, description = "`service_not_found`"),
))]
async fn list_audit_events(
    State(app): State<App>,
    by: Holds<ReadAudit>,
    ListQuery(query, link): ListQuery,
) -> Result<Response> {
    let mut tx = app.db.begin().await?;
    let (filter, _) = filter(&mut tx, by, &query).await?;
    let rows = store::list(&mut tx, &filter, i64::from(query.limit()) + 1).await?;
    Ok(page(rows, query.limit(), &link))
}

/// Export the audit trail
///
/// All events that match the filters, newest first, as JSON Lines (`jsonl`, the default) or `csv`, without a limit. In
/// CSV, text that a spreadsheet would run as a formula is prefixed with `'`. The export itself is recorded in the
/// trail.
#[utoipa::path(get, path = "/audit-events/export", tag = "audit",
    params(ExportText),
    responses(
        (status = 200, description = "the events", content(
            (String = "application/jsonl"),
            (String = "text/csv"),
        )),
        (status = 400, description = "`invalid_query`, `invalid_user_id`, `invalid_service_id`"),
        (status = 404, description = "`service_not_found`"),
        (status = 429, description = "`too_many_exports`"),
    ))]
async fn export_audit_events(
    State(app): State<App>,
    by: Holds<ReadAudit>,
    TrailExportQuery(query, format): TrailExportQuery,
) -> Result<Response> {
    let share = exports_share(&app, by.actor)?;
    let mut tx = app.db.begin().await?;
    let (filter, by) = filter(&mut tx, by, &query).await?;
    let told = Event::new(Action::AuditExported).after(json!({"format": format.name(), "filter": filter}));
    AuditedTx::new(tx, by.by(&app)).commit([told]).await?;
    let name = format!("attachment; filename=\"audit-events.{}\"", format.name());
    let headers = [(CONTENT_TYPE, format.media_type().to_owned()), (CONTENT_DISPOSITION, name)];
    Ok((headers, TrailExport::new((app, by, share), filter, format).into_body()).into_response())
}

/// List your own activity
///
/// Your own actions, and actions by others that affected you; newest first. Addresses of others are left out.
#[utoipa::path(get, path = "/auth/me/activity", tag = "auth",
    params(
        ("after" = Option<i64>, Query, description = "only older than the event with this id"),
        ("limit" = Option<u32>, Query, description = "how many events", minimum = 1, maximum = 1000),
    ),
    responses((status = 200, body = Vec<Shown>), (status = 400, description = "`invalid_query`")))]
async fn list_own_activity(
    State(app): State<App>,
    caller: Caller,
    ListQuery(query, link): ListQuery,
) -> Result<Response> {
    query.must_only_page()?;
    let mut tx = app.db.begin().await?;
    let rows = activity(&mut tx, caller.person, query.after, i64::from(query.limit()) + 1).await?;
    Ok(page(rows, query.limit(), &link))
}

/// What a caller asks for, if they may.
async fn filter(conn: &mut PgConnection, by: Holds<ReadAudit>, query: &Query) -> Result<(Filter, Can<ReadAudit>)> {
    let (service, by) = match &query.service {
        Some(service) => {
            let (service, by) = by.resolve_within(conn, service).await?;
            (Some(service), by)
        }
        None => (None, by.everywhere()?),
    };
    let filter = Filter {
        actor: person(conn, query.actor.as_ref(), &by).await?,
        subject: person(conn, query.subject.as_ref(), &by).await?,
        concerning: None,
        actions: query.actions.clone(),
        service,
        from: query.from,
        until: query.until,
        before: query.after,
    };
    Ok((filter, by))
}

/// Whom a caller named. An id may be that of somebody who was removed. Who reads the trail of one service hears of nobody
/// what they hear of those who did nothing there.
async fn person(
    conn: &mut PgConnection,
    person: Option<&Ref<PersonId>>,
    by: &Can<ReadAudit>,
) -> Result<Option<PersonId>> {
    let Some(person) = person else { return Ok(None) };
    if let Ref::Id(id) = person {
        return Ok(Some(*id));
    }
    match gate::store::people::find(conn, person).await? {
        Some(person) => Ok(Some(person.id)),
        None if by.everywhere => Err(PersonId::invalid()),
        None => Ok(Some(NOBODY)),
    }
}

fn page(rows: Vec<Shown>, limit: u32, link: &NextPage) -> Response {
    let shown = limit as usize;
    part_of_list(rows, shown, &Total::default(), |last| link.after(last.id, shown))
}
