//! `portero resource`: what services tell of, and the roles that people and groups hold on it.

use std::io::Read;
use std::path::PathBuf;

use anyhow::Context;
use clap::{ArgGroup, Subcommand};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::expires::Expires;
use super::output::{self, Output, Row, or_dash, remark};
use super::tool::{Tool, list_all};
use super::typed_ref::{TypedRef, name_of_group};
use super::user::moment;
use crate::access::grants::{Reason, RequestedEnd, RequestedTerms};
use crate::access::resources::store::{self, Filter, roles};
use crate::access::resources::{
    Held, Holder, NewResource, Properties, Resource, ResourceName, ResourceRole, give, must_be_faultless, put_all,
    put_one, read_wanted, remove_one, take,
};
use crate::base::error::{Error, Result};
use crate::base::id::{GroupId, PersonId, RoleId, ServiceId};
use crate::base::made::Made;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Tell of a resource, or of all in a file. All of it: what is left out is gone.
    #[command(
        override_usage = "portero resource put <SERVICE> <TYPE> <ID> [--properties <JSON>] [--parent <TYPE> <ID>]\n       \
                                portero resource put <SERVICE> --file <FILE>"
    )]
    Put {
        /// Id or name.
        service: TypedRef<ServiceId>,
        /// Its type.
        #[arg(value_name = "TYPE", required_unless_present = "file", requires = "id")]
        kind: Option<String>,
        /// What the service calls it.
        id: Option<String>,
        /// What policies know of it: a JSON object.
        #[arg(long, value_name = "JSON")]
        properties: Option<String>,
        /// What it is beneath: type and id of another one.
        #[arg(long, num_args = 2, value_names = ["TYPE", "ID"])]
        parent: Option<Vec<String>>,
        /// JSON Lines: an object a line with `type`, `id`, `properties` and `parent`; `-` for standard input.
        #[arg(long, conflicts_with_all = ["kind", "properties", "parent"])]
        file: Option<PathBuf>,
    },
    /// List a service's resources.
    List {
        /// Id or name.
        service: TypedRef<ServiceId>,
        /// Only those of this type.
        #[arg(long = "type", value_name = "TYPE")]
        kind: Option<String>,
    },
    /// Delete a resource. Whoever holds a role on it holds it no longer.
    Delete {
        #[command(flatten)]
        resource: NamedResource,
        /// And all that lies beneath it.
        #[arg(long)]
        recursive: bool,
    },
    /// List the roles that are held on a service's resources.
    Roles {
        /// Id or name.
        service: TypedRef<ServiceId>,
    },
    /// Grant a person, or a group, a role on a resource and all beneath it. The service then offers the role.
    #[command(
        override_usage = "portero resource grant <SERVICE> <TYPE> <ID> <ROLE> <--person <PERSON> | --group <GROUP>> [--expires <WHEN>] [--reason <TEXT>]"
    )]
    Grant {
        #[command(flatten)]
        role: NamedRole,
        /// When it expires: a day (its start, in UTC), an RFC 3339 time, a time from now such as 30d, 12h or 45m, or never.
        /// By default a new one does not expire, and an existing one keeps its expiry.
        #[arg(long, value_name = "WHEN")]
        expires: Option<Expires>,
        /// The reason, in one line.
        #[arg(long, value_name = "TEXT")]
        reason: Option<Reason>,
    },
    /// Revoke a role on a resource. What is held on one above it stays.
    #[command(
        override_usage = "portero resource revoke <SERVICE> <TYPE> <ID> <ROLE> <--person <PERSON> | --group <GROUP>>"
    )]
    Revoke(NamedRole),
}

#[derive(Debug, clap::Args)]
pub(super) struct NamedResource {
    /// Id or name.
    service: TypedRef<ServiceId>,
    /// Its type.
    #[arg(value_name = "TYPE")]
    kind: String,
    /// What the service calls it.
    id: String,
}

#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("holder").required(true))]
pub(super) struct NamedRole {
    #[command(flatten)]
    resource: NamedResource,
    /// Id or name.
    #[arg(allow_negative_numbers = true)]
    role: TypedRef<RoleId>,
    /// Id or username.
    #[arg(long, group = "holder", value_name = "PERSON")]
    person: Option<TypedRef<PersonId>>,
    /// Instead of a person: a group's id or name.
    #[arg(long, group = "holder", value_name = "GROUP")]
    group: Option<TypedRef<GroupId>>,
}

impl Row for Resource {
    const HEADER: &'static [&'static str] = &["type", "id", "parent", "properties"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.kind.clone(),
            self.name.id.clone(),
            or_dash(self.parent.as_ref()),
            self.properties.text().to_owned(),
        ]
    }
}

impl Row for ResourceRole {
    const HEADER: &'static [&'static str] = &["resource", "role", "holder", "ends", "reason"];

    fn cells(&self) -> Vec<String> {
        let person = self.person.as_ref().map(|person| format!("{} ({})", person.username, person.id));
        let group = self.group.as_ref().map(|group| format!("group {} ({})", group.name, group.id));
        vec![
            self.resource.to_string(),
            self.role.name.clone(),
            or_dash(person.or(group)),
            or_dash(self.expires_at.map(moment)),
            or_dash(self.reason.as_ref()),
        ]
    }
}

pub(super) async fn run(command: Command, tool: &Tool) -> anyhow::Result<()> {
    match command {
        Command::Put { service, kind: Some(kind), id: Some(id), properties, parent, file: None } => {
            let name = named(&kind, &id)?;
            let parent = parent.as_deref().map(|parent| named(&parent[0], &parent[1])).transpose()?;
            let properties: Option<Properties> =
                properties.map(|text| serde_json::from_str(&text).context("--properties")).transpose()?;
            put(tool, &service, name, NewResource { properties, parent }).await
        }
        Command::Put { service, file, .. } => {
            let file = file.context("name a resource, or `--file`")?;
            put_file(tool, &service, &file).await
        }
        Command::List { service, kind } => {
            let mut conn = tool.app.db.read().await?;
            let service = service.find(&mut conn).await?;
            let filter = Filter { kind, parent: None };
            let list = async |page: &_| store::list(&mut conn, service, &filter, page).await;
            list_all(tool.output, None, |one: &Resource| one.place, list).await
        }
        Command::Delete { resource, recursive } => {
            let mut tx = tool.begin().await?;
            let service = resource.service.find(&mut tx).await?;
            let name = named(&resource.kind, &resource.id)?;
            let (gone, deleted) = remove_one(&mut tx, service, &name, recursive, None).await.map_err(by_option)?;
            tx.commit([]).await?;
            let beneath = deleted.saturating_sub(1);
            tool.output.done(
                &json!({ "resource": gone.name, "deleted": deleted }),
                format_args!("Deleted {}, and {beneath} beneath it.", gone.name),
            )
        }
        Command::Roles { service } => {
            let mut conn = tool.app.db.read().await?;
            let service = service.find(&mut conn).await?;
            let now = tool.app.clock.now();
            let filter = roles::RoleFilter::default();
            let list = async |page: &_| roles::list(&mut conn, service, &filter, page, now).await;
            list_all(tool.output, None, |one: &ResourceRole| one.place, list).await
        }
        Command::Grant { role, expires, reason } => grant(tool, &role, expires, reason).await,
        Command::Revoke(role) => revoke(tool, &role).await,
    }
}

fn named(kind: &str, id: &str) -> anyhow::Result<ResourceName> {
    ResourceName::read(kind, id).map_err(anyhow::Error::msg)
}

async fn put(tool: &Tool, service: &TypedRef<ServiceId>, name: ResourceName, new: NewResource) -> anyhow::Result<()> {
    let mut tx = tool.begin().await?;
    let service = service.find(&mut tx).await?;
    let made = put_one(&mut tx, service, new.of(name), None).await?;
    tx.commit([]).await?;
    let (did, kept) = match &made {
        Made::New(made) => ("Created", made),
        Made::Standing(standing) => ("Kept", standing),
    };
    tool.output.done(&kept.shown, format_args!("{did} {}.", kept.shown.name))
}

async fn put_file(tool: &Tool, service: &TypedRef<ServiceId>, file: &PathBuf) -> anyhow::Result<()> {
    let text = if file.as_os_str() == "-" {
        let mut text = Vec::new();
        std::io::stdin().read_to_end(&mut text)?;
        text
    } else {
        std::fs::read(file).with_context(|| format!("could not read {}", file.display()))?
    };
    let name = if file.as_os_str() == "-" { "standard input".to_owned() } else { file.display().to_string() };
    let wanted = read_wanted(&text).map_err(|error| tell_faults(tool, &name, error))?;
    let mut tx = tool.begin().await?;
    let service = service.find(&mut tx).await?;
    let put = put_all(&mut tx, service, &wanted).await?;
    let put = must_be_faultless(put, wanted.len()).map_err(|error| tell_faults(tool, &name, error))?;
    tx.commit([]).await?;
    tool.output.done(
        &json!({ "created": put.created, "changed": put.changed, "unchanged": put.unchanged }),
        format_args!("{} created, {} changed, {} as they were.", put.created, put.changed, put.unchanged),
    )
}

/// Tells what is wrong with which lines of a file, if that is what an error says.
fn tell_faults(tool: &Tool, file: &str, error: Error) -> anyhow::Error {
    let faults = match &error {
        Error::Refused(refusal) => refusal.member("faults").cloned().unwrap_or_default(),
        _ => Value::Null,
    };
    if tool.output == Output::Json && faults.is_array() {
        let told = tool.output.done(&json!({ "created": 0, "changed": 0, "unchanged": 0, "faults": faults }), "");
        return told.err().unwrap_or_else(|| error.into());
    }
    for fault in faults.as_array().into_iter().flatten() {
        let text = |member: &str| fault[member].as_str();
        let field = text("field").map(|field| format!("`{field}`: ")).unwrap_or_default();
        output::complain(&format!("{file}:{}: {field}{}", fault["line"], text("fault").unwrap_or_default()));
    }
    error.into()
}

/// The same refusal, by what the command line calls it.
fn by_option(mut error: Error) -> Error {
    if let Error::Refused(refusal) = &mut error {
        refusal.detail = refusal.detail.replace("`?recursive=true`", "`--recursive`").into();
    }
    error
}

/// Which role, and who holds it, as it is told.
async fn held(tool: &Tool, named_role: &NamedRole, takes: bool) -> anyhow::Result<(Held, String)> {
    let NamedRole { resource, role, person, group } = named_role;
    let mut conn = tool.app.db.read().await?;
    let service = resource.service.find(&mut conn).await?;
    let (holder, who) = match (person, group) {
        (Some(person), _) => {
            let person = person.find(&mut conn).await?;
            (Holder::Person(person.id), format!("{} (id {})", person.username, person.id))
        }
        (None, Some(group)) => {
            let id = group.find(&mut conn).await?;
            (Holder::Group(id), name_of_group(&mut conn, id).await?)
        }
        (None, None) => anyhow::bail!("name a person by `--person`, or a group by `--group`"),
    };
    let role = if takes { role.find_one(&mut conn).await? } else { role.find(&mut conn).await? };
    Ok((Held { service, resource: named(&resource.kind, &resource.id)?, holder, role }, who))
}

async fn grant(tool: &Tool, role: &NamedRole, expires: Option<Expires>, reason: Option<Reason>) -> anyhow::Result<()> {
    let (held, who) = held(tool, role, false).await?;
    let mut tx = tool.begin().await?;
    let terms = terms(expires, reason, tx.by().now)?;
    let notices = give(&mut tx, &held, &terms).await?;
    tx.commit([]).await?;
    for notice in notices {
        remark(&notice.detail);
    }
    let sentence = format!("Done: {who} holds `{}` on {}, and on all beneath it.", role.role.text, held.resource);
    tool.output.done(&answer(&held, true), sentence)
}

fn terms(expires: Option<Expires>, reason: Option<Reason>, now: OffsetDateTime) -> Result<RequestedTerms> {
    let end = expires.map_or(RequestedEnd::AsItIs, |expires| expires.end(now)).seen_from(now)?;
    Ok(RequestedTerms { end, why: reason.into(), by: None, now })
}

async fn revoke(tool: &Tool, role: &NamedRole) -> anyhow::Result<()> {
    let (held, who) = held(tool, role, true).await?;
    let mut tx = tool.begin().await?;
    let was_held = take(&mut tx, &held).await?;
    tx.commit([]).await?;
    let text = &role.role.text;
    let sentence = if was_held {
        format!("Done: {who} holds `{text}` on {} itself no longer.", held.resource)
    } else {
        format!("Nothing to do: {who} does not hold `{text}` on {} itself.", held.resource)
    };
    tool.output.done(&answer(&held, was_held), sentence)
}

fn answer(held: &Held, changed: bool) -> serde_json::Value {
    json!({ "service_id": held.service, "resource": held.resource, "role_id": held.role, "changed": changed })
}
