use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use futures_util::StreamExt;
use http_body_util::Limited;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use tokio::sync::mpsc;
use tokio_util::io::{StreamReader, SyncIoBridge};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Batch, Batches, FIELDS, Format, PeopleFile, hash_all, store};
use crate::access::Can;
use crate::access::permission::WriteUsers;
use crate::app::App;
use crate::audit::{Action, Event};
use crate::error::{Error, Result};
use crate::http::{Json, unreadable};
use crate::passwords::Password;

/// The largest file, in bytes.
const MAX_FILE: usize = 32 * 1024 * 1024;

/// How many faults an answer names.
const FAULTS: i64 = 100;

/// How many batches of lines may wait to be written.
const AHEAD: usize = 1;

/// `/users/import`.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(import_users))
}

/// How to read what is imported.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ImportQuery {
    /// Only look for faults; write nothing.
    #[param(default = false)]
    #[serde(default)]
    dry_run: bool,
    /// Otherwise the header `Content-Type` says.
    #[param(inline)]
    format: Option<Format>,
}

/// What the caller sends, and what for.
#[derive(Debug)]
struct Sent {
    format: Format,
    dry_run: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Sent {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let query = axum::extract::Query::<ImportQuery>::from_request_parts(parts, state).await;
        let axum::extract::Query(query) = query.map_err(|_| {
            Error::bad_request("invalid_query", "`format` is `csv` or `jsonl`, `dry_run` is `true` or `false`")
        })?;
        let format = query.format.map_or_else(|| Format::sent(&parts.headers), Ok)?;
        Ok(Self { format, dry_run: query.dry_run })
    }
}

/// That people were imported.
#[derive(Debug, Serialize, ToSchema)]
struct UsersImported {
    #[schema(example = "users_imported")]
    status: &'static str,
    /// How many lines there were.
    #[schema(example = 5000)]
    lines: u64,
    /// How many people are registered now; none in a dry run.
    #[schema(example = 5000)]
    imported: u64,
    /// Whether it was one.
    #[schema(example = false)]
    dry_run: bool,
}

/// Something wrong with a line of an import.
#[derive(Debug, Serialize, ToSchema)]
pub struct Fault {
    /// Its number.
    line: i64,
    /// The field at fault, if it is one.
    field: Option<&'static str>,
    /// What is wrong.
    #[serde(rename = "fault")]
    #[schema(example = "missing")]
    what: String,
}

impl From<store::Fault> for Fault {
    fn from(fault: store::Fault) -> Self {
        let field = |(field, what): (&str, &str)| {
            let known = FIELDS.iter().find(|known| **known == field)?;
            Some((*known, what.to_owned()))
        };
        match fault.what.split_once(": ").and_then(field) {
            Some((field, what)) => Self { line: fault.line, field: Some(field), what },
            None => Self { line: fault.line, field: None, what: fault.what },
        }
    }
}

/// Register many people
///
/// As `portero user import` does: a CSV file whose first line names the fields, or one JSON object a line, of
/// `username`, `name`, `password` or `password_hash`, `person_type`, `document_type` and `document_number`. All or none:
/// all that is wrong is named, and then nobody is registered. At most 32 MiB, one import at a time.
#[utoipa::path(post, path = "/users/import", tag = "users", params(ImportQuery),
    request_body(content((String = "text/csv"), (String = "application/jsonl")), description = "one person a line"),
    responses(
        (status = 200, body = UsersImported),
        (status = 400, description = "`invalid_import`, `invalid_query`"),
        (status = 409, description = "`user_exists`"),
        (status = 415, description = "`unsupported_media_type`"),
    ))]
async fn import_users(
    State(app): State<App>,
    by: Can<WriteUsers>,
    Sent { format, dry_run }: Sent,
    request: Request,
) -> Result<Json<UsersImported>> {
    let turn = Arc::clone(&app.imports).try_acquire_owned();
    let _turn = turn.map_err(|_| Error::Busy("another import is under way"))?;
    let apart = app.db.address().one_connection();
    let mut tx = apart.begin().await?;
    store::be_patient(&mut tx).await?;
    store::prepare(&mut tx).await?;
    let (lines, passwords) = look_at(&app, request.into_body(), format, &mut tx).await?;
    must_be_faultless(&mut tx, lines).await?;
    if dry_run {
        return Ok(Json(UsersImported { status: "users_imported", lines, imported: 0, dry_run }));
    }
    hash_all(&app, &mut tx, passwords, || ()).await?;
    let mut tx = by.begin_in(&app, tx).await?;
    let by = tx.by().clone();
    let imported = store::register(&mut tx, &by).await?;
    let told = json!({"people": imported, "from": format.extension()});
    tx.commit([Event::new(Action::UsersImported).after(told)]).await?;
    Ok(Json(UsersImported { status: "users_imported", lines, imported, dry_run }))
}

/// Reads the body on a thread of its own, as the file that it is, while Postgres takes what has been read. Answers how
/// many lines it has, and the passwords that are to be hashed: the only thing of it that is kept in memory.
async fn look_at(
    app: &App,
    body: Body,
    format: Format,
    conn: &mut PgConnection,
) -> Result<(u64, Vec<(i64, Password)>)> {
    let fault: Arc<Mutex<Option<Error>>> = Arc::default();
    let noted = Arc::clone(&fault);
    let body = Body::new(Limited::new(body, MAX_FILE)).into_data_stream().map(move |bytes| {
        bytes.map_err(|error| {
            *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(unreadable(&error, MAX_FILE));
            std::io::Error::other("the body could not be read to its end")
        })
    });
    let (sender, mut batches) = mpsc::channel(AHEAD);
    let (reader, policy) = (SyncIoBridge::new(StreamReader::new(Box::pin(body))), app.config.passwords);
    tokio::task::spawn_blocking(move || match PeopleFile::new("the body".to_owned(), reader, None, format) {
        Ok(file) => send(Batches::of(file, policy), &sender),
        Err(error) => send(std::iter::once(Err(error)), &sender),
    });
    let (mut lines, mut passwords) = (0, Vec::new());
    while let Some(batch) = batches.recv().await {
        let batch = batch.map_err(|error| {
            let unreadable = fault.lock().unwrap_or_else(PoisonError::into_inner).take();
            unreadable.unwrap_or_else(|| Error::bad_request("invalid_import", format!("{error:#}")))
        })?;
        store::keep(conn, &batch).await?;
        lines += batch.lines;
        passwords.extend(batch.passwords);
    }
    Ok((lines, passwords))
}

/// Until all is sent, something fails, or nobody listens any more.
fn send(batches: impl Iterator<Item = anyhow::Result<Batch>>, sender: &mpsc::Sender<anyhow::Result<Batch>>) {
    for batch in batches {
        let failed = batch.is_err();
        if sender.blocking_send(batch).is_err() || failed {
            return;
        }
    }
}

async fn must_be_faultless(conn: &mut PgConnection, lines: u64) -> Result<()> {
    store::find_duplicates(conn).await?;
    let (count, bad_lines) = store::count_faults(conn).await?;
    if count > 0 {
        let faults: Vec<Fault> = store::faults(conn, None, FAULTS).await?.into_iter().map(Fault::from).collect();
        let detail = format!("{count} faults in {bad_lines} of {lines} lines; nobody was registered");
        return Err(Error::bad_request("invalid_import", detail)
            .with("faults", json!(faults))
            .with("fault_count", count));
    }
    if lines == 0 {
        return Err(Error::bad_request("invalid_import", "there is nobody in it"));
    }
    Ok(())
}
