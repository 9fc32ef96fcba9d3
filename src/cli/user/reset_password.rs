//! `portero user reset-password`, and `portero admin reset-password`.

use serde_json::json;

use super::shown_once;
use crate::cli::ask::NewPassword;
use crate::cli::named::Named;
use crate::cli::output::{count, remark};
use crate::cli::tool::Tool;
use crate::shares::Asker;
use crate::users::{self, PersonChange, PersonId, Wanted};

pub(in crate::cli) async fn run(tool: &Tool, named: &Named<PersonId>, password: &NewPassword) -> anyhow::Result<()> {
    let person = named.find(&mut *tool.app.db.read().await?).await?;
    let chosen = password.get(tool.app.config.passwords, &[person.username.as_str(), person.name.as_str()])?;
    let shown = chosen.to_show();
    let hash = tool.app.hasher.hash(&Asker::ourselves("command line"), chosen.password).await?;
    let mut tx = tool.begin().await?;
    users::store::lock(&mut tx, person.id).await?;
    let change = PersonChange::default();
    let wanted = Wanted { change: &change, password_hash: Some(&hash), giver: None, kept: None, language: None };
    let ended = users::change(&mut tx, &tool.app, person.id, &wanted).await?.ended;
    let details = users::store::details(&mut tx, person.id).await?;
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
