//! `portero explain`, `who-can`, `what-can`, `simulate`: why, who, and what if.

use std::fmt::Write;
use std::str::FromStr;

use anyhow::bail;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::expires::Expires;
use super::output::{List, Row as TableRow, or_dash, remark};
use super::policy::OfService;
use super::tool::Tool;
use crate::access::authzen::{ANONYMOUS, ActionEntity, Asked, Context, Cursor, Entity, PageOfRequest, USER};
use crate::access::explanations::{
    Abilities, Able, Change, Concerned, ExplainedGrant, ExplainedPolicy, Explanation, abilities, simulate, who_can,
};
use crate::access::grants::{RequestedEnd, Reviewer};
use crate::access::policies::language::Row;
use crate::access::policies::{ActionName, Asking, DecidingResource, Edits, ExpressionText, PolicyEdit, TypeName};
use crate::base::id::{Ref, RoleId};

/// So many results are asked for at once.
const AT_A_TIME: u32 = 500;

#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    #[command(flatten)]
    question: Question,
    /// When, from now on: a day, a moment, or a time from now (30d).
    #[arg(long, value_name = "TIME")]
    at: Option<Expires>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Simulate {
    #[command(flatten)]
    question: Question,
    /// When, from now on: a day, a moment, or a time from now (30d).
    #[arg(long, value_name = "TIME")]
    at: Option<Expires>,
    /// If they held this role, too: id or name. May be repeated.
    #[arg(long = "with-role", value_name = "ROLE")]
    with_roles: Vec<String>,
    /// If this role had not been granted to them. May be repeated.
    #[arg(long = "without-role", value_name = "ROLE")]
    without_roles: Vec<String>,
    /// If they had these attributes besides, as a JSON object.
    #[arg(long, value_name = "JSON")]
    attributes: Option<Object>,
    /// If there were this policy, too. May be repeated.
    #[arg(long = "policy", num_args = 3, value_names = ["TYPE", "ACTION", "EXPRESSION"])]
    policies: Vec<String>,
    /// If there were no policy of this id. May be repeated.
    #[arg(long = "without-policy", value_name = "ID")]
    without_policies: Vec<i32>,
    /// If policies decided in the service.
    #[arg(long)]
    policies_decide: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct WhoCan {
    #[command(flatten)]
    what: What,
}

#[derive(Debug, clap::Args)]
pub(super) struct WhatCan {
    /// Id, username or verified address; `-` for whoever is not logged in.
    person: String,
    /// The type of resource, or one of them; left out: each type.
    #[arg(value_name = "TYPE[/ID]")]
    resource: Option<Resource>,
    /// What is known of the resource, as a JSON object.
    #[arg(long, value_name = "JSON", requires = "resource")]
    properties: Option<Object>,
    #[command(flatten)]
    of: OfService,
}

#[derive(Debug, clap::Args)]
struct Question {
    /// Id, username or verified address; `-` for whoever is not logged in.
    person: String,
    #[command(flatten)]
    what: What,
}

#[derive(Debug, clap::Args)]
struct What {
    /// What is done: read, update, …
    action: ActionName,
    /// To what: a type of resource, and the id of one.
    #[arg(value_name = "TYPE[/ID]")]
    resource: Resource,
    /// What is known of the resource, as a JSON object: the columns of its row.
    #[arg(long, value_name = "JSON")]
    properties: Option<Object>,
    /// What the request brings, as a JSON object.
    #[arg(long, value_name = "JSON")]
    context: Option<Object>,
    #[command(flatten)]
    of: OfService,
}

/// A type, and the id of a resource.
#[derive(Clone, Debug)]
struct Resource {
    kind: TypeName,
    id: Option<String>,
}

impl FromStr for Resource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, id) = text.split_once('/').map_or((text, None), |(kind, id)| (kind, Some(id.to_owned())));
        Ok(Self { kind: kind.parse()?, id })
    }
}

/// A JSON object.
#[derive(Clone, Debug)]
struct Object(Row);

impl FromStr for Object {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map(Self).map_err(|error| format!("expected a JSON object: {error}"))
    }
}

impl Resource {
    fn entity(self, properties: Option<Object>) -> Entity {
        let properties = properties.map(|Object(row)| row);
        Entity { kind: self.kind.as_str().to_owned(), id: self.id.unwrap_or_default(), properties }
    }
}

fn subject(person: String) -> Entity {
    let kind = if person == "-" { ANONYMOUS } else { USER };
    Entity { kind: kind.to_owned(), id: person, properties: None }
}

fn action(name: &ActionName) -> ActionEntity {
    ActionEntity { name: name.as_str().to_owned(), properties: None }
}

async fn asking(tool: &Tool, of: OfService) -> anyhow::Result<Asking> {
    let service = of.find(&mut *tool.app.db.read().await?).await?;
    Ok(Asking::at_the_command_line(service))
}

fn moment(at: Option<Expires>, now: OffsetDateTime) -> anyhow::Result<Option<OffsetDateTime>> {
    match at.map(|at| at.end(now)) {
        Some(RequestedEnd::At(moment)) => Ok(Some(moment)),
        Some(_) => {
            bail!("`--at` is a moment: a day (2030-12-31), a moment (2030-12-31T18:00:00Z), or a time from now (30d)")
        }
        None => Ok(None),
    }
}

pub(super) async fn explain(args: Explain, tool: &Tool) -> anyhow::Result<()> {
    let Question { person, what } = args.question;
    let asking = asking(tool, what.of).await?;
    let change = Change { at: moment(args.at, tool.app.clock.now())?, ..Change::default() };
    let (subject, action) = (subject(person), action(&what.action));
    let (resource, context) = (what.resource.entity(what.properties), what.context.map(|Object(row)| Context(row)));
    let asked = Asked { subject: &subject, action: &action, resource: &resource, context: context.as_ref() };
    let told = simulate(&tool.app.access, &asking, asked, &change).await?.after;
    tool.output.done(&told, explained(&told))
}

pub(super) async fn what_if(args: Simulate, tool: &Tool) -> anyhow::Result<()> {
    let Question { person, what } = args.question;
    let asking = asking(tool, what.of).await?;
    let roles = |named: &[String]| named.iter().map(|role| Ref::parse(role)).collect::<Vec<Ref<RoleId>>>();
    let (more_roles, fewer_roles) = (roles(&args.with_roles), roles(&args.without_roles));
    let policies = args.policies.chunks(3).map(new_policy).collect::<anyhow::Result<Vec<PolicyEdit>>>()?;
    let change = Change {
        at: moment(args.at, tool.app.clock.now())?,
        more_roles: &more_roles,
        fewer_roles: &fewer_roles,
        attributes: args.attributes.as_ref().map(|Object(row)| row),
        edits: Edits {
            policies: &policies,
            without: &args.without_policies,
            replaces_all: false,
            policies_decide: args.policies_decide.then_some(true),
        },
    };
    let (subject, action) = (subject(person), action(&what.action));
    let (resource, context) = (what.resource.entity(what.properties), what.context.map(|Object(row)| Context(row)));
    let asked = Asked { subject: &subject, action: &action, resource: &resource, context: context.as_ref() };
    let told = simulate(&tool.app.access, &asking, asked, &change).await?;
    let text = format!("Now: {}\n\nThen: {}", explained(&told.before), explained(&told.after));
    tool.output.done(&told, text)
}

/// A policy as it stands on the command line: type, action, expression.
pub(super) fn new_policy(words: &[String]) -> anyhow::Result<PolicyEdit> {
    let [table_name, action, expression] = words else { bail!("a policy is a type, an action and an expression") };
    let read = |fault: String| anyhow::anyhow!(fault);
    Ok(PolicyEdit {
        id: None,
        table_name: Some(table_name.parse::<TypeName>().map_err(read)?),
        action: Some(action.parse::<ActionName>().map_err(read)?),
        expression: Some(expression.parse::<ExpressionText>().map_err(read)?),
        effect: None,
    })
}

impl TableRow for Able {
    const HEADER: &'static [&'static str] = &["id", "username", "how"];

    fn cells(&self) -> Vec<String> {
        vec![self.id.to_string(), self.username.clone(), self.how.reason.clone()]
    }
}

pub(super) async fn who(args: WhoCan, tool: &Tool) -> anyhow::Result<()> {
    let What { action: name, resource, properties, context, of } = args.what;
    let asking = asking(tool, of).await?;
    let (action, resource) = (action(&name), resource.entity(properties));
    let context = context.map(|Object(row)| Context(row));
    let mut list = List::begin(tool.output);
    let mut token = None;
    loop {
        let page = PageOfRequest::at(token.take(), AT_A_TIME);
        let cursor = Cursor::of(Some(&page), &"who-can")?;
        let question = (&action, &resource, context.as_ref());
        let found = who_can(&tool.app.access, &asking, question, &cursor).await?;
        list.add(&found.results)?;
        let next = found.page.next_token;
        if next.is_empty() {
            if found.anonymous {
                remark("whoever is not logged in can do it, too");
            }
            return list.end();
        }
        token = Some(next);
    }
}

impl TableRow for Abilities {
    const HEADER: &'static [&'static str] = &["type", "on all rows", "on some rows"];

    fn cells(&self) -> Vec<String> {
        let of = |rows: &str| {
            let names = self.actions.iter().filter(|action| action.rows == rows).map(|action| action.name.as_str());
            let names: Vec<&str> = names.collect();
            or_dash(Some(names.join(", ")).filter(|names| !names.is_empty()))
        };
        vec![self.kind.clone(), of("all"), of("some")]
    }
}

pub(super) async fn what(args: WhatCan, tool: &Tool) -> anyhow::Result<()> {
    let asking = asking(tool, args.of).await?;
    let subject = subject(args.person);
    let is_row = args.properties.is_some() || args.resource.as_ref().is_some_and(|resource| resource.id.is_some());
    let resource = args.resource.map(|resource| resource.entity(args.properties));
    let kind = resource.as_ref().map(|resource| resource.kind.as_str());
    let concerned = Concerned { kind, row: resource.as_ref().filter(|_| is_row), context: None };
    let mut list = List::begin(tool.output);
    let mut token = None;
    loop {
        let page = PageOfRequest::at(token.take(), AT_A_TIME);
        let cursor = Cursor::of(Some(&page), &"what-can")?;
        let found = abilities(&tool.app.access, &asking, (&subject, concerned), &cursor).await?;
        list.add(&found.results)?;
        if found.page.next_token.is_empty() {
            return list.end();
        }
        token = Some(found.page.next_token);
    }
}

/// An explanation, for people.
fn explained(told: &Explanation) -> String {
    let mut lines = vec![format!("{}: {}", if told.decision { "yes" } else { "no" }, told.reason)];
    lines.extend(told.policies.iter().flat_map(policy));
    lines.extend(told.grants.iter().flat_map(grant));
    if !told.missing.is_empty() {
        lines.push("missing:".to_owned());
        lines.extend(told.missing.iter().map(|missing| format!("  {missing}")));
    }
    lines.join("\n")
}

fn policy(policy: &ExplainedPolicy) -> Vec<String> {
    let ExplainedPolicy { id, action, table_name, outcome, .. } = policy;
    let mut lines = vec![format!("policy {id} ({action} on {table_name}) is {outcome}")];
    for part in &policy.parts {
        let value = part.value.as_ref().map_or_else(|| or_dash(part.error.as_ref()), ToString::to_string);
        let text = part.text.split_whitespace().collect::<Vec<_>>().join(" ");
        lines.push(format!("  {}{text}  -> {value}", "  ".repeat(part.depth)));
    }
    lines
}

fn grant(grant: &ExplainedGrant) -> Vec<String> {
    let named = |what: &str, name: &Option<String>| name.as_ref().map(|name| format!("{what} `{name}`"));
    let what = [named("role", &grant.role), named("permission", &grant.permission), named("group", &grant.group)];
    let mut text = format!("held by {}", what.into_iter().flatten().collect::<Vec<_>>().join(", "));
    if let Some(DecidingResource { kind, id }) = &grant.resource {
        let _ = write!(text, " on {kind} `{id}`");
    }
    if grant.is_supposed {
        text.push_str(" (supposed)");
    }
    text.push_str(&given(
        "granted",
        grant.created_at,
        grant.granted_by.as_ref(),
        grant.expires_at,
        grant.reason.as_deref(),
    ));
    let steps = grant.memberships.iter().map(|step| {
        let by = step.added_by.as_ref();
        let how = given("added", Some(step.created_at), by, step.expires_at, step.reason.as_deref());
        format!("  in the group `{}`{how}", step.group)
    });
    std::iter::once(text).chain(steps).collect()
}

/// `, granted on … by eva, until …: because`.
fn given(
    did: &str,
    at: Option<OffsetDateTime>,
    by: Option<&Reviewer>,
    until: Option<OffsetDateTime>,
    reason: Option<&str>,
) -> String {
    let at = at.map(|at| format!(", {did} on {}", shown(at))).unwrap_or_default();
    let by = by.map(|by| format!(" by {}", by.username)).unwrap_or_default();
    let until = until.map(|until| format!(", until {}", shown(until))).unwrap_or_default();
    let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("{at}{by}{until}{reason}")
}

fn shown(moment: OffsetDateTime) -> String {
    moment.format(&Rfc3339).unwrap_or_default()
}
