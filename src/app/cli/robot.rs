//! `portero robot`: people of programs, without a way to log in.

use anyhow::Context;
use clap::Subcommand;
use serde_json::json;

use super::by_option::by_option;
use super::output::{Row, or_dash};
use super::tool::{Tool, list_all};
use super::typed_ref::TypedRef;
use super::user::moment;
use crate::base::id::PersonId;
use crate::base::person::{PersonName, Username};
use crate::identity::robots::{Robot, create, pass_on, store};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Register a robot. Give it roles with `portero grant`, and keys with `portero key`.
    Add {
        /// How it is called where people have usernames.
        username: Username,
        /// Whose it is: id or username of a person.
        #[arg(long)]
        owner: TypedRef<PersonId>,
        /// Its name; the username by default.
        #[arg(long)]
        name: Option<PersonName>,
    },
    /// List robots.
    List {
        /// Only those of this person: id or username.
        #[arg(long)]
        owner: Option<TypedRef<PersonId>>,
        /// Only usernames or names that start with this.
        #[arg(long, value_name = "TEXT")]
        beginning: Option<String>,
    },
    /// Give a robot another owner. Its keys stand.
    PassOn {
        /// Id or username of the robot.
        robot: TypedRef<PersonId>,
        /// Id or username of the new owner.
        owner: TypedRef<PersonId>,
    },
}

impl Row for Robot {
    const HEADER: &'static [&'static str] = &["id", "username", "name", "owner", "made", "disabled"];

    fn cells(&self) -> Vec<String> {
        let (made, disabled) = (moment(self.created_at), or_dash(self.disabled_at.map(moment)));
        vec![self.id.to_string(), self.username.clone(), self.name.clone(), self.owner_username.clone(), made, disabled]
    }
}

pub(super) async fn run(command: Command, tool: &Tool) -> anyhow::Result<()> {
    match command {
        Command::Add { username, owner, name } => {
            let mut tx = tool.begin().await?;
            let owner = owner.find(&mut tx).await.context("`--owner`")?;
            let robot = create(&mut tx, &username, name.as_ref(), owner.id).await;
            let robot = robot.map_err(|error| by_option(error, &[("not_an_owner", "--owner")]))?;
            tx.commit([]).await?;
            let sentence = format!("Registered robot {} (id {}) of {}.", robot.username, robot.id, owner.username);
            tool.output.done(&json!(robot), sentence)
        }
        Command::List { owner, beginning } => {
            let mut conn = tool.app.db.read().await?;
            let owner = match &owner {
                Some(owner) => Some(owner.find(&mut conn).await.context("`--owner`")?.id),
                None => None,
            };
            let list = async |page: &_| store::list(&mut conn, owner, page).await;
            list_all(tool.output, beginning, |robot: &Robot| robot.id.0, list).await
        }
        Command::PassOn { robot, owner } => {
            let mut tx = tool.begin().await?;
            let (robot, owner) = (robot.find(&mut tx).await?, owner.find(&mut tx).await?);
            let changed = pass_on(&mut tx, robot.id, owner.id).await?;
            tx.commit([]).await?;
            let said = if changed {
                format!("{} is {}'s now.", robot.username, owner.username)
            } else {
                format!("Nothing to do: {} is {}'s already.", robot.username, owner.username)
            };
            tool.output.done(&json!({ "id": robot.id, "owner_id": owner.id }), said)
        }
    }
}
