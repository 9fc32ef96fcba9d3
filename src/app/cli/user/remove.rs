//! `portero user remove`.

use serde_json::json;

use crate::app::cli::admin::keep_an_administrator;
use crate::app::cli::named::Named;
use crate::app::cli::output::count;
use crate::app::cli::tool::Tool;
use crate::base::id::PersonId;
use crate::gate::audit::{Action, Event};
use crate::gate::sessions;
use crate::identity::people;

pub(super) async fn run(tool: &Tool, named: &Named<PersonId>) -> anyhow::Result<()> {
    let mut tx = tool.begin().await?;
    let person = named.find(&mut tx).await?;
    let record = people::store::record(&mut tx, person.id).await?;
    let ended = keep_an_administrator(&mut tx, person.id, async |conn| {
        people::store::lock(&mut *conn, person.id).await?;
        let ended = sessions::store::revoke_all(conn, person.id, None).await?;
        people::store::remove(conn, person.id).await?;
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
