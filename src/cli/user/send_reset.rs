//! `portero user send-reset`.

use serde_json::json;

use crate::accounts;
use crate::cli::named::Named;
use crate::cli::tool::Tool;
use crate::users::PersonId;

pub(super) async fn run(tool: &Tool, named: &Named<PersonId>) -> anyhow::Result<()> {
    let mut tx = tool.begin().await?;
    let person = named.find(&mut tx).await?;
    crate::users::store::lock(&mut tx, person.id).await?;
    accounts::queue_reset(&mut tx, &tool.app, person.id, None).await?;
    tx.commit([]).await?;
    tool.output.done(
        &json!({ "id": person.id, "username": person.username, "queued": true }),
        format_args!("The server sends {} (id {}) a mail to set a new password.", person.username, person.id),
    )
}
