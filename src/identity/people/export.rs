//! Everybody, as a file: read a page at a time while it is sent, so that it takes little memory however many they are,
//! and no connection while its reader is slow. Never hashes.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use futures_util::stream::try_unfold;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::IntoParams;

use super::import::Format;
use super::store::{self, Details};
use super::{DocumentType, PersonType, WantedAttributes};
use crate::base::attributes::{Attributes, PREFIX, written};
use crate::base::error::{Error, Result};
use crate::base::id::{PersonId, ServiceId};
use crate::gate::audit::{Action, Event};
use crate::gate::effective::store::holds;
use crate::gate::permission::{BuiltIn, ReadGrants, ReadUsers};
use crate::gate::{Can, LockScope};
use crate::identity::Identity;
use crate::platform::http::{Page, rate_limit};
use crate::platform::shares::Share;
use crate::platform::spreadsheet::{harmless, harmless_json};

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
/// Everything stored about them except the password hash, ordered by id. CSV has a column `attribute.<name>` for each attribute
/// that anybody has, up to 500. There, text that a spreadsheet would run as a formula is prefixed with an apostrophe; an import
/// removes it again.
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
    let mut tx = by.begin(&identity, LockScope::default()).await?;
    let now = tx.by().now;
    let with_groups = holds(&mut tx, by.acting(), ReadGrants::ID, ServiceId::PORTERO, Some(now)).await?;
    let export = PeopleExport::begin(&mut tx, format, with_groups).await?;
    tx.commit([export.told()]).await?;
    let lines = try_unfold(((identity, by, share), export), move |((identity, by, share), mut export)| async move {
        if export.is_over() {
            return Ok::<_, Error>(None);
        }
        by.check_again(&identity).await?;
        let lines = export.next(&mut *identity.db.read().await?, identity.clock.now()).await?;
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
    /// Whether to tell which groups they are in.
    with_groups: bool,
    page: Option<Page>,
    is_first: bool,
    /// The names of the attributes that have a column.
    attributes: Vec<String>,
    people: usize,
}

impl PeopleExport {
    /// Of nobody yet.
    ///
    /// # Errors
    /// 400 `invalid_query` where there are more attributes than a table may have columns.
    pub async fn begin(conn: &mut PgConnection, format: Format, with_groups: bool) -> Result<Self> {
        let attributes = match format {
            Format::Csv => store::attribute_names(conn, i64::from(MOST_ATTRIBUTES) + 1).await?,
            Format::Jsonl => Vec::new(),
        };
        if attributes.len() > usize::from(MOST_ATTRIBUTES) {
            let detail = format!(
                "people have more than {MOST_ATTRIBUTES} attributes, too many for columns: add `?format=jsonl`"
            );
            return Err(Error::bad_request("invalid_query", detail));
        }
        Ok(Self { format, with_groups, page: Some(Page::first(None)), is_first: true, attributes, people: 0 })
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
    pub async fn next(&mut self, conn: &mut PgConnection, now: OffsetDateTime) -> Result<Option<Vec<u8>>> {
        let Some(page) = self.page.take() else { return Ok(None) };
        let mut rows = store::list_details(&mut *conn, &page, &WantedAttributes::default()).await?;
        self.page = page.next(&mut rows, |person| person.id.0);
        let is_first = std::mem::replace(&mut self.is_first, false);
        self.people += rows.len();
        let people: Vec<PersonId> = rows.iter().map(|person| person.id).collect();
        let mut groups = if self.with_groups { Some(store::groups_of_each(conn, &people, now).await?) } else { None };
        let rows: Vec<Exported> = rows
            .into_iter()
            .map(|person| Exported {
                groups: groups.as_mut().map(|groups| groups.remove(&person.id).unwrap_or_default()),
                person,
            })
            .collect();
        Ok(Some(match self.format {
            Format::Csv => self.csv_lines(&rows, is_first)?,
            Format::Jsonl => json_lines(&rows)?,
        }))
    }
}

/// The most columns of attributes: an import reads a first line that names so many.
const MOST_ATTRIBUTES: u16 = 500;

/// Somebody, as files have them.
#[derive(Debug, Serialize)]
struct Exported {
    #[serde(flatten)]
    person: Details,
    /// Names of the groups that they were added to, where they are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<String>>,
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

impl PeopleExport {
    fn csv_lines(&self, people: &[Exported], with_header: bool) -> Result<Vec<u8>> {
        let broken = |error: csv::Error| Error::Internal(error.into());
        let mut lines = csv::Writer::from_writer(Vec::new());
        if with_header {
            let groups = self.with_groups.then(|| "groups".to_owned());
            let attributes = self.attributes.iter().map(|name| format!("{PREFIX}{name}"));
            let columns = COLUMNS.map(str::to_owned).into_iter().chain(groups).chain(attributes);
            lines.write_record(columns).map_err(broken)?;
        }
        for Exported { person, groups } in people {
            let groups = groups.as_ref().map(|groups| harmless(&groups.join(";")).into_owned());
            let attributes = self.cells_of_attributes(&person.attributes)?;
            lines.write_record(cells(person)?.into_iter().chain(groups).chain(attributes)).map_err(broken)?;
        }
        lines.into_inner().map_err(|error| Error::Internal(error.into_error().into()))
    }

    fn cells_of_attributes(&self, attributes: &Attributes) -> Result<Vec<String>> {
        // What has no column was set after the first line was sent: the file must not look whole.
        if let Some((name, _)) = attributes.iter().find(|(name, _)| self.attributes.binary_search(name).is_err()) {
            return Err(Error::Internal(anyhow::anyhow!("the attribute `{name}` came while people were exported")));
        }
        Ok(self.attributes.iter().map(|name| attributes.get(name).map(cell).unwrap_or_default()).collect())
    }
}

fn cells(person: &Details) -> Result<[String; COLUMNS.len()]> {
    let text = |text: &Option<String>| text.as_deref().map(harmless).unwrap_or_default().into_owned();
    Ok([
        person.id.to_string(),
        harmless(&person.username).into_owned(),
        harmless(&person.name).into_owned(),
        person.person_type.map_or("", PersonType::as_str).to_owned(),
        person.document_type.map_or("", DocumentType::as_str).to_owned(),
        text(&person.document_number),
        text(&person.email),
        moment(person.email_verified_at)?,
        text(&person.locale),
        moment(Some(person.created_at))?,
        moment(person.last_login_at)?,
        moment(person.disabled_at)?,
        person.sessions.to_string(),
    ])
}

/// The value of an attribute, as an import reads it.
fn cell(value: &Value) -> String {
    match written(value) {
        (json, false) if value.is_string() || value.is_array() => {
            // As behind a separator: it may be the first thing in its cell.
            let cell = format!(";{json}");
            harmless_json(&cell)[1..].to_owned()
        }
        (text, _) => harmless(&text).into_owned(),
    }
}

fn moment(at: Option<OffsetDateTime>) -> Result<String> {
    let text = at.map(|at| at.format(&Rfc3339)).transpose();
    Ok(text.map_err(|error| Error::Internal(error.into()))?.unwrap_or_default())
}

fn json_lines(people: &[Exported]) -> Result<Vec<u8>> {
    let mut lines = Vec::new();
    for person in people {
        serde_json::to_writer(&mut lines, person).map_err(|error| Error::Internal(error.into()))?;
        lines.push(b'\n');
    }
    Ok(lines)
}
