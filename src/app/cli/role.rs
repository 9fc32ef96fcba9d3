//! `portero role`: sets of permissions.

use clap::Subcommand;
use serde_json::json;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::name_and_description::NameAndDescription;
use super::output::{Row, or_dash, remark, taken};
use super::tool::{Tool, everything, list_all};
use super::typed_ref::TypedRef;
use crate::access::grants;
use crate::access::permissions::Permission;
use crate::access::roles::{self, NewRole, Role, RoleChange, RoleName, events, store};
use crate::base::error::{Error, Result};
use crate::base::id::{PermissionId, RoleId, ServiceId};
use crate::base::names::Description;
use crate::gate::audit::AuditedTx;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create a role (does nothing if it exists).
    Add {
        /// Its name.
        name: RoleName,
        /// What it is for, in one line.
        #[arg(long)]
        description: Option<Description>,
        /// A permission that it carries: id or name. May be repeated.
        #[arg(long, allow_negative_numbers = true)]
        permission: Vec<TypedRef<PermissionId>>,
        /// A service that offers it: id or name. May be repeated.
        #[arg(long)]
        service: Vec<TypedRef<ServiceId>>,
    },
    /// List roles. `--service 0` lists Portero's own.
    List {
        /// Only names that start with this.
        #[arg(long, value_name = "TEXT")]
        beginning: Option<String>,
        /// Only roles that this service offers: id or name.
        #[arg(long)]
        service: Option<TypedRef<ServiceId>>,
    },
    /// Change a role's name or description.
    Change {
        /// Id or name.
        #[arg(allow_negative_numbers = true)]
        role: TypedRef<RoleId>,
        #[command(flatten)]
        new: NameAndDescription<RoleName>,
    },
    /// Remove a role. Everybody loses it, in every service.
    Remove {
        /// Id or name.
        #[arg(allow_negative_numbers = true)]
        role: TypedRef<RoleId>,
    },
    /// Add permissions to a role.
    AddPermission(Carried),
    /// Remove permissions from a role.
    RemovePermission(Carried),
}

#[derive(Debug, clap::Args)]
pub(super) struct Carried {
    /// Id or name.
    #[arg(allow_negative_numbers = true)]
    role: TypedRef<RoleId>,
    /// Ids or names.
    #[arg(required = true, allow_negative_numbers = true)]
    permissions: Vec<TypedRef<PermissionId>>,
}

impl Row for Role {
    const HEADER: &'static [&'static str] = &["id", "name", "description"];

    fn cells(&self) -> Vec<String> {
        vec![self.id.to_string(), self.name.clone(), or_dash(self.description.as_ref())]
    }
}

pub(super) async fn run(command: Command, tool: &Tool) -> anyhow::Result<()> {
    match command {
        Command::Add { name, description, permission, service } => {
            add(tool, &NewRole { name, description }, &permission, &service).await
        }
        Command::List { beginning, service } => list(tool, beginning, service).await,
        Command::Change { role, new } => {
            let mut tx = tool.begin().await?;
            let id = changeable(&mut tx, &role).await?;
            let before = store::get(&mut tx, id).await?;
            let (name, description) = new.split();
            let role = roles::change(&mut tx, before, &RoleChange { name, description }).await?;
            tx.commit([]).await?;
            tool.output.done(&role, format_args!("Changed role {id} `{}`.", role.name))
        }
        Command::Remove { role } => {
            let mut tx = tool.begin().await?;
            let id = changeable(&mut tx, &role).await?;
            let role = store::get(&mut tx, id).await?;
            roles::remove(&mut tx, &role).await?;
            tx.commit([]).await?;
            tool.output.done(&role, format_args!("Removed role {id} `{}`.", role.name))
        }
        Command::AddPermission(carried) => change(tool, &carried, true).await,
        Command::RemovePermission(carried) => change(tool, &carried, false).await,
    }
}

async fn add(
    tool: &Tool,
    new: &NewRole,
    permissions: &[TypedRef<PermissionId>],
    services: &[TypedRef<ServiceId>],
) -> anyhow::Result<()> {
    let mut tx = tool.begin().await?;
    let made = roles::create(&mut tx, new).await?;
    let role = made.get();
    if !permissions.is_empty() {
        role.id.must_not_be_built_in()?;
    }
    let mut notices = Vec::new();
    for permission in permissions {
        let permission = permission.find(&mut tx).await?;
        carry(&mut tx, role.id, permission, &mut notices).await?;
    }
    for service in services {
        let service = service.find(&mut tx).await?;
        grants::offer(&mut tx, service, role.id).await?;
    }
    let carried = carried(&mut tx, role.id, tool.app.clock.now()).await?;
    tx.commit([]).await?;
    for notice in notices {
        remark(&notice);
    }
    let did = if made.is_new() { "Created" } else { "Already exists:" };
    tool.output.done(
        &json!({ "id": role.id, "name": role.name, "description": role.description, "permissions": carried }),
        format_args!("{did} role {} `{}`; it carries: {}.", role.id, role.name, names(&carried)),
    )
}

async fn list(tool: &Tool, beginning: Option<String>, service: Option<TypedRef<ServiceId>>) -> anyhow::Result<()> {
    let mut conn = tool.app.db.read().await?;
    let service = match service {
        Some(service) => Some(service.find(&mut conn).await?),
        None => None,
    };
    let list = async |page: &_| match service {
        Some(service) => grants::store::offered(&mut conn, service, page).await,
        None => store::list(&mut conn, page).await,
    };
    list_all(tool.output, beginning, |role: &Role| role.id.0, list).await
}

async fn change(tool: &Tool, change: &Carried, add: bool) -> anyhow::Result<()> {
    let mut tx = tool.begin().await?;
    let role = changeable(&mut tx, &change.role).await?;
    let now = tx.by().now;
    let (mut revoked, mut missing, mut notices) = (false, Vec::new(), Vec::new());
    for named in &change.permissions {
        let permission = if add { named.find(&mut tx).await? } else { named.find_one(&mut tx).await? };
        if add {
            carry(&mut tx, role, permission, &mut notices).await?;
        } else if store::remove_permission(&mut tx, role, permission).await? {
            revoked = true;
            tx.tell(events::lost(role, permission));
        } else {
            missing.push(named.text.as_str());
        }
    }
    let carried = carried(&mut tx, role, now).await?;
    tx.commit([]).await?;
    for notice in notices {
        remark(&notice);
    }
    let now = format!("Role {role} carries: {}.", names(&carried));
    if add {
        return tool.output.done(&json!({ "role_id": role, "permissions": carried }), now);
    }
    let answer = json!({ "role_id": role, "permissions": carried, "revoked": revoked });
    tool.output.done(&answer, format_args!("{}{now}", taken(revoked, "It did not carry", &missing)))
}

/// Lets a role carry a permission; keeps what is to be known of those who hold the role.
async fn carry(
    tx: &mut AuditedTx,
    role: RoleId,
    permission: PermissionId,
    notices: &mut Vec<String>,
) -> anyhow::Result<()> {
    if store::add_permission(tx, role, permission).await? {
        tx.tell(events::carries(role, permission));
        let now = tx.by().now;
        let new = grants::notices_of_holders(tx, role, permission, now).await?;
        for notice in new {
            if !notices.contains(&notice.detail) {
                notices.push(notice.detail);
            }
        }
    }
    Ok(())
}

async fn carried(conn: &mut PgConnection, role: RoleId, now: OffsetDateTime) -> Result<Vec<Permission>> {
    let list = async |page: &_| store::permissions(conn, role, page, now).await;
    everything(|permission: &Permission| permission.id.0, list).await
}

fn names(permissions: &[Permission]) -> String {
    let names: Vec<&str> = permissions.iter().map(|permission| permission.name.as_str()).collect();
    if names.is_empty() { "no permission".to_owned() } else { names.join(", ") }
}

/// The role that somebody named, unless it is Portero's own or a direct grant's.
async fn changeable(conn: &mut PgConnection, role: &TypedRef<RoleId>) -> anyhow::Result<RoleId> {
    let id = role.find_one(conn).await?;
    id.must_not_be_built_in()?;
    store::lock(conn, id).await?.map_err(Error::from)?;
    Ok(id)
}
