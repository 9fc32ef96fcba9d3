//! `portero permission`.

use clap::Subcommand;

use super::name_and_description::NameAndDescription;
use super::output::{Row, or_dash};
use super::tool::{Tool, list_all};
use super::typed_ref::TypedRef;
use crate::access::permissions::{self, NewPermission, Permission, PermissionChange, PermissionName, store};
use crate::access::roles;
use crate::base::id::{PermissionId, RoleId};
use crate::base::names::Description;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create a permission (does nothing if it exists).
    Add {
        /// Its name.
        name: PermissionName,
        /// What it allows, in one line.
        #[arg(long)]
        description: Option<Description>,
    },
    /// List permissions. `--role Administrator` lists Portero's own.
    List {
        /// Only names that start with this.
        #[arg(long, value_name = "TEXT")]
        beginning: Option<String>,
        /// Only permissions in this role: id or name.
        #[arg(long, allow_negative_numbers = true)]
        role: Option<TypedRef<RoleId>>,
    },
    /// Change a permission's name or description.
    Change {
        /// Id or name.
        #[arg(allow_negative_numbers = true)]
        permission: TypedRef<PermissionId>,
        #[command(flatten)]
        new: NameAndDescription<PermissionName>,
    },
    /// Remove a permission. Every role and everybody who holds it loses it.
    Remove {
        /// Id or name.
        #[arg(allow_negative_numbers = true)]
        permission: TypedRef<PermissionId>,
    },
}

impl Row for Permission {
    const HEADER: &'static [&'static str] = &["id", "name", "description"];

    fn cells(&self) -> Vec<String> {
        vec![self.id.to_string(), self.name.clone(), or_dash(self.description.as_ref())]
    }
}

pub(super) async fn run(command: Command, tool: &Tool) -> anyhow::Result<()> {
    let mut tx = tool.begin().await?;
    match command {
        Command::Add { name, description } => {
            let made = permissions::create(&mut tx, &NewPermission { name, description }).await?;
            let permission = made.get();
            tx.commit([]).await?;
            let did = if made.is_new() { "Created" } else { "Already exists:" };
            tool.output.done(permission, format_args!("{did} permission {} `{}`.", permission.id, permission.name))
        }
        Command::List { beginning, role } => {
            let role = match role {
                Some(role) => Some(role.find(&mut tx).await?),
                None => None,
            };
            let list = async |page: &_| match role {
                Some(role) => roles::store::permissions(&mut tx, role, page, tool.app.clock.now()).await,
                None => store::list(&mut tx, page).await,
            };
            list_all(tool.output, beginning, |permission: &Permission| permission.id.0, list).await
        }
        Command::Change { permission, new } => {
            let id = permission.find_one(&mut tx).await?;
            id.must_not_be_built_in()?;
            let before = store::lock(&mut tx, id).await?;
            let (name, description) = new.split();
            let permission = permissions::change(&mut tx, before, &PermissionChange { name, description }).await?;
            tx.commit([]).await?;
            tool.output.done(&permission, format_args!("Changed permission {id} `{}`.", permission.name))
        }
        Command::Remove { permission } => {
            let id = permission.find_one(&mut tx).await?;
            id.must_not_be_built_in()?;
            let permission = store::get(&mut tx, id).await?;
            permissions::remove(&mut tx, &permission).await?;
            tx.commit([]).await?;
            tool.output.done(&permission, format_args!("Removed permission {id} `{}`.", permission.name))
        }
    }
}
