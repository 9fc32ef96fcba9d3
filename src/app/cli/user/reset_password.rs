//! `portero user reset-password`, and `portero admin reset-password`.

use serde_json::json;

use super::shown_once;
use crate::app::cli::ask::NewPassword;
use crate::app::cli::output::{count, remark};
use crate::app::cli::tool::Tool;
use crate::app::cli::typed_ref::TypedRef;
use crate::base::id::{Id, PersonId};
use crate::identity::people::{self, ChosenBy};
use crate::platform::shares::Asker;

pub(in crate::app::cli) async fn run(
    tool: &Tool,
    named: &TypedRef<PersonId>,
    password: &NewPassword,
) -> anyhow::Result<()> {
    let person = named.find(&mut *tool.app.db.read().await?).await?;
    let chosen = password.get(tool.app.config.passwords, &[person.username.as_str(), person.name.as_str()])?;
    let shown = chosen.to_show();
    let hash = tool.app.hasher.hash(&Asker::ourselves("command line"), chosen.password).await?;
    let mut tx = tool.begin().await?;
    let ended = people::set_password(&mut tx, &tool.app, person.id, &hash, ChosenBy::CommandLine, None).await?;
    let ended = ended.ok_or_else(PersonId::not_found)?;
    let details = people::store::details(&mut tx, person.id).await?;
    tx.commit([]).await?;

    if details.disabled_at.is_some() {
        remark(&format!("{0} is disabled and can't log in: `portero user enable {0}`", person.username));
    }
    let done = json!({
        "id": person.id, "username": person.username, "revoked_tokens": ended,
        "password": shown.as_ref().map(|password| password.as_str()),
    });
    let sessions = count(ended, "session has ended", "sessions have ended");
    let mut said = format!("{} (id {}) has a new password; {sessions}.", person.username, person.id);
    if let Some(password) = shown {
        said.push_str(&shown_once(&password));
    }
    tool.output.done(&done, said)
}
