//! `portero group`: people and other groups, and what whoever is in them holds.

use clap::{ArgGroup, Subcommand};
use serde_json::{Value, json};
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::expires::Expires;
use super::name_and_description::NameAndDescription;
use super::output::{Row, or_dash, remark, table};
use super::tool::{Tool, everything, list_all};
use super::typed_ref::{TypedRef, name_of_group, name_of_service};
use super::user::moment;
use crate::access::grants::store::of_groups;
use crate::access::grants::{GroupRole, Notice, Reason, RequestedEnd, RequestedTerms, give_to_group, take_from_group};
use crate::access::groups::{self, GroupChange, GroupName, Member, NewGroup, store};
use crate::base::error::Result;
use crate::base::id::{GroupId, PersonId, RoleId, ServiceId};
use crate::base::names::Description;
use crate::gate::audit::AuditedTx;
use crate::gate::store::groups::Group;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create a group (does nothing if it exists).
    Add {
        /// Its name.
        name: GroupName,
        /// Who it is for, in one line.
        #[arg(long)]
        description: Option<Description>,
    },
    /// List groups.
    List {
        /// Only names that start with this.
        #[arg(long, value_name = "TEXT")]
        beginning: Option<String>,
    },
    /// Show what is in a group, and what it holds.
    Show {
        /// Id or name.
        group: TypedRef<GroupId>,
        /// All people in it, also by groups in it.
        #[arg(long)]
        deep: bool,
    },
    /// Change a group's name or description.
    Change {
        /// Id or name.
        group: TypedRef<GroupId>,
        #[command(flatten)]
        new: NameAndDescription<GroupName>,
    },
    /// Remove a group. Whoever is in it loses what they hold by it.
    Remove {
        /// Id or name.
        group: TypedRef<GroupId>,
    },
    /// Add a person, or another group, to a group.
    #[command(
        override_usage = "portero group add-member <GROUP> <PERSON | --group <GROUP>> [--expires <WHEN>] [--reason <TEXT>]"
    )]
    AddMember {
        #[command(flatten)]
        member: NamedMember,
        #[command(flatten)]
        terms: Terms,
    },
    /// Remove a person, or another group, from a group.
    #[command(override_usage = "portero group remove-member <GROUP> <PERSON | --group <GROUP>>")]
    RemoveMember(NamedMember),
    /// Grant a group a role in a service. The service then offers the role.
    Give {
        #[command(flatten)]
        role: NamedRole,
        #[command(flatten)]
        terms: Terms,
    },
    /// Revoke a group's role in a service.
    Take(NamedRole),
}

#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("member").required(true))]
pub(super) struct NamedMember {
    /// The group: id or name.
    #[arg(value_name = "GROUP")]
    into: TypedRef<GroupId>,
    /// The person: id or username.
    #[arg(group = "member")]
    person: Option<TypedRef<PersonId>>,
    /// Instead of a person: a group's id or name.
    #[arg(long, group = "member", value_name = "GROUP")]
    group: Option<TypedRef<GroupId>>,
}

#[derive(Debug, clap::Args)]
pub(super) struct NamedRole {
    /// Id or name.
    group: TypedRef<GroupId>,
    /// Id or name; 0 is Portero itself.
    service: TypedRef<ServiceId>,
    /// Id or name.
    #[arg(allow_negative_numbers = true)]
    role: TypedRef<RoleId>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Terms {
    /// When it expires: a day (its start, in UTC), an RFC 3339 time, a time from now such as 30d, 12h or 45m, or never.
    /// By default a new one does not expire, and an existing one keeps its expiry.
    #[arg(long, value_name = "WHEN")]
    expires: Option<Expires>,
    /// The reason, in one line.
    #[arg(long, value_name = "TEXT")]
    reason: Option<Reason>,
}

impl Terms {
    fn requested(self, now: OffsetDateTime) -> Result<RequestedTerms> {
        let end = self.expires.map_or(RequestedEnd::AsItIs, |expires| expires.end(now)).seen_from(now)?;
        Ok(RequestedTerms { end, why: self.reason.into(), by: None, now })
    }
}

impl Row for Group {
    const HEADER: &'static [&'static str] = &["id", "name", "description"];

    fn cells(&self) -> Vec<String> {
        vec![self.id.to_string(), self.name.clone(), or_dash(self.description.as_ref())]
    }
}

pub(super) async fn run(command: Command, tool: &Tool) -> anyhow::Result<()> {
    match command {
        Command::Add { name, description } => {
            let mut tx = tool.begin().await?;
            let made = groups::create(&mut tx, &NewGroup { name, description }).await?;
            tx.commit([]).await?;
            let (group, did) = (made.get(), if made.is_new() { "Created" } else { "Already exists:" });
            tool.output.done(group, format_args!("{did} group {} `{}`.", group.id, group.name))
        }
        Command::List { beginning } => {
            let mut conn = tool.app.db.read().await?;
            let list = async |page: &_| store::list(&mut conn, page).await;
            list_all(tool.output, beginning, |group: &Group| group.id.0, list).await
        }
        Command::Show { group, deep } => show(tool, &group, deep).await,
        Command::Change { group, new } => {
            let mut tx = tool.begin().await?;
            let id = group.find(&mut tx).await?;
            let (name, description) = new.split();
            let group = groups::change(&mut tx, id, None, &GroupChange { name, description }).await?.shown;
            tx.commit([]).await?;
            tool.output.done(&group, format_args!("Changed group {id} `{}`.", group.name))
        }
        Command::Remove { group } => {
            let mut tx = tool.begin().await?;
            let id = group.find(&mut tx).await?;
            let group = groups::remove(&mut tx, id, None).await?;
            tx.commit([]).await?;
            tool.output.done(&group, format_args!("Removed group {id} `{}`.", group.name))
        }
        Command::AddMember { member, terms } => change_member(tool, &member, Some(terms)).await,
        Command::RemoveMember(member) => change_member(tool, &member, None).await,
        Command::Give { role, terms } => change_role(tool, &role, Some(terms)).await,
        Command::Take(role) => change_role(tool, &role, None).await,
    }
}

async fn show(tool: &Tool, group: &TypedRef<GroupId>, deep: bool) -> anyhow::Result<()> {
    let mut conn = tool.app.db.read().await?;
    let id = group.find(&mut conn).await?;
    let now = tool.app.clock.now();
    let group = store::tagged(&mut conn, id).await?.shown;
    let members = all_members(&mut conn, id, deep, now).await?;
    let roles =
        everything(|role: &GroupRole| role.id, async |page: &_| of_groups::list(&mut conn, id, page, now).await);
    let roles = roles.await?;
    let shown: Value = json!({ "group": group, "members": members, "roles": roles });
    let described = group.description.as_ref().map(|description| format!(": {description}")).unwrap_or_default();
    tool.output.done(&shown, format_args!("Group {id} `{}`{described}.", group.name))?;
    if tool.output == super::output::Output::Text {
        table(&["in it", "ends", "reason"], members.iter().map(cells_of_member), &[])?;
        table(&["service", "role", "ends", "reason"], roles.iter().map(cells_of_role), &[])?;
    }
    Ok(())
}

fn cells_of_member(member: &Member) -> Vec<String> {
    let person = member.person.as_ref().map(|person| format!("{} ({})", person.username, person.id));
    let group = member.group.as_ref().map(|group| format!("group {} ({})", group.name, group.id));
    vec![or_dash(person.or(group)), or_dash(member.expires_at.map(moment)), or_dash(member.reason.as_ref())]
}

fn cells_of_role(role: &GroupRole) -> Vec<String> {
    vec![
        format!("{} ({})", role.service.name, role.service.id),
        format!("{} ({})", role.role.name, role.role.id),
        or_dash(role.expires_at.map(moment)),
        or_dash(role.reason.as_ref()),
    ]
}

async fn all_members(conn: &mut PgConnection, id: GroupId, deep: bool, now: OffsetDateTime) -> Result<Vec<Member>> {
    let list = async |page: &_| {
        if deep {
            store::members::everybody(conn, id, page, now).await
        } else {
            store::members::list(conn, id, page, now).await
        }
    };
    everything(|member: &Member| member.place, list).await
}

/// Puts into a group on these terms, or takes out of it.
async fn change_member(tool: &Tool, named: &NamedMember, terms: Option<Terms>) -> anyhow::Result<()> {
    let mut tx = tool.begin().await?;
    let group = named.into.find(&mut tx).await?;
    let terms = terms.map(|terms| terms.requested(tx.by().now)).transpose()?;
    let (told, who) = match (&named.person, &named.group) {
        (Some(person), _) => {
            let person = person.find(&mut tx).await?;
            let told = match &terms {
                Some(terms) => Told::Done(groups::join(&mut tx, group, person.id, terms).await?),
                None => Told::taken(groups::leave(&mut tx, group, person.id).await?),
            };
            (told, format!("{} (id {})", person.username, person.id))
        }
        (None, Some(member)) => {
            let id = member.find(&mut tx).await?;
            let told = match &terms {
                Some(terms) => Told::Done(groups::nest(&mut tx, group, id, terms).await?),
                None => Told::taken(groups::unnest(&mut tx, group, id).await?),
            };
            (told, name_of_group(&mut tx, id).await?)
        }
        (None, None) => anyhow::bail!("name a person, or `--group`"),
    };
    let into = name_of_group(&mut tx, group).await?;
    let sentence = match (&told, &terms) {
        (Told::Done(_), Some(_)) => format!("Done: {who} is in {into}."),
        (Told::Done(_), None) => format!("Done: {who} is in {into} itself no longer."),
        (Told::Nothing, _) => format!("Nothing to do: {who} is not in {into} itself."),
    };
    finish(tool, tx, told, json!({ "group_id": group }), &sentence).await
}

/// Gives a group a role on these terms, or takes it away.
async fn change_role(tool: &Tool, named: &NamedRole, terms: Option<Terms>) -> anyhow::Result<()> {
    let mut tx = tool.begin().await?;
    let group = named.group.find(&mut tx).await?;
    let service = named.service.find(&mut tx).await?;
    let is_strict = terms.is_none() || service == ServiceId::PORTERO;
    let role = if is_strict { named.role.find_one(&mut tx).await? } else { named.role.find(&mut tx).await? };
    let terms = terms.map(|terms| terms.requested(tx.by().now)).transpose()?;
    let told = match &terms {
        Some(terms) => Told::Done(give_to_group(&mut tx, (group, service, role), terms).await?),
        None => Told::taken(take_from_group(&mut tx, (group, service, role)).await?),
    };
    let text = &named.role.text;
    let (who, place) = (name_of_group(&mut tx, group).await?, name_of_service(&mut tx, service).await?);
    let sentence = match (&told, &terms) {
        (Told::Done(_), Some(_)) => format!("Done: {who} holds `{text}` in {place}."),
        (Told::Done(_), None) => format!("Done: {who} holds `{text}` in {place} no longer."),
        (Told::Nothing, _) => format!("Nothing to do: {who} does not hold `{text}` in {place}."),
    };
    let answer = json!({ "group_id": group, "service_id": service, "role_id": role });
    finish(tool, tx, told, answer, &sentence).await
}

/// What became of a change.
enum Told {
    /// It was made; and what is to be known of those concerned.
    Done(Vec<Notice>),
    /// There was nothing to take.
    Nothing,
}

impl Told {
    fn taken(was_there: bool) -> Self {
        if was_there { Self::Done(Vec::new()) } else { Self::Nothing }
    }
}

async fn finish(tool: &Tool, tx: AuditedTx, told: Told, mut answer: Value, sentence: &str) -> anyhow::Result<()> {
    tx.commit([]).await?;
    answer["changed"] = json!(matches!(told, Told::Done(_)));
    if let Told::Done(notices) = told {
        for notice in notices {
            remark(&notice.detail);
        }
    }
    tool.output.done(&answer, sentence)
}
