//! `portero policy`: who may do what to which row of a service.

mod diff;
mod schema;
mod store;

use anyhow::{Context, bail};
use clap::Subcommand;
use serde_json::json;
use sqlx::PgConnection;

use super::output::{Row, count, line, or_dash, remark};
use super::tool::{Tool, list_all};
use super::typed_ref::{TypedRef, name_of_service};
use crate::access::policies::{
    self, ActionName, Effect, ExpressionText, NewPolicy, Policy, PolicySettingsChange, TypeName, row_security,
};
use crate::access::services;
use crate::base::id::{PolicyId, ServiceId};
use crate::base::names::Description;
use crate::base::patch::Patch;
use crate::base::secret::Secret;
use crate::gate::audit::AuditedTx;
use crate::platform::http::Page;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List a service's policies.
    List {
        #[command(flatten)]
        of: OfService,
    },
    /// Create a policy (does nothing if the same one exists).
    Add {
        /// The type of resource that it is about, or `all`.
        table_name: TypeName,
        /// create, read, update, delete, read_mine, a name of your own, or `all`.
        action: ActionName,
        /// What must be true, in SQL: `user_id = auth_user.id`. Empty holds for everybody.
        expression: ExpressionText,
        /// What it is for, in one line.
        description: Option<Description>,
        /// It must hold, too, whatever others permit.
        #[arg(long)]
        restrictive: bool,
        #[command(flatten)]
        of: OfService,
    },
    /// Remove a policy.
    Remove {
        /// Its id.
        id: i32,
        /// Id or name of its service: a policy of another one is not removed.
        #[arg(long)]
        service: Option<TypedRef<ServiceId>>,
    },
    /// Let policies decide in a service. One that has none gets the three usual ones.
    Enable {
        #[command(flatten)]
        of: OfService,
    },
    /// Let permissions decide again: one that is called like the action, or `type:action`.
    Disable {
        #[command(flatten)]
        of: OfService,
    },
    /// Print a service's policies for its own database.
    Export {
        /// As `create policy` statements: the service's own Postgres then enforces them.
        #[arg(long, required = true)]
        row_security: bool,
        /// Id or name, as of `--service`.
        #[arg(value_name = "SERVICE", conflicts_with = "service")]
        named: Option<TypedRef<ServiceId>>,
        #[command(flatten)]
        of: OfService,
    },
    /// Show who would gain and who would lose what by a change of policies, before it is made.
    Diff(diff::Args),
    /// Declare a service's resource types as the tables of its own database.
    Schema(schema::Args),
}

#[derive(Debug, clap::Args)]
pub(super) struct OfService {
    /// Id or name; may be left out while there is one service only.
    #[arg(long)]
    service: Option<TypedRef<ServiceId>>,
}

impl OfService {
    /// The service that is meant.
    pub(super) async fn find(self, conn: &mut PgConnection) -> anyhow::Result<ServiceId> {
        if let Some(service) = self.service {
            return service.find(conn).await;
        }
        let all = services::store::list(conn, &Page::first(None)).await?;
        match &all[..] {
            [one] => Ok(one.id),
            [] => bail!("there is no service yet; `portero service add <name>` makes one"),
            _ => bail!("there are several services: say which one with `--service`; `portero service list` shows all"),
        }
    }
}

impl Row for Policy {
    const HEADER: &'static [&'static str] = &["id", "table", "action", "effect", "expression", "description"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.table_name.clone(),
            self.action.clone(),
            self.effect.to_string(),
            self.expression.clone(),
            or_dash(self.description.as_ref()),
        ]
    }
}

pub(super) async fn run(command: Command, tool: &Tool) -> anyhow::Result<()> {
    let mut tx = tool.begin().await?;
    match command {
        Command::List { of } => {
            let service = of.find(&mut tx).await?;
            if policies::settings(&mut tx, service).await?.shown.policies_decide == Some(false) {
                remark(OFF);
            }
            let list = async |page: &_| policies::store::policies::list(&mut tx, service, page, (None, None)).await;
            list_all(tool.output, None, |policy: &Policy| policy.id.0, list).await
        }
        Command::Add { table_name, action, expression, description, restrictive, of } => {
            let service = of.find(&mut tx).await?;
            let effect = if restrictive { Effect::Restrictive } else { Effect::Permissive };
            let new = NewPolicy { table_name, action, expression, description, effect };
            let made = policies::create(&mut tx, service, &new).await?;
            // One that does not decide would surprise whoever has just made it.
            if policies::settings(&mut tx, service).await?.shown.policies_decide == Some(false) {
                remark(OFF);
            }
            tx.commit([]).await?;
            let did = if made.is_new() { "Created" } else { "Already exists:" };
            let policy = made.get();
            let sentence = format_args!("{did} policy {}: {} on {}.", policy.id, policy.action, policy.table_name);
            tool.output.done(policy, sentence)
        }
        Command::Remove { id, service } => {
            let id = PolicyId(id);
            let policy = policies::store::policies::find(&mut tx, id).await?;
            let found = policy.with_context(|| format!("there is no policy {id}"))?.service_id;
            let service = match service {
                Some(service) => service.find(&mut tx).await?,
                None => found,
            };
            if service != found {
                let (named, found) = (name_of_service(&mut tx, service).await?, name_of_service(&mut tx, found).await?);
                bail!("policy {id} is not one of {named}, but of {found}");
            }
            let policy = policies::remove(&mut tx, (service, id), None).await?;
            tx.commit([]).await?;
            tool.output.done(&policy, format_args!("Removed policy {id}."))
        }
        Command::Enable { of } => let_decide(tx, tool, of, true).await,
        Command::Disable { of } => let_decide(tx, tool, of, false).await,
        Command::Export { named, of, .. } => {
            let service = OfService { service: named.or(of.service) }.find(&mut tx).await?;
            let set = policies::store::load::load(&mut tx, service).await?.map(policies::PolicySet::of);
            let place = name_of_service(&mut tx, service).await?;
            let set = set.with_context(|| format!("{place} has no policies"))?;
            if !set.policies_decide {
                remark(OFF);
            }
            line(row_security::statements(&set, service)?.trim_end())
        }
        Command::Diff(args) => diff::show(args, tx, tool).await,
        Command::Schema(args) => schema::declare_tables(args, tx, tool).await,
    }
}

async fn let_decide(mut tx: AuditedTx, tool: &Tool, of: OfService, decide: bool) -> anyhow::Result<()> {
    let service = of.find(&mut tx).await?;
    let change = PolicySettingsChange { policies_decide: Patch::Set(decide), permissions_decide: None };
    let settled = policies::settle(&mut tx, service, change, None).await?;
    let counted = policies::store::policies::count(&mut tx, service).await?.policies;
    let place = name_of_service(&mut tx, service).await?;
    tx.commit([]).await?;
    let who = if decide { "Policies decide" } else { "Policies do not decide" };
    let shown = json!({ "service_id": service, "settings": settled.shown, "policies": counted });
    let counted = count(counted.unsigned_abs(), "policy", "policies");
    tool.output.done(&shown, format_args!("{who} in {place}. It has {counted}."))
}

/// What to say of policies that do not decide.
const OFF: &str = "policies do not decide in this service: `portero policy enable` changes that";

/// The URL of somebody's database, which need not be an argument that everybody on this machine can read.
fn given(url: Secret) -> anyhow::Result<Secret> {
    if url.expose() != "-" {
        return Ok(url);
    }
    let url = super::ask::secret("URL of the service's database: ")?;
    Ok(url.trim().to_owned().into())
}
