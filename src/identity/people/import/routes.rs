use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::received::Received;
use super::{FIELDS, Format, PasswordRules, Remarks, hash_all, store};
use crate::base::error::{Error, Result, causes};
use crate::base::id::PersonId;
use crate::gate::Can;
use crate::gate::audit::{Action, Event};
use crate::gate::idempotency::once;
use crate::gate::permission::{WriteGrants, WriteUsers};
use crate::gate::store::{Through, groups, must_cover_group, must_hold_everywhere};
use crate::identity::Identity;
use crate::identity::people::attributes::must_hand_out_attributes;
use crate::platform::http::{Deadline, Json, Routes};
use crate::platform::passwords::Password;

/// How many faults an answer names.
const FAULTS: i64 = 100;

/// How often it is looked whether the caller still may.
const LOOK: Duration = Duration::from_secs(1);

/// `/users/import`.
pub fn routes() -> Routes<Identity> {
    Routes::new().routes(once(routes!(import_users)).within(Deadline::File))
}

/// How to read what is imported.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ImportQuery {
    /// Only check for faults; write nothing.
    #[param(default = false)]
    #[serde(default)]
    dry_run: bool,
    /// The format. By default that of the header `Content-Type`.
    #[param(inline)]
    format: Option<Format>,
}

/// What the caller sends, and what for.
#[derive(Debug)]
struct Upload {
    format: Format,
    dry_run: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Upload {
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

/// The result of the import.
#[derive(Debug, Serialize, ToSchema)]
struct UsersImported {
    #[schema(example = "users_imported")]
    status: &'static str,
    /// How many lines there were.
    #[schema(example = 5000)]
    lines: u64,
    /// How many people were registered; 0 in a dry run.
    #[schema(example = 5000)]
    imported: u64,
    /// Whether it was one.
    #[schema(example = false)]
    dry_run: bool,
    /// Remarks that are not faults, such as fields that were skipped.
    #[schema(example = json!(["left out, since Portero gives them itself: created_at, id, sessions"]))]
    remarks: Vec<String>,
}

/// A fault in a line of an import.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Fault)]
pub struct ImportFault {
    /// Its number.
    line: i64,
    /// The field at fault, if the fault is in one.
    field: Option<String>,
    /// What is wrong.
    #[serde(rename = "fault")]
    #[schema(example = "missing")]
    what: String,
}

impl From<store::LineFault> for ImportFault {
    fn from(fault: store::LineFault) -> Self {
        let field = |(field, what): (&str, &str)| {
            let is_known = FIELDS.contains(&field) || field.starts_with("attribute");
            is_known.then(|| (field.to_owned(), what.to_owned()))
        };
        match fault.what.split_once(": ").and_then(field) {
            Some((field, what)) => Self { line: fault.line, field: Some(field), what },
            None => Self { line: fault.line, field: None, what: fault.what },
        }
    }
}

/// Register many people
///
/// Like `portero user import`: a CSV file whose first line names the fields, or one JSON object per line, with
/// `username`, `name`, `password` or `password_hash` (people with neither choose one with a reset mail),
/// `person_type`, `document_type`, `document_number`, `email`, `locale`, `disabled_at`, columns `attribute.<name>` or an
/// object `attributes`, and `groups` (names, in CSV parted by `;`). Attributes and groups need `grants:write` everywhere, too. Reads
/// spreadsheet files as
/// they are: any separator and line end, UTF-8 or UTF-16. An export can be imported again; fields that Portero assigns
/// (`id`, `created_at` and so on) are skipped with a remark. All or none: if anything is wrong, all faults are listed
/// and nobody is registered. At most 32 MiB, and one import per person at a time.
#[utoipa::path(post, path = "/users/import", tag = "users", params(ImportQuery),
    request_body(content((String = "text/csv"), (String = "application/jsonl")), description = "one person a line"),
    responses(
        (status = 200, body = UsersImported),
        (status = 400, description = "`invalid_import`, `invalid_query`"),
        (status = 409, description = "`user_exists`"),
        (status = 415, description = "`unsupported_media_type`"),
        (status = 429, description = "`too_many_imports`"),
    ))]
async fn import_users(
    State(identity): State<Identity>,
    by: Can<WriteUsers>,
    sent: Upload,
    request: Request,
) -> Result<Json<UsersImported>> {
    let _place = identity.imports.place(by.actor)?;
    import(&identity, &by, &sent, request.into_body()).await.map(Json)
}

async fn import(identity: &Identity, by: &Can<WriteUsers>, sent: &Upload, body: Body) -> Result<UsersImported> {
    let dry_run = sent.dry_run;
    let apart = identity.db.address().one_connection();
    let prepared = while_allowed(identity, by, async {
        let file = Received::from(body).await?;
        let turn = identity.imports.turn().await?;
        let mut tx = apart.begin().await?;
        store::be_patient(&mut tx).await?;
        store::prepare(&mut tx).await?;
        let Looked { lines, passwords, remarks } = look_at(identity, file, sent.format, &mut tx).await?;
        must_be_faultless(&mut tx, lines).await?;
        must_be_theirs_to_import(&mut tx, by.actor, identity.clock.now()).await?;
        if !dry_run {
            hash_all(identity, &mut tx, passwords, || ()).await?;
        }
        Ok((lines, remarks.said(), tx, turn))
    });
    let (lines, remarks, tx, _turn) = prepared.await?;
    if dry_run {
        return Ok(UsersImported { status: "users_imported", lines, imported: 0, dry_run, remarks });
    }
    let mut tx = by.begin_in(identity, tx).await?;
    let by_whom = tx.by().clone();
    groups::hold(&mut tx).await?;
    must_be_theirs_to_import(&mut tx, by.actor, by_whom.now).await?;
    let imported = store::register(&mut tx, &by_whom).await?;
    let told = json!({"people": imported, "from": sent.format.extension()});
    tx.commit([Event::new(Action::UsersImported).after(told)]).await?;
    Ok(UsersImported { status: "users_imported", lines, imported, dry_run, remarks })
}

/// Goes on with `work` until the caller has lost their session or their permission.
async fn while_allowed<T>(
    identity: &Identity,
    by: &Can<WriteUsers>,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let until_refused = async {
        loop {
            tokio::time::sleep(LOOK).await;
            if let Err(refused @ Error::Refused(_)) = by.check_again(identity).await {
                return refused;
            }
        }
    };
    tokio::select! {
        done = work => done,
        refused = until_refused => Err(refused),
    }
}

/// What was found in a file.
#[derive(Default)]
struct Looked {
    lines: u64,
    /// To be hashed: the only thing of it that is kept in memory.
    passwords: Vec<(i64, Password)>,
    remarks: Remarks,
}

/// Hands the file's lines to Postgres.
async fn look_at(identity: &Identity, file: Received, format: Format, conn: &mut PgConnection) -> Result<Looked> {
    let wanted = CancellationToken::new();
    let rules = PasswordRules::new(identity.judge.policy(), identity.settings.knows_firebase, identity.clock.now());
    let mut batches = file.look_at(format, rules, wanted.clone())?;
    let _until_dropped = wanted.drop_guard();
    let mut looked = Looked::default();
    while let Some(batch) = batches.recv().await {
        let batch = batch.map_err(|error| Error::bad_request("invalid_import", causes(&error)))?;
        store::keep(conn, &batch).await?;
        looked.lines += batch.lines;
        looked.passwords.extend(batch.passwords);
        looked.remarks.add(batch.remarks);
    }
    Ok(looked)
}

/// Refuses (403) attributes that are not the caller's to give, and groups in which anybody holds more of Portero's own than they do.
async fn must_be_theirs_to_import(conn: &mut PgConnection, actor: PersonId, now: OffsetDateTime) -> Result<()> {
    if store::has_attributes(conn).await? {
        must_hand_out_attributes(conn, actor, now).await?;
    }
    let named = store::groups(conn).await?;
    if !named.is_empty() {
        must_hold_everywhere::<WriteGrants>(conn, actor, "to put people into groups", now).await?;
    }
    for group in named {
        must_cover_group(conn, actor, group, Through::End(None), now).await?;
    }
    Ok(())
}

async fn must_be_faultless(conn: &mut PgConnection, lines: u64) -> Result<()> {
    store::find_faults(conn).await?;
    let (count, bad_lines) = store::count_faults(conn).await?;
    if count > 0 {
        let faults: Vec<ImportFault> =
            store::faults(conn, None, FAULTS).await?.into_iter().map(ImportFault::from).collect();
        let detail = format!("{count} faults in {bad_lines} of {lines} lines; nobody was registered");
        return Err(Error::bad_request("invalid_import", detail)
            .with("faults", json!(faults))
            .with("fault_count", count));
    }
    if lines == 0 {
        return Err(Error::bad_request("invalid_import", "the file has no people"));
    }
    Ok(())
}
