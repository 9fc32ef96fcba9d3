//! `portero admin`: who may do everything, everywhere. Needs no token: whoever reaches the database may do this anyway.

use anyhow::bail;
use clap::Subcommand;
use serde_json::json;

use super::ask::NewPassword;
use super::output::remark;
use super::tool::Tool;
use super::typed_ref::TypedRef;
use super::user;
use crate::access::administrators::{make_administrator, register_administrator};
use crate::access::grants::{Grantable, Taken, take};
use crate::base::error::Error;
use crate::base::id::{PersonId, Ref, RoleId, ServiceId};
use crate::base::person::{Person, PersonName, Username};
use crate::gate;
use crate::gate::store::administrators;
use crate::identity::people;
use crate::platform::shares::Asker;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a person an administrator; registers them if they are new.
    Add {
        /// Their username, or the id of a registered person.
        person: TypedRef<PersonId>,
        /// The name of a new person.
        #[arg(long, default_value = "Administrator")]
        name: PersonName,
        #[command(flatten)]
        password: NewPassword,
    },
    /// Remove an administrator. The last one cannot be removed.
    Remove {
        /// Id or username.
        person: TypedRef<PersonId>,
    },
    /// List administrators who can log in.
    List,
    /// Set a person's password and end all their sessions.
    ResetPassword {
        /// Id or username. They need not be an administrator.
        person: TypedRef<PersonId>,
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

async fn add(tool: &Tool, named: &TypedRef<PersonId>, name: &PersonName, password: &NewPassword) -> anyhow::Result<()> {
    let mut conn = tool.app.db.read().await?;
    if let Some(person) = gate::store::people::find(&mut conn, &named.row).await? {
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
    let given = make_administrator(&mut tx, person.id).await?;
    let details = people::store::details(&mut tx, person.id).await?;
    for notice in given.notices {
        remark(&notice.detail);
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

async fn remove(tool: &Tool, named: &TypedRef<PersonId>) -> anyhow::Result<()> {
    let mut tx = tool.begin().await?;
    let person = named.find(&mut tx).await?;
    let role = Grantable::Role(RoleId::ADMINISTRATOR);
    let Taken { was_held, .. } = take(&mut tx, (person.id, ServiceId::PORTERO, role)).await?;
    tx.commit([]).await?;
    let mut answer = json!(person);
    answer["revoked"] = json!(was_held);
    if !was_held {
        let said =
            format!("Nothing to do: {} is not an administrator; `portero admin list` shows who is.", person.username);
        return tool.output.done(&answer, said);
    }
    tool.output.done(&answer, format_args!("{} (id {}) is no longer an administrator.", person.username, person.id))
}

async fn list(tool: &Tool) -> anyhow::Result<()> {
    let people = administrators(&mut *tool.app.db.read().await?, tool.app.clock.now()).await?;
    if people.is_empty() {
        remark("there is no administrator who can log in: `portero admin add <username>` makes one");
    }
    tool.output.list(&people)
}
