//! `portero grant`: who holds what where.

use axum::http::StatusCode;
use clap::{ArgGroup, Subcommand};
use serde_json::json;
use sqlx::PgConnection;

use super::admin::keep_an_administrator;
use super::named::Named;
use super::output::{List, Row, count};
use super::tool::Tool;
use crate::access::store::queue_for_administrators;
use crate::grants::store::LastGrant;
use crate::grants::{Held, store, told};
use crate::permissions::PermissionId;
use crate::roles::{self, RoleId};
use crate::services::ServiceId;
use crate::users::{self, PersonId};

/// How many grants are read at a time.
const PAGE: i64 = 1000;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Give a person a role in a service, which offers it from then on; or single permissions.
    #[command(override_usage = "portero grant add <PERSON> <SERVICE> <ROLE | --permission <PERMISSION>>")]
    Add(Grant),
    /// Take a role, or single permissions that were given directly, from a person in a service.
    #[command(override_usage = "portero grant remove <PERSON> <SERVICE> <ROLE | --permission <PERMISSION>>")]
    Remove(Grant),
    /// List who holds what: of everybody or of one person, everywhere or in one service.
    List {
        /// Id or username.
        person: Option<Named<PersonId>>,
        /// Id or name.
        #[arg(long)]
        service: Option<Named<ServiceId>>,
    },
}

#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("what").required(true))]
pub(super) struct Grant {
    /// Id or username.
    person: Named<PersonId>,
    /// Id or name; 0 is Portero itself.
    service: Named<ServiceId>,
    /// Id or name.
    #[arg(allow_negative_numbers = true, group = "what")]
    role: Option<Named<RoleId>>,
    /// Instead of a role: a permission's id or name; may be repeated.
    #[arg(long, allow_negative_numbers = true, group = "what")]
    permission: Vec<Named<PermissionId>>,
}

impl Row for Held {
    const HEADER: &'static [&'static str] = &["person", "service", "role", "permissions"];

    fn cells(&self) -> Vec<String> {
        vec![
            format!("{} ({})", self.username, self.person_id),
            format!("{} ({})", self.service, self.service_id),
            if self.direct { "directly".to_owned() } else { format!("{} ({})", self.role, self.role_id) },
            self.permissions.join(", "),
        ]
    }
}

pub(super) async fn run(command: Command, tool: &Tool) -> anyhow::Result<()> {
    match command {
        Command::Add(grant) => change(tool, &grant, true).await,
        Command::Remove(grant) => change(tool, &grant, false).await,
        Command::List { person, service } => {
            let mut conn = tool.app.db.read().await?;
            let person = match person {
                Some(person) => Some(person.find(&mut conn).await?.id),
                None => None,
            };
            let service = match service {
                Some(service) => Some(service.find(&mut conn).await?),
                None => None,
            };
            let mut all = List::begin(tool.output);
            each_page(&mut conn, person, service, |page| all.add(page)).await?;
            all.end()
        }
    }
}

async fn change(tool: &Tool, grant: &Grant, give: bool) -> anyhow::Result<()> {
    let mut tx = tool.begin().await?;
    let person = grant.person.find(&mut tx).await?;
    let service = grant.service.find(&mut tx).await?;
    if let Some(role) = &grant.role {
        let role = role.find(&mut tx).await?;
        // In the order of `access`, so that nobody waits in a circle.
        if (service, role) == (ServiceId::PORTERO, RoleId::ADMINISTRATOR) {
            queue_for_administrators(&mut tx).await?;
        }
        users::store::lock(&mut tx, person.id).await?;
        roles::store::hold(&mut tx, role).await.map_err(|error| match error.status() {
            StatusCode::CONFLICT => direct_role(),
            _ => error.into(),
        })?;
        if give {
            if store::grant(&mut tx, person.id, service, role).await? {
                tx.tell(told::granted(person.id, service, role));
            }
        } else {
            let revoke = async |conn: &mut _| store::revoke(conn, person.id, service, role).await;
            if keep_an_administrator(&mut tx, person.id, revoke).await? {
                tx.tell(told::revoked(person.id, service, role));
            }
        }
    }
    for permission in &grant.permission {
        let permission = permission.find(&mut tx).await?;
        if give {
            if store::grant_direct(&mut tx, person.id, service, permission).await?.1 {
                tx.tell(told::directly_granted(person.id, service, permission));
            }
        } else if store::revoke_direct(&mut tx, person.id, service, permission).await?.1 {
            tx.tell(told::directly_revoked(person.id, service, permission));
        }
    }
    let held = all_grants(&mut tx, person.id, Some(service)).await?;
    tx.commit([]).await?;
    let holds = count(held.len() as u64, "grant", "grants");
    tool.output.done(
        &json!({ "person_id": person.id, "service_id": service, "grants": held }),
        format_args!("Done. {} (id {}) has {holds} in service {service} now.", person.username, person.id),
    )
}

fn direct_role() -> anyhow::Error {
    anyhow::anyhow!("that role only carries direct grants of one person; use `--permission <name>` instead of it")
}

/// What a person holds.
pub(super) async fn all_grants(
    conn: &mut PgConnection,
    person: PersonId,
    service: Option<ServiceId>,
) -> anyhow::Result<Vec<Held>> {
    let mut all = Vec::new();
    each_page(conn, Some(person), service, |page| {
        all.append(page);
        Ok(())
    })
    .await?;
    Ok(all)
}

async fn each_page(
    conn: &mut PgConnection,
    person: Option<PersonId>,
    service: Option<ServiceId>,
    mut act: impl FnMut(&mut Vec<Held>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut last: Option<LastGrant> = None;
    loop {
        let mut page = store::list(conn, person, service, last, PAGE).await?;
        let Some(end) = page.last() else { return Ok(()) };
        last = Some((end.person_id, end.service_id, end.role_id));
        act(&mut page)?;
    }
}
