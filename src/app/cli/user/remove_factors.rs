//! `portero user remove-factors`.

use serde_json::json;

use crate::app::cli::output::count;
use crate::app::cli::tool::Tool;
use crate::app::cli::typed_ref::TypedRef;
use crate::base::id::PersonId;
use crate::identity::factors;

pub(super) async fn run(tool: &Tool, named: &TypedRef<PersonId>) -> anyhow::Result<()> {
    let mut tx = tool.begin().await?;
    let person = named.find(&mut tx).await?;
    let removed = factors::remove_all(&mut tx, &tool.app, person.id).await?;
    tx.commit([]).await?;
    let said = count(removed, "second factor was", "second factors were");
    tool.output.done(
        &json!({ "id": person.id, "username": person.username, "removed": removed }),
        format_args!("{said} removed from {} (id {}).", person.username, person.id),
    )
}
