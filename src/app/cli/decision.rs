//! `portero explain`, `who-can`, `what-can`, `simulate`: why, who, and what if.

use std::iter::once;
use std::str::FromStr;

use anyhow::bail;
use time::OffsetDateTime;

use super::expires::Expires;
use super::explained::explained;
use super::output::{List, Row as TableRow, or_dash, remark};
use super::policy::OfService;
use super::tool::Tool;
use crate::access::authzen::{ANONYMOUS, ActionEntity, Asked, Context, Cursor, Entity, PageOfRequest, USER};
use crate::access::explanations::{Abilities, Able, Change, Concerned, abilities, simulate, who_can};
use crate::access::grants::RequestedEnd;
use crate::access::policies::language::Row;
use crate::access::policies::store::candidates;
use crate::access::policies::{ActionName, Asking, Edits, ExpressionText, PolicyEdit, TypeName};
use crate::base::id::{PersonId, Ref, RoleId, ServiceId};
use crate::gate::store::people;

/// So many results are asked for at once.
const AT_A_TIME: u32 = 500;

/// So many people are asked about, to find out why it is nobody.
const MOST_ASKED: i64 = 20;

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
    /// As if policies decided in the service; with `=false`, as if they did not.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    policies_decide: Option<bool>,
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

/// A person, who must be there: of others a decision says only that it is a no.
async fn somebody(tool: &Tool, asking: &Asking, person: String) -> anyhow::Result<Entity> {
    let subject = subject(person);
    if subject.kind == ANONYMOUS {
        return Ok(subject);
    }
    let there = asking.one_beyond(&tool.app.access, subject.named(), None, tool.app.clock.now()).await?;
    if there.who.is_none() {
        let name = &subject.id;
        match people::find(&mut *tool.app.db.read().await?, &Ref::parse(name)).await? {
            Some(_) => remark(&format!("`{name}` is disabled: everything is refused")),
            None => bail!("there is no person `{name}`; `portero user list` shows all"),
        }
    }
    Ok(subject)
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
    let (subject, action) = (somebody(tool, &asking, person).await?, action(&what.action));
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
            policies_decide: args.policies_decide,
        },
    };
    let (subject, action) = (somebody(tool, &asking, person).await?, action(&what.action));
    let (resource, context) = (what.resource.entity(what.properties), what.context.map(|Object(row)| Context(row)));
    let asked = Asked { subject: &subject, action: &action, resource: &resource, context: context.as_ref() };
    let told = simulate(&tool.app.access, &asking, asked, &change).await?;
    let (before, after) = (explained(&told.before), explained(&told.after));
    let sum = match (told.changes, told.after.decision) {
        (false, _) => "Nothing changes.",
        (true, true) => "Changes to yes.",
        (true, false) => "Changes to no.",
    };
    let text = format!("Now: {before}\n\nThen: {after}\n\n{sum}");
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
    let service = of.find(&mut *tool.app.db.read().await?).await?;
    let asking = Asking::at_the_command_line(service);
    let (action, resource) = (action(&name), resource.entity(properties));
    let context = context.map(|Object(row)| Context(row));
    let question = (&action, &resource, context.as_ref());
    let mut list = List::begin(tool.output);
    let (mut token, mut anybody) = (None, false);
    loop {
        let page = PageOfRequest::at(token.take(), AT_A_TIME);
        let cursor = Cursor::of(Some(&page), &"who-can")?;
        let found = who_can(&tool.app.access, &asking, question, &cursor).await?;
        list.add(&found.results)?;
        anybody |= found.anonymous || !found.results.is_empty();
        let next = found.page.next_token;
        if next.is_empty() {
            if found.anonymous {
                remark("whoever is not logged in can do it, too");
            }
            if let (false, Some(why)) = (anybody, why_nobody(tool, (&asking, service), question).await?) {
                remark(&why);
            }
            return list.end();
        }
        token = Some(next);
    }
}

/// Why nobody can do it, if that is another reason than what people hold: an error of a policy, or no policy.
async fn why_nobody(
    tool: &Tool,
    (asking, service): (&Asking, ServiceId),
    (action, resource, context): (&ActionEntity, &Entity, Option<&Context>),
) -> anyhow::Result<Option<String>> {
    let now = tool.app.clock.now();
    let mut conn = tool.app.db.read().await?;
    let people = candidates::next(&mut conn, (service, true), PersonId(0), MOST_ASKED, now).await?;
    drop(conn);
    for person in once("-".to_owned()).chain(people.iter().map(ToString::to_string)) {
        let subject = subject(person);
        let asked = Asked { subject: &subject, action, resource, context };
        let told = simulate(&tool.app.access, asking, asked, &Change::default()).await?.after;
        if told.policies.is_empty() {
            return Ok(Some(told.reason));
        }
        if let Some((policy, error)) = told.policies.iter().find_map(|policy| Some((policy, policy.error.as_ref()?))) {
            let (id, on) = (policy.id, &policy.table_name);
            let advice = "`--properties` takes what is known of the resource";
            return Ok(Some(format!("policy {id} ({} on {on}) has an error: {error} ({advice})", policy.action)));
        }
    }
    Ok(None)
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
    let subject = somebody(tool, &asking, args.person).await?;
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
