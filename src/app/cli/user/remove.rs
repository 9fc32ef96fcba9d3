//! `portero user remove`.

use serde_json::json;

use crate::app::cli::output::count;
use crate::app::cli::tool::Tool;
use crate::app::cli::typed_ref::TypedRef;
use crate::base::id::{Id, PersonId};
use crate::identity::people::{self, Removed};

pub(super) async fn run(tool: &Tool, named: &TypedRef<PersonId>) -> anyhow::Result<()> {
    let mut tx = tool.begin().await?;
    let person = named.find(&mut tx).await?;
    let Removed::All { ended } = people::remove(&mut tx, &[person.id], None).await? else {
        return Err(PersonId::not_found().into());
    };
    tx.commit([]).await?;
    let sessions = count(ended, "session has ended", "sessions have ended");
    tool.output.done(
        &json!({ "id": person.id, "username": person.username, "revoked_tokens": ended }),
        format_args!("Removed {} (id {}); {sessions}.", person.username, person.id),
    )
}
