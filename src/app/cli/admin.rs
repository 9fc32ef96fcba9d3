//! `portero admin`: who may do everything, everywhere. Needs no token: whoever reaches the database may do this anyway.

use anyhow::bail;
use clap::Subcommand;
use serde_json::json;
use sqlx::PgConnection;

use super::ask::NewPassword;
use super::grant::planted_by_others;
use super::named::Named;
use super::output::remark;
use super::tool::Tool;
use super::user;
use crate::access::administrators::{make_administrator, register_administrator};
use crate::access::grants::{self, What, told};
use crate::base::error::Error;
use crate::base::id::{PersonId, Ref, RoleId, ServiceId};
use crate::base::person::{Person, PersonName, Username};
use crate::gate::store::{
    administrators, lasting_administrators, must_keep_an_administrator, queue_for_administrators,
};
use crate::identity::people;
use crate::platform::shares::Asker;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a person an administrator; registers them if they are new.
    Add {
        /// Their username, or the id of a registered person.
        person: Named<PersonId>,
        /// The name of a new person.
        #[arg(long, default_value = "Administrator")]
        name: PersonName,
        #[command(flatten)]
        password: NewPassword,
    },
    /// Remove an administrator. The last one cannot be removed.
    Remove {
        /// Id or username.
        person: Named<PersonId>,
    },
    /// List administrators who can log in.
    List,
    /// Set a person's password and end all their sessions.
    ResetPassword {
        /// Id or username. They need not be an administrator.
        person: Named<PersonId>,
        #[command(flatten)]
        password: NewPassword,
    },
}

pub(super) async fn run(command: Command, tool: &Tool) -> anyhow::Result<()> {
    match command {
        Command::Add { person, name, password } => add(tool, &person, &name, &password).await,
        Command::Remove { person } => remove(tool, &person).await,
        Command::List => list(tool).await,
        Command::ResetPassword { person, password } => user::reset_password(tool, &person, &password).await,
    }
}

async fn add(tool: &Tool, named: &Named<PersonId>, name: &PersonName, password: &NewPassword) -> anyhow::Result<()> {
    let mut conn = tool.app.db.read().await?;
    if let Some(person) = people::store::find(&mut conn, &named.row).await? {
        if password.random_password {
            let username = person.username;
            bail!(
                "{username} is registered and keeps their password: leave out `--random-password`, \
                   or make a new one with `portero admin reset-password {username} --random-password`"
            );
        }
        return promote(tool, &person).await;
    }
    let Ref::Name(username) = &named.row else {
        bail!("there is no user with the id `{}`; to make one, give a username", named.text);
    };
    let username: Username = username.parse().map_err(|fault| anyhow::anyhow!("username: {fault}"))?;
    // Nothing is held while somebody types.
    drop(conn);
    let chosen = password.get(tool.app.config.passwords, &[username.as_str(), name.as_str()])?;
    let shown = chosen.to_show();
    let hash = tool.app.hasher.hash(&Asker::ourselves("command line"), chosen.password).await?;
    let mut tx = tool.begin().await?;
    let person = register_administrator(&mut tx, &username, name, &hash).await?.map_err(Error::from)?;
    tx.commit([]).await?;

    let made = json!({
        "id": person.id, "username": person.username, "name": person.name, "created": true,
        "password": shown.as_ref().map(|password| password.as_str()),
    });
    let mut said = format!("Registered {} (id {}), who is an administrator.", person.username, person.id);
    if let Some(password) = shown {
        said.push_str(&user::shown_once(&password));
    }
    tool.output.done(&made, said)
}

async fn promote(tool: &Tool, person: &Person) -> anyhow::Result<()> {
    let mut tx = tool.begin().await?;
    make_administrator(&mut tx, person.id).await?;
    let details = people::store::details(&mut tx, person.id).await?;
    let given = (person.id, ServiceId::PORTERO, What::Role(RoleId::ADMINISTRATOR));
    let now = tx.by().now;
    for notice in planted_by_others(&mut tx, given, now).await? {
        remark(&notice);
    }
    tx.commit([]).await?;
    if details.disabled_at.is_some() {
        remark(&format!("{0} is disabled and can't log in: `portero user enable {0}`", person.username));
    }
    let made = json!({
        "id": person.id, "username": person.username, "name": person.name, "created": false, "password": null,
    });
    tool.output.done(&made, format_args!("{} (id {}) is an administrator.", person.username, person.id))
}

async fn remove(tool: &Tool, named: &Named<PersonId>) -> anyhow::Result<()> {
    let mut tx = tool.begin().await?;
    let person = named.find(&mut tx).await?;
    let now = tx.by().now;
    let revoked = keep_an_administrator(&mut tx, person.id, async |conn| {
        grants::store::revoke(conn, person.id, ServiceId::PORTERO, RoleId::ADMINISTRATOR, now).await
    })
    .await?;
    let mut answer = json!(person);
    answer["revoked"] = json!(revoked.is_some());
    let Some(before) = revoked else {
        let said =
            format!("Nothing to do: {} is no administrator; `portero admin list` shows who is.", person.username);
        return tool.output.done(&answer, said);
    };
    tx.commit([told::revoked(person.id, ServiceId::PORTERO, RoleId::ADMINISTRATOR, &before)]).await?;
    tool.output.done(&answer, format_args!("{} (id {}) is no longer an administrator.", person.username, person.id))
}

/// Does what may cost Portero the administrator `person`, unless they are the last one who stays. Where they are none, nothing is
/// asked: a database without any administrator can be tidied, too.
pub(super) async fn keep_an_administrator<T>(
    conn: &mut PgConnection,
    person: PersonId,
    act: impl AsyncFnOnce(&mut PgConnection) -> crate::base::error::Result<T>,
) -> crate::base::error::Result<T> {
    queue_for_administrators(conn).await?;
    let concerned = lasting_administrators(conn).await?.iter().any(|administrator| administrator.id == person);
    let done = act(conn).await?;
    if concerned {
        must_keep_an_administrator(conn).await?;
    }
    Ok(done)
}

async fn list(tool: &Tool) -> anyhow::Result<()> {
    let people = administrators(&mut *tool.app.db.read().await?, tool.app.clock.now()).await?;
    if people.is_empty() {
        remark("there is no administrator who can log in: `portero admin add <username>` makes one");
    }
    tool.output.list(&people)
}
