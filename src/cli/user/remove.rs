//! `portero user remove`.

use serde_json::json;

use crate::audit::{Action, Event};
use crate::cli::admin::keep_an_administrator;
use crate::cli::named::Named;
use crate::cli::output::count;
use crate::cli::tool::Tool;
use crate::tokens;
use crate::users::{self, PersonId};

pub(super) async fn run(tool: &Tool, named: &Named<PersonId>) -> anyhow::Result<()> {
    let mut tx = tool.begin().await?;
    let person = named.find(&mut tx).await?;
    let record = users::store::record(&mut tx, person.id).await?;
    let ended = keep_an_administrator(&mut tx, person.id, async |conn| {
        users::store::lock(&mut *conn, person.id).await?;
        let ended = tokens::store::revoke_all(conn, person.id, None).await?;
        users::store::remove(conn, person.id).await?;
        Ok(ended)
    })
    .await?;
    tx.commit([Event::new(Action::UserDeleted).about(person.id).before(record)]).await?;
    let sessions = count(ended, "session has ended", "sessions have ended");
    tool.output.done(
        &json!({ "id": person.id, "username": person.username, "revoked_tokens": ended }),
        format_args!("Removed {} (id {}); {sessions}.", person.username, person.id),
    )
}
