//! `portero user sessions` and `portero user end-sessions`.

use anyhow::bail;
use serde_json::json;
use time::OffsetDateTime;

use super::moment;
use crate::app::cli::output::{List, Row, count, or_dash};
use crate::app::cli::tool::Tool;
use crate::app::cli::typed_ref::TypedRef;
use crate::base::id::{PersonId, SessionId};
use crate::identity::sessions::{self, ListedSession, Older};

impl Row for ListedSession {
    const HEADER: &'static [&'static str] = &["id", "device", "address", "client", "login", "last seen", "ends"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            or_dash(self.device.as_ref()),
            or_dash(self.address.as_ref()),
            or_dash(self.client_id.as_ref()),
            moment(self.created_at),
            moment(self.last_seen_at),
            or_dash(OffsetDateTime::from_unix_timestamp(self.expires_at).ok().map(moment)),
        ]
    }
}

pub(super) fn session_id(text: &str) -> Result<SessionId, String> {
    SessionId::parse(text)
        .ok_or_else(|| "not the id of a session: that is 32 digits, as `portero user sessions` shows it".to_owned())
}

pub(super) async fn list(tool: &Tool, named: &TypedRef<PersonId>) -> anyhow::Result<()> {
    let mut conn = tool.app.db.read().await?;
    let person = named.find(&mut conn).await?.id;
    let mut all = List::begin(tool.output);
    let mut next = Some(Older::newest());
    while let Some(part) = next {
        let mut sessions = sessions::sessions(&mut conn, &tool.app, person, None, &part).await?;
        next = part.next(&mut sessions, ListedSession::key);
        all.add(&sessions)?;
    }
    all.end()
}

pub(super) async fn end(tool: &Tool, named: &TypedRef<PersonId>, session: Option<&SessionId>) -> anyhow::Result<()> {
    let mut tx = tool.begin().await?;
    let person = named.find(&mut tx).await?;
    let who = format!("{} (id {})", person.username, person.id);
    let ended = match session {
        None => sessions::end_all(&mut tx, person.id, None).await?,
        Some(id) if sessions::end_one(&mut tx, person.id, id).await? => 1,
        Some(id) => bail!(
            "{who} has no session `{}`; it may have ended: `portero user sessions {}` shows all",
            id.as_str(),
            person.username
        ),
    };
    tx.commit([]).await?;
    let said = match ended {
        0 => format!("Nothing to do: {who} has no session."),
        ended => format!("{who}: {}.", count(ended, "session has ended", "sessions have ended")),
    };
    tool.output.done(&json!({ "id": person.id, "username": person.username, "revoked_tokens": ended }), said)
}
