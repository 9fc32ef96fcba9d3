//! `portero grant`: who holds what where.

use clap::{ArgGroup, Subcommand};
use serde_json::json;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::expires::Expires;
use super::output::{List, Row, count, or_dash, remark};
use super::tool::Tool;
use super::typed_ref::{TypedRef, name_of_service};
use super::user::moment;
use crate::access::grants::store::{self, LastGrant};
use crate::access::grants::{self, Grantable, NamedGrant, Reason, RequestedEnd, RequestedTerms};
use crate::base::error::Error;
use crate::base::id::{PermissionId, PersonId, RoleId, ServiceId};

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
        person: Option<TypedRef<PersonId>>,
        /// Id or name.
        #[arg(long)]
        service: Option<TypedRef<ServiceId>>,
    },
}

#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("what").required(true))]
pub(super) struct Grant {
    /// Id or username.
    person: TypedRef<PersonId>,
    /// Id or name; 0 is Portero itself.
    service: TypedRef<ServiceId>,
    /// Id or name.
    #[arg(allow_negative_numbers = true, group = "what")]
    role: Option<TypedRef<RoleId>>,
    /// Instead of a role: a permission's id or name. May be repeated.
    #[arg(long, allow_negative_numbers = true, group = "what")]
    permission: Vec<TypedRef<PermissionId>>,
}

impl Row for NamedGrant {
    const HEADER: &'static [&'static str] = &["person", "service", "role", "by group", "permissions", "ends"];

    fn cells(&self) -> Vec<String> {
        vec![
            format!("{} ({})", self.username, self.person_id),
            format!("{} ({})", self.service, self.service_id),
            if self.direct { "directly".to_owned() } else { format!("{} ({})", self.role, self.role_id) },
            or_dash(self.group.as_ref()),
            self.permissions.join(", "),
            or_dash(self.expires_at.map(moment)),
        ]
    }
}

pub(super) async fn run(command: Command, tool: &Tool) -> anyhow::Result<()> {
    match command {
        Command::Add { grant, expires, reason } => {
            let now = tool.app.clock.now();
            let end = expires.map_or(RequestedEnd::AsItIs, |expires| expires.end(now)).seen_from(now)?;
            let terms = RequestedTerms { end, why: reason.into(), by: None, now };
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
async fn change(tool: &Tool, grant: &Grant, terms: Option<&RequestedTerms>) -> anyhow::Result<()> {
    let mut tx = tool.begin().await?;
    let person = grant.person.find(&mut tx).await?;
    let service = grant.service.find(&mut tx).await?;
    let now = tx.by().now;
    let is_strict = terms.is_none() || service == ServiceId::PORTERO;
    let mut named = Vec::new();
    if let Some(role) = &grant.role {
        let id = if is_strict { role.find_one(&mut tx).await? } else { role.find(&mut tx).await? };
        named.push((Grantable::Role(id), role.text.as_str()));
    }
    for permission in &grant.permission {
        let id = if is_strict { permission.find_one(&mut tx).await? } else { permission.find(&mut tx).await? };
        named.push((Grantable::Permission(id), permission.text.as_str()));
    }
    let (mut revoked, mut missing, mut planted) = (false, Vec::new(), Vec::new());
    for (what, text) in named {
        let concerned = (person.id, service, what);
        if let Some(terms) = terms {
            let given = grants::give(&mut tx, concerned, terms).await.map_err(named_by_its_role)?;
            planted.extend(given.notices.into_iter().map(|notice| notice.detail));
        } else {
            let taken = grants::take(&mut tx, concerned).await.map_err(named_by_its_role)?;
            revoked |= taken.was_held;
            if !taken.was_held {
                missing.push(text);
            }
        }
    }
    planted.dedup();
    let held = all_grants(&mut tx, person.id, Some(service), now).await?;
    let place = name_of_service(&mut tx, service).await?;
    tx.commit([]).await?;
    for notice in planted {
        remark(&notice);
    }
    let holds = count(held.len() as u64, "grant", "grants");
    let mut answer = json!({ "person_id": person.id, "service_id": service, "grants": held });
    let (username, id) = (&person.username, person.id);
    let mut did = "Done:".to_owned();
    if terms.is_none() {
        answer["revoked"] = json!(revoked);
        if !revoked {
            did = format!("Nothing to do: {username} does not hold {} there.", grant.what());
        } else if !missing.is_empty() {
            did = format!("{username} did not hold `{}` there.", missing.join("`, `"));
        }
    }
    tool.output.done(&answer, format_args!("{did} {username} (id {id}) has {holds} in {place} now."))
}

impl Grant {
    /// What was named, as it was typed.
    fn what(&self) -> String {
        let permissions = self.permission.iter().map(|permission| permission.text.as_str());
        let named: Vec<_> = self.role.iter().map(|role| role.text.as_str()).chain(permissions).collect();
        format!("`{}`", named.join("`, `"))
    }
}

fn named_by_its_role(error: Error) -> anyhow::Error {
    match error {
        Error::Refused(refusal) if refusal.code == "direct_role" => anyhow::anyhow!(
            "that role only carries direct grants of one person; use `--permission <name>` instead of it"
        ),
        error => error.into(),
    }
}

/// What a person holds.
pub(super) async fn all_grants(
    conn: &mut PgConnection,
    person: PersonId,
    service: Option<ServiceId>,
    now: OffsetDateTime,
) -> anyhow::Result<Vec<NamedGrant>> {
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
    mut act: impl FnMut(&mut Vec<NamedGrant>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut last: Option<LastGrant> = None;
    loop {
        let mut page = store::list(conn, person, service, last, PAGE, now).await?;
        let Some(end) = page.last() else { return Ok(()) };
        last = Some((end.person_id, end.service_id, end.role_id, end.group_id));
        act(&mut page)?;
    }
}
