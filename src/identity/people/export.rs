//! Everybody, as a file: read a page at a time while it is sent, so that it takes little memory however many they are,
//! and no connection while its reader is slow. Never hashes.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use futures_util::stream::try_unfold;
use serde::Deserialize;
use serde_json::json;
use sqlx::PgConnection;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::IntoParams;

use super::import::Format;
use super::store::{self, Details};
use crate::base::error::{Error, Result};
use crate::base::id::PersonId;
use crate::gate::audit::{Action, Event};
use crate::gate::permission::ReadUsers;
use crate::gate::{Can, LockScope};
use crate::identity::Identity;
use crate::platform::http::{Page, rate_limit};
use crate::platform::shares::Share;
use crate::platform::spreadsheet::harmless;

/// How to write what is exported.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PeopleExportQuery {
    /// The format. By default that of the header `Accept`, else CSV.
    #[param(inline)]
    format: Option<Format>,
}

impl PeopleExportQuery {
    fn format(&self, parts: &Parts) -> Format {
        self.format.unwrap_or_else(|| Format::accepted(&parts.headers))
    }
}

/// What the caller wants.
#[derive(Debug)]
pub(super) struct ExportFormat(Format);

impl<S: Send + Sync> FromRequestParts<S> for ExportFormat {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let query = axum::extract::Query::<PeopleExportQuery>::from_request_parts(parts, state).await;
        let axum::extract::Query(query) =
            query.map_err(|_| Error::bad_request("invalid_query", "`format` is `csv` or `jsonl`"))?;
        Ok(Self(query.format(parts)))
    }
}

/// How many exports of one person may be under way.
pub const EXPORTS_OF_A_PERSON: u32 = 2;

/// A part of somebody's share of exports, to be kept until all is sent.
///
/// # Errors
/// 429 `too_many_exports`.
pub fn exports_share(identity: &Identity, whose: PersonId) -> Result<Share<PersonId>> {
    let later = std::time::Duration::from_secs(10);
    let what = "other exports of yours are under way";
    let share = ("exports", EXPORTS_OF_A_PERSON);
    let taken = || rate_limit::share_is_taken("too_many_exports", what, share, later);
    identity.exports.take(whose).ok_or_else(taken)
}

/// Export all people
///
/// Everything stored about them except the password hash, ordered by id. In CSV, text that a spreadsheet would run as
/// a formula is prefixed with an apostrophe; an import removes it again.
#[utoipa::path(get, path = "/users/export", tag = "users", params(PeopleExportQuery), responses(
    (status = 200, description = "one person a line", content((String = "text/csv"), (String = "application/jsonl"))),
    (status = 400, description = "`invalid_query`"),
    (status = 429, description = "`too_many_exports`"),
))]
pub(super) async fn export_users(
    State(identity): State<Identity>,
    by: Can<ReadUsers>,
    ExportFormat(format): ExportFormat,
) -> Result<Response> {
    let share = exports_share(&identity, by.actor)?;
    let tx = by.begin(&identity, LockScope::default()).await?;
    let export = PeopleExport::begin(format);
    tx.commit([export.told()]).await?;
    let lines = try_unfold(((identity, by, share), export), move |((identity, by, share), mut export)| async move {
        if export.is_over() {
            return Ok::<_, Error>(None);
        }
        by.check_again(&identity).await?;
        let lines = export.next(&mut *identity.db.read().await?).await?;
        Ok(lines.map(|lines| (Bytes::from(lines), ((identity, by, share), export))))
    });
    let name = format!("attachment; filename=\"users.{}\"", format.extension());
    Ok(([(CONTENT_TYPE, format.media_type().to_owned()), (CONTENT_DISPOSITION, name)], Body::from_stream(lines))
        .into_response())
}

/// Everybody, a page at a time.
#[derive(Debug)]
pub struct PeopleExport {
    format: Format,
    page: Option<Page>,
    is_first: bool,
    people: usize,
}

impl PeopleExport {
    /// Of nobody yet.
    pub fn begin(format: Format) -> Self {
        Self { format, page: Some(Page::first(None)), is_first: true, people: 0 }
    }

    /// What the audit trail tells of it, to be told before anybody is.
    pub fn told(&self) -> Event {
        Event::new(Action::UsersExported).after(json!({"format": self.format.extension()}))
    }

    /// Whether everybody was told.
    pub fn is_over(&self) -> bool {
        self.page.is_none()
    }

    /// How many were told so far.
    pub fn people(&self) -> usize {
        self.people
    }

    /// The next lines; `None` after the last.
    pub async fn next(&mut self, conn: &mut PgConnection) -> Result<Option<Vec<u8>>> {
        let Some(page) = self.page.take() else { return Ok(None) };
        let mut rows = store::list_details(conn, &page).await?;
        self.page = page.next(&mut rows, |person| person.id.0);
        let is_first = std::mem::replace(&mut self.is_first, false);
        self.people += rows.len();
        Ok(Some(match self.format {
            Format::Csv => csv_lines(&rows, is_first)?,
            Format::Jsonl => json_lines(&rows)?,
        }))
    }
}

const COLUMNS: [&str; 13] = [
    "id",
    "username",
    "name",
    "person_type",
    "document_type",
    "document_number",
    "email",
    "email_verified_at",
    "locale",
    "created_at",
    "last_login_at",
    "disabled_at",
    "sessions",
];

fn csv_lines(people: &[Details], with_header: bool) -> Result<Vec<u8>> {
    let broken = |error: csv::Error| Error::Internal(error.into());
    let mut lines = csv::Writer::from_writer(Vec::new());
    if with_header {
        lines.write_record(COLUMNS).map_err(broken)?;
    }
    for person in people {
        let text = |text: &Option<String>| text.as_deref().map(harmless).unwrap_or_default().into_owned();
        lines
            .write_record([
                person.id.to_string().as_str(),
                &harmless(&person.username),
                &harmless(&person.name),
                person.person_type.map_or("", |kind| kind.as_str()),
                person.document_type.map_or("", |kind| kind.as_str()),
                &text(&person.document_number),
                &text(&person.email),
                &moment(person.email_verified_at)?,
                &text(&person.locale),
                &moment(Some(person.created_at))?,
                &moment(person.last_login_at)?,
                &moment(person.disabled_at)?,
                &person.sessions.to_string(),
            ])
            .map_err(broken)?;
    }
    lines.into_inner().map_err(|error| Error::Internal(error.into_error().into()))
}

fn moment(at: Option<OffsetDateTime>) -> Result<String> {
    let text = at.map(|at| at.format(&Rfc3339)).transpose();
    Ok(text.map_err(|error| Error::Internal(error.into()))?.unwrap_or_default())
}

fn json_lines(people: &[Details]) -> Result<Vec<u8>> {
    let mut lines = Vec::new();
    for person in people {
        serde_json::to_writer(&mut lines, person).map_err(|error| Error::Internal(error.into()))?;
        lines.push(b'\n');
    }
    Ok(lines)
}
