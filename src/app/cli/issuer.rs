//! `portero issuer`: whose tokens a service takes, besides Portero's own.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::ask::secret;
use super::output::{Row, or_dash};
use super::tool::{Tool, list_all};
use super::typed_ref::{TypedRef, name_of_service};
use super::user::moment;
use crate::access::issuers::{
    AudienceName, ClaimName, IssuerChange, IssuerName, IssuerSecret, Keys, Leeway, NewIssuer, TrustedIssuer, change,
    distrust, store, trust,
};
use crate::base::id::{Id, IssuerId, Ref, ServiceId};
use crate::base::patch::Patch;
use crate::gate::foreign::PersonBy;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Trust an issuer: the service takes its tokens for people. It can speak for everybody there.
    Add(AddArgs),
    /// List the issuers that a service trusts.
    List {
        /// Id or name.
        service: TypedRef<ServiceId>,
        /// Only issuers that start with this.
        #[arg(long, value_name = "TEXT")]
        beginning: Option<String>,
    },
    /// Show an issuer that a service trusts. Its secret is not shown.
    Show {
        /// Id or name.
        service: TypedRef<ServiceId>,
        /// The trusted issuer's id.
        issuer: TypedRef<IssuerId>,
    },
    /// Change what a service takes of an issuer.
    Change(ChangeArgs),
    /// Stop trusting an issuer. Its tokens are refused in the very next check.
    Remove {
        /// Id or name.
        service: TypedRef<ServiceId>,
        /// The trusted issuer's id.
        issuer: TypedRef<IssuerId>,
    },
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// Id or name.
    service: TypedRef<ServiceId>,
    /// The claim `iss` of its tokens, to the letter; left out for tokens that have none (with --secret only).
    #[arg(long)]
    issuer: Option<IssuerName>,
    #[command(flatten)]
    keys: KeyArgs,
    /// What the claim `aud` must name; may be given several times.
    #[arg(long, value_name = "NAME")]
    audience: Vec<AudienceName>,
    /// By so many seconds its clock may be ahead, at most 300.
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    leeway: Leeway,
    /// The claim that names the person.
    #[arg(long, value_name = "CLAIM", default_value = "sub")]
    claim: ClaimName,
    /// How that claim names the person.
    #[arg(long, value_name = "HOW")]
    by: PersonBy,
}

#[derive(Debug, Args)]
pub(super) struct ChangeArgs {
    /// Id or name.
    service: TypedRef<ServiceId>,
    /// The trusted issuer's id.
    issuer: TypedRef<IssuerId>,
    #[command(flatten)]
    new: NewFacts,
    #[command(flatten)]
    keys: KeyArgs,
}

/// What an issuer signs with.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(super) struct KeyArgs {
    /// A secret that both have (HS256): asked for, or the first line of standard input.
    #[arg(long)]
    secret: bool,
    /// A file with its public keys (a JWK set).
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// Where it publishes them.
    #[arg(long, value_name = "URL")]
    jwks_uri: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct NewFacts {
    /// Another claim `iss`.
    #[arg(long, value_name = "ISSUER")]
    name: Option<IssuerName>,
    /// Its tokens have no `iss`.
    #[arg(long, conflicts_with = "name")]
    no_name: bool,
    /// What the claim `aud` must name, instead of those until now; may be given several times.
    #[arg(long, value_name = "NAME")]
    audience: Vec<AudienceName>,
    /// Look at `aud` no longer.
    #[arg(long, conflicts_with = "audience")]
    no_audiences: bool,
    /// By so many seconds its clock may be ahead, at most 300.
    #[arg(long, value_name = "SECONDS")]
    leeway: Option<Leeway>,
    /// The claim that names the person.
    #[arg(long, value_name = "CLAIM")]
    claim: Option<ClaimName>,
    /// How that claim names the person.
    #[arg(long, value_name = "HOW")]
    by: Option<PersonBy>,
}

impl Row for TrustedIssuer {
    const HEADER: &'static [&'static str] = &["id", "issuer", "audiences", "keys", "person", "since"];

    fn cells(&self) -> Vec<String> {
        let keys = match (&self.jwks_uri, self.has_secret) {
            (Some(uri), _) => uri.clone(),
            (None, true) => "secret".to_owned(),
            (None, false) => "given".to_owned(),
        };
        let audiences = Some(self.audiences.join(", ")).filter(|names| !names.is_empty());
        let person = format!("{} by {}", self.person_claim, self.person_by.as_str());
        let since = moment(self.created_at);
        vec![self.id.to_string(), or_dash(self.issuer.as_ref()), or_dash(audiences), keys, person, since]
    }
}

pub(super) async fn run(command: Command, tool: &Tool) -> anyhow::Result<()> {
    match command {
        Command::Add(args) => add(args, tool).await,
        Command::Change(args) => change_one(args, tool).await,
        Command::List { service, beginning } => {
            let mut tx = tool.begin().await?;
            let service = service.find(&mut tx).await?;
            let list = async |page: &_| store::list(&mut tx, service, page).await;
            list_all(tool.output, beginning, |issuer: &TrustedIssuer| issuer.id.0, list).await
        }
        Command::Show { service, issuer } => {
            let mut tx = tool.begin().await?;
            let service = service.find(&mut tx).await?;
            let shown = store::find(&mut tx, service, id(&issuer)?).await?.ok_or_else(IssuerId::not_found)?;
            let place = name_of_service(&mut tx, service).await?;
            tool.output.done(&shown, told(&shown, "Issuer", &place))
        }
        Command::Remove { service, issuer } => {
            let mut tx = tool.begin().await?;
            let service = service.find(&mut tx).await?;
            let id = id(&issuer)?;
            distrust(&mut tx, (service, id), None).await?;
            let place = name_of_service(&mut tx, service).await?;
            tx.commit([]).await?;
            let said = json!({"status": "issuer_removed", "service_id": service, "issuer_id": id});
            tool.output.done(&said, format_args!("Done: {place} no longer trusts issuer {id}."))
        }
    }
}

async fn add(args: AddArgs, tool: &Tool) -> anyhow::Result<()> {
    let KeysToRead { secret, jwks, jwks_uri } = args.keys.read()?;
    let mut tx = tool.begin().await?;
    let service = args.service.find(&mut tx).await?;
    let new = NewIssuer {
        issuer: args.issuer,
        audiences: args.audience,
        leeway_seconds: Some(args.leeway),
        person_claim: Some(args.claim),
        person_by: args.by,
        secret,
        jwks,
        jwks_uri,
    };
    let named = (new.secret.as_ref(), new.jwks.as_ref(), new.jwks_uri.as_deref());
    let keys = Keys::read(&tool.app, service, named).await?;
    let made = trust(&tool.app, &mut tx, service, (&new, keys)).await?;
    let place = name_of_service(&mut tx, service).await?;
    tx.commit([]).await?;
    tool.output.done(&made, told(&made, "Trusted issuer", &place))
}

async fn change_one(args: ChangeArgs, tool: &Tool) -> anyhow::Result<()> {
    let wanted = args.new.change(args.keys.read()?);
    wanted.must_change_something()?;
    let mut tx = tool.begin().await?;
    let service = args.service.find(&mut tx).await?;
    let named = (wanted.secret.as_ref(), wanted.jwks.as_ref(), wanted.jwks_uri.as_deref());
    let keys = Keys::read(&tool.app, service, named).await?;
    let changed = change(&tool.app, &mut tx, (service, id(&args.issuer)?), (&wanted, keys), None).await?.shown;
    let place = name_of_service(&mut tx, service).await?;
    tx.commit([]).await?;
    tool.output.done(&changed, told(&changed, "Changed issuer", &place))
}

fn id(issuer: &TypedRef<IssuerId>) -> anyhow::Result<IssuerId> {
    match issuer.row {
        Ref::Id(id) => Ok(id),
        _ => bail!("`{}` is not the id of a trusted issuer", issuer.text),
    }
}

/// What there is to say of one, and what to make better.
fn told(issuer: &TrustedIssuer, what: &str, place: &str) -> String {
    let name = issuer.issuer.as_deref().unwrap_or("without a name");
    let by = issuer.person_by.as_str();
    let mut lines =
        vec![format!("{what} {} ({name}) of {place}: `{}` names people by {by}.", issuer.id, issuer.person_claim)];
    lines.extend(issuer.remarks.iter().map(|remark| format!("Note: {remark}.")));
    lines.join("\n")
}

struct KeysToRead {
    secret: Option<IssuerSecret>,
    jwks: Option<Value>,
    jwks_uri: Option<String>,
}

impl KeyArgs {
    fn read(self) -> anyhow::Result<KeysToRead> {
        let secret = if self.secret {
            let typed = secret("The secret that the issuer signs with: ")?;
            Some(IssuerSecret::try_from(typed).map_err(|fault| anyhow::anyhow!("the secret {fault}"))?)
        } else {
            None
        };
        let jwks = match &self.jwks {
            None => None,
            Some(path) => {
                let text = std::fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
                Some(serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", path.display()))?)
            }
        };
        Ok(KeysToRead { secret, jwks, jwks_uri: self.jwks_uri })
    }
}

impl NewFacts {
    fn change(self, keys: KeysToRead) -> IssuerChange {
        IssuerChange {
            issuer: match self.name {
                Some(issuer) => Patch::Set(issuer),
                None if self.no_name => Patch::Clear,
                None => Patch::Keep,
            },
            audiences: (self.no_audiences || !self.audience.is_empty()).then_some(self.audience),
            leeway_seconds: self.leeway,
            person_claim: self.claim,
            person_by: self.by,
            secret: keys.secret,
            jwks: keys.jwks,
            jwks_uri: keys.jwks_uri,
        }
    }
}
