//! `portero user disable` and `portero user enable`.

use serde_json::json;

use crate::app::cli::tool::Tool;
use crate::app::cli::typed_ref::TypedRef;
use crate::base::id::PersonId;
use crate::identity::people;

pub(super) async fn disable(tool: &Tool, named: &TypedRef<PersonId>) -> anyhow::Result<()> {
    let mut tx = tool.begin().await?;
    let person = named.find(&mut tx).await?;
    let changed = people::disable(&mut tx, person.id).await?;
    let details = people::store::details(&mut tx, person.id).await?;
    tx.commit([]).await?;
    let mut answer = json!(details);
    answer["changed"] = json!(changed);
    let who = format!("{} (id {})", person.username, person.id);
    let said = if changed {
        format!("{who} can't log in any more; their sessions have ended.")
    } else {
        format!("Nothing to do: {who} was disabled already.")
    };
    tool.output.done(&answer, said)
}

pub(super) async fn enable(tool: &Tool, named: &TypedRef<PersonId>) -> anyhow::Result<()> {
    let mut tx = tool.begin().await?;
    let person = named.find(&mut tx).await?;
    let changed = people::enable(&mut tx, person.id).await?;
    let details = people::store::details(&mut tx, person.id).await?;
    tx.commit([]).await?;
    let mut answer = json!(details);
    answer["changed"] = json!(changed);
    let already = if changed { "" } else { " already" };
    tool.output.done(&answer, format_args!("{} (id {}) can log in{already}.", person.username, person.id))
}
