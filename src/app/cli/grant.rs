//! `portero grant`: who holds what where.

use clap::{ArgGroup, Subcommand};
use serde_json::json;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::admin::keep_an_administrator;
use super::expires::Expires;
use super::named::Named;
use super::output::{List, Row, count, or_dash, remark};
use super::tool::Tool;
use super::user::moment;
use crate::access::grants::store::{self, LastGrant};
use crate::access::grants::{self, End, Held, Reason, Terms, What, told};
use crate::access::roles;
use crate::access::roles::store::DirectRole;
use crate::base::id::{PermissionId, PersonId, RoleId, ServiceId};
use crate::gate::audit::Change;
use crate::gate::store::{must_keep_an_administrator, queue_for_administrators};
use crate::identity::people;

/// How many grants are read at a time.
const PAGE: i64 = 1000;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Grant a person a role or single permissions in a service. The service then offers the role.
    #[command(
        override_usage = "portero grant add <PERSON> <SERVICE> <ROLE | --permission <PERMISSION>> [--expires <WHEN>] [--reason <TEXT>]"
    )]
    Add {
        #[command(flatten)]
        grant: Grant,
        /// When it expires: a day (its start, in UTC), an RFC 3339 time, a time from now such as 30d, 12h or 45m, or
        /// never. By default a new grant does not expire, and an existing one keeps its expiry.
        #[arg(long, value_name = "WHEN")]
        expires: Option<Expires>,
        /// The reason, in one line.
        #[arg(long, value_name = "TEXT")]
        reason: Option<Reason>,
    },
    /// Revoke a person's role or directly granted permissions in a service.
    #[command(override_usage = "portero grant remove <PERSON> <SERVICE> <ROLE | --permission <PERMISSION>>")]
    Remove(Grant),
    /// List grants: of everybody or one person, everywhere or in one service.
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
    /// Instead of a role: a permission's id or name. May be repeated.
    #[arg(long, allow_negative_numbers = true, group = "what")]
    permission: Vec<Named<PermissionId>>,
}

impl Row for Held {
    const HEADER: &'static [&'static str] = &["person", "service", "role", "permissions", "ends"];

    fn cells(&self) -> Vec<String> {
        vec![
            format!("{} ({})", self.username, self.person_id),
            format!("{} ({})", self.service, self.service_id),
            if self.direct { "directly".to_owned() } else { format!("{} ({})", self.role, self.role_id) },
            self.permissions.join(", "),
            or_dash(self.expires_at.map(moment)),
        ]
    }
}

pub(super) async fn run(command: Command, tool: &Tool) -> anyhow::Result<()> {
    match command {
        Command::Add { grant, expires, reason } => {
            let now = tool.app.clock.now();
            let end = expires.map_or(End::AsItIs, |expires| expires.end(now)).seen_from(now)?;
            let terms = Terms { end, why: reason.into(), by: None, now };
            change(tool, &grant, Some(&terms)).await
        }
        Command::Remove(grant) => change(tool, &grant, None).await,
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
            each_page(&mut conn, person, service, tool.app.clock.now(), |page| all.add(page)).await?;
            all.end()
        }
    }
}

/// Gives on these terms, or takes away.
async fn change(tool: &Tool, grant: &Grant, terms: Option<&Terms>) -> anyhow::Result<()> {
    let mut tx = tool.begin().await?;
    let person = grant.person.find(&mut tx).await?;
    let service = grant.service.find(&mut tx).await?;
    let now = tx.by().now;
    let is_strict = terms.is_none() || service == ServiceId::PORTERO;
    let (mut revoked, mut missing) = (false, Vec::new());
    if let Some(role) = &grant.role {
        let role = if is_strict { role.find_one(&mut tx).await? } else { role.find(&mut tx).await? };
        revoked = change_role(&mut tx, person.id, service, role, terms).await?;
    }
    for named in &grant.permission {
        let permission = if is_strict { named.find_one(&mut tx).await? } else { named.find(&mut tx).await? };
        let told = if let Some(terms) = terms {
            let (_, granted) = store::grant_direct(&mut tx, person.id, service, permission, terms).await?;
            told::directly_granted(person.id, service, permission, &granted)
        } else {
            let (_, taken) = store::revoke_direct(&mut tx, person.id, service, permission, now).await?;
            revoked |= taken.is_some();
            if taken.is_none() {
                missing.push(named.text.as_str());
            }
            taken.map(|before| told::directly_revoked(person.id, service, permission, &before))
        };
        if let Some(told) = told {
            tx.tell(told);
        }
    }
    let held = all_grants(&mut tx, person.id, Some(service), now).await?;
    let planted = if terms.is_some() { planted(&mut tx, person.id, service, grant, now).await? } else { Vec::new() };
    tx.commit([]).await?;
    for notice in planted {
        remark(&notice);
    }
    let holds = count(held.len() as u64, "grant", "grants");
    let mut answer = json!({ "person_id": person.id, "service_id": service, "grants": held });
    let (username, id) = (&person.username, person.id);
    let mut did = "Done.".to_owned();
    if terms.is_none() {
        answer["revoked"] = json!(revoked);
        if !revoked {
            did = format!("Nothing to do: {username} does not hold {} there.", grant.what());
        } else if !missing.is_empty() {
            did = format!("{username} did not hold `{}` there.", missing.join("`, `"));
        }
    }
    tool.output.done(&answer, format_args!("{did} {username} (id {id}) has {holds} in service {service} now."))
}

/// What others have chosen for somebody who holds more now.
async fn planted(
    conn: &mut PgConnection,
    person: PersonId,
    service: ServiceId,
    grant: &Grant,
    now: OffsetDateTime,
) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    let role = match &grant.role {
        Some(role) => Some(What::Role(role.find(conn).await?)),
        None => None,
    };
    let mut given: Vec<What> = role.into_iter().collect();
    for permission in &grant.permission {
        given.push(What::Permission(permission.find(conn).await?));
    }
    for what in given {
        found.extend(planted_by_others(conn, (person, service, what), now).await?);
    }
    found.dedup();
    Ok(found)
}

/// What others have chosen for somebody who was given `what`, for whoever gave it.
pub(super) async fn planted_by_others(
    conn: &mut PgConnection,
    given: (PersonId, ServiceId, What),
    now: OffsetDateTime,
) -> anyhow::Result<Vec<String>> {
    let notices = grants::notices(conn, given, now).await?;
    Ok(notices.into_iter().map(|notice| notice.detail).collect())
}

impl Grant {
    /// What was named, as it was typed.
    fn what(&self) -> String {
        let permissions = self.permission.iter().map(|permission| permission.text.as_str());
        let named: Vec<_> = self.role.iter().map(|role| role.text.as_str()).chain(permissions).collect();
        format!("`{}`", named.join("`, `"))
    }
}

/// Answers whether anything was taken away.
async fn change_role(
    tx: &mut Change,
    person: PersonId,
    service: ServiceId,
    role: RoleId,
    terms: Option<&Terms>,
) -> anyhow::Result<bool> {
    // In the order of `access`, so that nobody waits in a circle.
    let of_administrators = (service, role) == (ServiceId::PORTERO, RoleId::ADMINISTRATOR);
    if of_administrators {
        queue_for_administrators(tx).await?;
    }
    people::store::lock(tx, person).await?;
    roles::store::hold(tx, role).await?.map_err(|DirectRole| direct_role())?;
    let mut taken = false;
    let told = if let Some(terms) = terms {
        let granted = store::grant(tx, person, service, role, terms).await?;
        if of_administrators && granted.ends_what_lasted() {
            must_keep_an_administrator(tx).await?;
        }
        told::granted(person, service, role, &granted)
    } else {
        let now = tx.by().now;
        let revoke = async |conn: &mut _| store::revoke(conn, person, service, role, now).await;
        let revoked = keep_an_administrator(tx, person, revoke).await?;
        taken = revoked.is_some();
        revoked.map(|before| told::revoked(person, service, role, &before))
    };
    if let Some(told) = told {
        tx.tell(told);
    }
    Ok(taken)
}

fn direct_role() -> anyhow::Error {
    anyhow::anyhow!("that role only carries direct grants of one person; use `--permission <name>` instead of it")
}

/// What a person holds.
pub(super) async fn all_grants(
    conn: &mut PgConnection,
    person: PersonId,
    service: Option<ServiceId>,
    now: OffsetDateTime,
) -> anyhow::Result<Vec<Held>> {
    let mut all = Vec::new();
    each_page(conn, Some(person), service, now, |page| {
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
    now: OffsetDateTime,
    mut act: impl FnMut(&mut Vec<Held>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut last: Option<LastGrant> = None;
    loop {
        let mut page = store::list(conn, person, service, last, PAGE, now).await?;
        let Some(end) = page.last() else { return Ok(()) };
        last = Some((end.person_id, end.service_id, end.role_id));
        act(&mut page)?;
    }
}
