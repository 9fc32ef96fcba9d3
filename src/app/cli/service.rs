//! `portero service`: the backends that people have roles in.

use clap::Subcommand;
use serde_json::json;

use super::output::{Row, or_dash, taken};
use super::tool::{Tool, everything, list_all};
use super::typed_ref::TypedRef;
use super::{registration_token, service_key};
use crate::access::grants;
use crate::access::services::{self, ClaimNames, NewService, Service, ServiceChange, ServiceName, store};
use crate::base::attributes::AttributeName;
use crate::base::id::{RoleId, ServiceId};
use crate::base::names::Description;
use crate::base::patch::Patch;
use crate::gate;
use crate::gate::audit::AuditedTx;
use crate::gate::store::queue_for_administrators;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create a service (does nothing if it exists).
    Add {
        /// Its name.
        name: ServiceName,
        /// What it is for, in one line.
        #[arg(long)]
        description: Option<Description>,
        /// An attribute of people that its backends are told; may be given several times.
        #[arg(long, value_name = "ATTRIBUTE")]
        claim: Vec<AttributeName>,
    },
    /// List services, without Portero itself (service 0).
    List {
        /// Only names that start with this.
        #[arg(long, value_name = "TEXT")]
        beginning: Option<String>,
    },
    /// Change a service's name, description or claims.
    Change {
        /// Id or name.
        service: TypedRef<ServiceId>,
        #[command(flatten)]
        new: NewFacts,
    },
    /// Remove a service. All roles in it are lost, its clients are deleted, and its name becomes free.
    Remove {
        /// Id or name.
        service: TypedRef<ServiceId>,
    },
    /// Add roles to a service.
    AddRole(OfferArgs),
    /// Remove roles from a service and from everybody who holds them there.
    RemoveRole(OfferArgs),
    /// Manage the keys of a service's backends.
    #[command(subcommand)]
    Key(service_key::Command),
    /// Manage the initial access tokens with which programs register themselves as clients of a service.
    #[command(subcommand)]
    RegistrationToken(registration_token::Command),
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub(super) struct NewFacts {
    /// Its new name; whoever asks by the old one finds nothing.
    #[arg(long)]
    name: Option<ServiceName>,
    /// What it is for, in one line.
    #[arg(long)]
    description: Option<Description>,
    /// Describe it no longer.
    #[arg(long, conflicts_with = "description")]
    no_description: bool,
    /// An attribute of people that its backends are told, instead of those until now; may be given several times.
    #[arg(long, value_name = "ATTRIBUTE")]
    claim: Vec<AttributeName>,
    /// Tell its backends no attributes any longer.
    #[arg(long, conflicts_with = "claim")]
    no_claims: bool,
}

impl NewFacts {
    fn change(self) -> anyhow::Result<ServiceChange> {
        let description = match self.description {
            Some(description) => Patch::Set(description),
            None if self.no_description => Patch::Clear,
            None => Patch::Keep,
        };
        let claims = match named(self.claim)? {
            Some(claims) => Patch::Set(claims),
            None if self.no_claims => Patch::Clear,
            None => Patch::Keep,
        };
        Ok(ServiceChange { name: self.name, description, claims })
    }
}

fn named(claims: Vec<AttributeName>) -> anyhow::Result<Option<ClaimNames>> {
    let claims = if claims.is_empty() { None } else { Some(claims.try_into().map_err(anyhow::Error::msg)?) };
    Ok(claims)
}

#[derive(Debug, clap::Args)]
pub(super) struct OfferArgs {
    /// Id or name.
    service: TypedRef<ServiceId>,
    /// Ids or names.
    #[arg(required = true, allow_negative_numbers = true)]
    roles: Vec<TypedRef<RoleId>>,
}

impl Row for Service {
    const HEADER: &'static [&'static str] = &["id", "name", "description"];

    fn cells(&self) -> Vec<String> {
        vec![self.id.to_string(), self.name.clone(), or_dash(self.description.as_ref())]
    }
}

pub(super) async fn run(command: Command, tool: &Tool) -> anyhow::Result<()> {
    let mut tx = tool.begin().await?;
    match command {
        Command::Add { name, description, claim } => {
            let made = services::create(&mut tx, &NewService { name, description, claims: named(claim)? }).await?;
            let service = made.get();
            tx.commit([]).await?;
            let did = if made.is_new() { "Created" } else { "Already exists:" };
            tool.output.done(service, format_args!("{did} service {} `{}`.", service.id, service.name))
        }
        Command::List { beginning } => {
            let list = async |page: &_| store::list(&mut tx, page).await;
            list_all(tool.output, beginning, |service: &Service| service.id.0, list).await
        }
        Command::Change { service, new } => {
            let id = service.find(&mut tx).await?;
            id.must_not_be_built_in()?;
            gate::store::services::lock(&mut tx, id).await?;
            let before = store::get(&mut tx, id).await?;
            let service = services::change(&mut tx, before, &new.change()?).await?.shown;
            tx.commit([]).await?;
            tool.output.done(&service, format_args!("Changed service {id} `{}`.", service.name))
        }
        Command::Remove { service } => {
            let id = service.find(&mut tx).await?;
            id.must_not_be_built_in()?;
            let service = store::get(&mut tx, id).await?;
            let subjects = gate::store::services::subjects_of_clients(&mut tx, id).await?;
            gate::store::people::lock_all(&mut tx, &subjects).await?;
            services::remove(&mut tx, &service).await?;
            tx.commit([]).await?;
            tool.output.done(&service, format_args!("Removed service {id} `{}`.", service.name))
        }
        Command::AddRole(offer) => change(tool, tx, &offer, true).await,
        Command::RemoveRole(offer) => change(tool, tx, &offer, false).await,
        Command::Key(command) => service_key::run(command, tool, tx).await,
        Command::RegistrationToken(command) => registration_token::run(command, tool, tx).await,
    }
}

async fn change(tool: &Tool, mut tx: AuditedTx, offer: &OfferArgs, add: bool) -> anyhow::Result<()> {
    let service = offer.service.find(&mut tx).await?;
    if service == ServiceId::PORTERO {
        // In the order of `access`, so that nobody waits in a circle.
        queue_for_administrators(&mut tx).await?;
    }
    let (mut revoked, mut missing) = (false, Vec::new());
    for named in &offer.roles {
        let is_strict = !add || service == ServiceId::PORTERO;
        let role = if is_strict { named.find_one(&mut tx).await? } else { named.find(&mut tx).await? };
        if add {
            grants::offer(&mut tx, service, role).await?;
        } else if grants::withdraw(&mut tx, service, role).await? {
            revoked = true;
        } else {
            missing.push(named.text.as_str());
        }
    }
    let list = async |page: &_| grants::store::offered(&mut tx, service, page).await;
    let roles = everything(|role: &crate::access::roles::Role| role.id.0, list).await?;
    tx.commit([]).await?;
    let names: Vec<&str> = roles.iter().map(|role| role.name.as_str()).collect();
    let now =
        format!("Service {service} offers: {}.", if names.is_empty() { "no role".into() } else { names.join(", ") });
    if add {
        return tool.output.done(&json!({ "service_id": service, "roles": roles }), now);
    }
    let answer = json!({ "service_id": service, "roles": roles, "revoked": revoked });
    tool.output.done(&answer, format_args!("{}{now}", taken(revoked, "It did not offer", &missing)))
}
