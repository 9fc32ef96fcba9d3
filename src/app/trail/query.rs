use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Deserialize;
use time::OffsetDateTime;
use utoipa::IntoParams;

use crate::base::clock;
use crate::base::error::{Error, Result};
use crate::base::id::{PersonId, Ref, ServiceId};
use crate::gate::audit::Action;
use crate::platform::http::{Next, query};

const MAX_LIMIT: u32 = 1000;
const DEFAULT_LIMIT: u32 = 100;

/// Which events are asked for.
#[derive(Clone, Debug, Default)]
pub struct Query {
    pub actor: Option<Ref<PersonId>>,
    pub subject: Option<Ref<PersonId>>,
    /// One of these was done; any when there are none.
    pub actions: Vec<String>,
    /// In this service.
    pub service: Option<Ref<ServiceId>>,
    /// Not before.
    pub from: Option<OffsetDateTime>,
    /// Before.
    pub until: Option<OffsetDateTime>,
    /// Older than this event: the last one of the page before.
    pub after: Option<i64>,
    pub limit: Option<u32>,
}

/// Which events are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct QueryText {
    /// Only what this person did: id or username.
    actor: Option<String>,
    /// Only what was done to this person: id or username.
    subject: Option<String>,
    /// Only these actions, separated by commas; `grant.*` matches all that start with `grant.`.
    #[param(example = "grant.*,login.failed")]
    action: Option<String>,
    /// Only what was done in this service: id or name. Required with `audit:read` in one service only.
    service: Option<String>,
    /// Only from this moment (RFC 3339).
    #[param(example = "2026-11-01T00:00:00Z", format = DateTime)]
    from: Option<String>,
    /// Only before this moment (RFC 3339).
    #[param(example = "2026-12-01T00:00:00Z", format = DateTime)]
    until: Option<String>,
    /// Return events older than the one with this id; the `Link` header has the value for the next page.
    #[param(value_type = Option<i64>)]
    after: Option<String>,
    /// How many events to return.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, default = 100)]
    limit: Option<String>,
    /// For the export.
    #[param(ignore)]
    format: Option<String>,
}

/// Which events an export has.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what `ExportQuery` reads")]
pub(super) struct ExportText {
    /// Only what this person did: id or username.
    actor: Option<String>,
    /// Only what was done to this person: id or username.
    subject: Option<String>,
    /// Only these actions, separated by commas; `grant.*` matches all that start with `grant.`.
    #[param(example = "grant.*,login.failed")]
    action: Option<String>,
    /// Only what was done in this service: id or name.
    service: Option<String>,
    /// Only from this moment (RFC 3339).
    #[param(example = "2026-11-01T00:00:00Z", format = DateTime)]
    from: Option<String>,
    /// Only before this moment (RFC 3339).
    #[param(example = "2026-12-01T00:00:00Z", format = DateTime)]
    until: Option<String>,
    /// `jsonl` or `csv`.
    #[param(pattern = "^(jsonl|csv)$", example = "csv")]
    format: Option<String>,
}

fn refuse(name: &str, fault: &str) -> Error {
    Error::bad_request("invalid_query", format!("`{name}`: {fault}"))
}

fn moment(name: &str, text: Option<String>) -> Result<Option<OffsetDateTime>> {
    let parsed = text.map(|text| clock::read_rfc3339(&text).ok_or(())).transpose();
    parsed.map_err(|()| refuse(name, "write a moment as 2026-11-01T00:00:00Z (RFC 3339; `+` in an offset is `%2B`)"))
}

/// Known actions that `patterns` name.
fn actions(patterns: &str) -> Result<Vec<String>> {
    let patterns: Vec<&str> = patterns.split(',').map(str::trim).collect();
    let names = |pattern: &str, action: &Action| match pattern.strip_suffix('*') {
        Some(beginning) => beginning.ends_with('.') && action.as_str().starts_with(beginning),
        None => action.as_str() == pattern,
    };
    if !patterns.iter().all(|pattern| Action::ALL.iter().any(|action| names(pattern, action))) {
        let fault = "names no action, such as `grant.added` or `grant.*`; docs/audit.md has them all";
        return Err(refuse("action", fault));
    }
    let found = Action::ALL.iter().filter(|action| patterns.iter().any(|pattern| names(pattern, action)));
    Ok(found.map(|action| action.as_str().to_owned()).collect())
}

impl Query {
    /// How many events are asked for.
    pub fn limit(&self) -> u32 {
        self.limit.unwrap_or(DEFAULT_LIMIT)
    }

    /// Refuses filters where there are none.
    pub fn must_only_page(&self) -> Result<()> {
        let Self { actor, subject, actions, service, from, until, after: _, limit: _ } = self;
        let filters = actor.is_some() || subject.is_some() || service.is_some() || from.is_some() || until.is_some();
        if filters || !actions.is_empty() {
            return Err(Error::bad_request("invalid_query", "this list takes `after` and `limit` only"));
        }
        Ok(())
    }
}

impl TryFrom<QueryText> for Query {
    type Error = Error;

    fn try_from(text: QueryText) -> Result<Self> {
        let after =
            text.after.map(|after| after.parse().map_err(|_| refuse("after", "the id of the last event you have")));
        let limit = text.limit.map(|limit| {
            let limit = limit.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
            limit.ok_or_else(|| refuse("limit", "a whole number from 1 to 1000"))
        });
        Ok(Self {
            actor: text.actor.as_deref().map(Ref::parse),
            subject: text.subject.as_deref().map(Ref::parse),
            actions: text.action.as_deref().map(actions).transpose()?.unwrap_or_default(),
            service: text.service.as_deref().map(Ref::parse),
            from: moment("from", text.from)?,
            until: moment("until", text.until)?,
            after: after.transpose()?,
            limit: limit.transpose()?,
        })
    }
}

/// How an export is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TrailExportFormat {
    /// Comma-separated values with a header (RFC 4180).
    Csv,
    /// One JSON object a line.
    JsonLines,
}

impl TrailExportFormat {
    /// As callers ask for it, and as files end.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
        }
    }

    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::JsonLines => "application/jsonl",
        }
    }
}

/// Where the rest of a list is: the same question, with another `after`.
#[derive(Debug)]
pub(super) struct NextPage {
    path: String,
    rest: String,
}

impl NextPage {
    fn of(parts: &Parts) -> Self {
        let pairs = parts.uri.query().unwrap_or_default().split('&');
        let kept = pairs.filter(|pair| !pair.is_empty() && !pair.starts_with("after=") && !pair.starts_with("limit="));
        let rest = kept.fold(String::new(), |rest, pair| rest + "&" + pair);
        Self { path: parts.uri.path().to_owned(), rest }
    }

    pub(super) fn after(&self, id: i64, limit: usize) -> Next {
        Next::at(&self.path, "after", id).limit(limit).rest(&self.rest)
    }
}

#[derive(Debug)]
pub(super) struct ListQuery(pub Query, pub NextPage);

#[derive(Debug)]
pub(super) struct TrailExportQuery(pub Query, pub TrailExportFormat);

impl<S: Sync> FromRequestParts<S> for ListQuery {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let text = query::<QueryText>(parts)?;
        if text.format.is_some() {
            return Err(refuse("format", "GET /audit-events/export takes it"));
        }
        Ok(Self(text.try_into()?, NextPage::of(parts)))
    }
}

impl<S: Sync> FromRequestParts<S> for TrailExportQuery {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let text = query::<QueryText>(parts)?;
        let format = match text.format.as_deref() {
            None | Some("jsonl") => TrailExportFormat::JsonLines,
            Some("csv") => TrailExportFormat::Csv,
            Some(_) => return Err(refuse("format", "`csv` or `jsonl`")),
        };
        if text.after.is_some() || text.limit.is_some() {
            return Err(refuse("limit", "an export has all events; narrow it by time"));
        }
        Ok(Self(text.try_into()?, format))
    }
}
