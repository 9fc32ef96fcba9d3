//! An export, a batch at a time, as fast as its reader reads: however long the trail is, little of it is in memory.

use std::borrow::Cow;

use axum::body::{Body, Bytes};
use futures_util::stream::try_unfold;
use time::format_description::well_known::Rfc3339;

use super::query::TrailExportFormat;
use crate::app::App;
use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::gate::Can;
use crate::gate::audit::Shown;
use crate::gate::audit::store::{self, Filter};
use crate::gate::permission::ReadAudit;
use crate::platform::shares::Share;
use crate::platform::spreadsheet::{harmless, harmless_json};

const BATCH: i64 = 1000;

const HEADER: [&str; 17] = [
    "id",
    "at",
    "action",
    "actor_type",
    "actor_id",
    "actor_username",
    "subject_id",
    "subject_username",
    "service_id",
    "service_name",
    "request_id",
    "address",
    "client_id",
    "before",
    "after",
    "position",
    "api_key_id",
];

pub(super) struct TrailExport {
    app: App,
    by: Can<ReadAudit>,
    _share: Share<PersonId>,
    filter: Filter,
    format: TrailExportFormat,
    begun: bool,
    over: bool,
}

impl TrailExport {
    pub(super) fn new(
        (app, by, share): (App, Can<ReadAudit>, Share<PersonId>),
        filter: Filter,
        format: TrailExportFormat,
    ) -> Self {
        Self { app, by, _share: share, filter, format, begun: false, over: false }
    }

    /// A batch that can't be read breaks the answer off, so that nobody takes a part for the whole.
    pub(super) fn into_body(self) -> Body {
        Body::from_stream(try_unfold(self, |mut export| async move {
            let chunk = export.chunk().await.inspect_err(|error| tracing::warn!(%error, "an export broke off"))?;
            Ok::<_, crate::base::error::Error>(chunk.map(|chunk| (chunk, export)))
        }))
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>> {
        if self.over {
            return Ok(None);
        }
        self.by.check_again(&self.app).await?;
        let mut tx = self.app.db.begin().await?;
        let events = store::list(&mut tx, &self.filter, BATCH).await?;
        tx.commit().await?;
        self.over = events.len() < usize::try_from(BATCH).unwrap_or_default();
        if let Some(last) = events.last() {
            self.filter.before = Some(last.id);
        }
        let header = !std::mem::replace(&mut self.begun, true);
        let text = match self.format {
            TrailExportFormat::Csv => csv(&events, header)?,
            TrailExportFormat::JsonLines => json_lines(&events)?,
        };
        Ok(Some(text.into()))
    }
}

fn json_lines(events: &[Shown]) -> Result<Vec<u8>> {
    let mut lines = Vec::new();
    for event in events {
        serde_json::to_writer(&mut lines, event).map_err(anyhow::Error::from)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

fn csv(events: &[Shown], header: bool) -> Result<Vec<u8>> {
    let mut rows = csv::Writer::from_writer(Vec::new());
    if header {
        rows.write_record(HEADER).map_err(anyhow::Error::from)?;
    }
    for event in events {
        // Usernames and client ids are strangers' words.
        let cells = record(event)?.map(Option::unwrap_or_default);
        let cells = HEADER.iter().zip(&cells).map(|(column, cell)| match *column {
            "before" | "after" => harmless_json(cell),
            _ => harmless(cell),
        });
        rows.write_record(cells.map(Cow::into_owned)).map_err(anyhow::Error::from)?;
    }
    Ok(rows.into_inner().map_err(|error| anyhow::anyhow!("{error}"))?)
}

fn record(event: &Shown) -> Result<[Option<String>; 17]> {
    let number = |number: Option<i32>| number.map(|number| number.to_string());
    let (subject, service) = (event.subject.as_ref(), event.service.as_ref());
    Ok([
        Some(event.id.to_string()),
        Some(event.at.format(&Rfc3339).map_err(anyhow::Error::from)?),
        Some(event.action.clone()),
        Some(event.actor.r#type.clone()),
        number(event.actor.id),
        event.actor.username.clone(),
        number(subject.map(|subject| subject.id)),
        subject.and_then(|subject| subject.name.clone()),
        number(service.map(|service| service.id)),
        service.and_then(|service| service.name.clone()),
        event.request_id.clone(),
        event.address.clone(),
        event.client_id.clone(),
        event.before.as_ref().map(ToString::to_string),
        event.after.as_ref().map(ToString::to_string),
        event.position.map(|position| position.to_string()),
        number(event.actor.api_key_id),
    ])
}
