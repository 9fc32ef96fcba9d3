//! `portero user send-reset`.

use serde_json::json;

use crate::app::cli::tool::Tool;
use crate::app::cli::typed_ref::TypedRef;
use crate::base::id::PersonId;
use crate::identity::accounts;

pub(super) async fn run(tool: &Tool, named: &TypedRef<PersonId>) -> anyhow::Result<()> {
    let mut tx = tool.begin().await?;
    let person = named.find(&mut tx).await?;
    crate::gate::store::people::lock(&mut tx, person.id).await?;
    accounts::queue_reset(&mut tx, &tool.app, person.id, None).await?;
    tx.commit([]).await?;
    tool.output.done(
        &json!({ "id": person.id, "username": person.username, "queued": true }),
        format_args!("The server sends {} (id {}) a mail to set a new password.", person.username, person.id),
    )
}
