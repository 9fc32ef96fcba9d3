//! `portero provider`: other identity providers, by which people log in here.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use super::ask::secret;
use super::by_option::by_option;
use super::output::Row;
use super::tool::{Tool, list_all};
use super::typed_ref::TypedRef;
use super::user::moment;
use crate::base::attributes::AttributeName;
use crate::base::id::{ProviderId, Ref};
use crate::base::names::ClaimName;
use crate::base::patch::Patch;
use crate::identity::providers::{
    DisplayName, Kind, NewProvider, Newcomers, Provider, ProviderChange, ProviderIssuer, ProviderName, ProviderSecret,
    RemoteClientId, Scope, Sealed, WantedMapping, add, change, remove, store,
};

/// What requests call what these options say.
const OPTIONS: &[(&str, &str)] = &[
    ("issuer", "--issuer"),
    ("scopes", "--scope"),
    ("attributes", "--attribute"),
    ("groups", "--group"),
    ("invalid_group_id", "--group"),
    ("group_not_found", "--group"),
];

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Add an identity provider: the login page offers it from now on.
    Add(AddArgs),
    /// List identity providers.
    List {
        /// Only names that start with this.
        #[arg(long, value_name = "TEXT")]
        beginning: Option<String>,
    },
    /// Show an identity provider. Its secret is not shown.
    Show {
        /// Id or name.
        provider: TypedRef<ProviderId>,
    },
    /// Change an identity provider.
    Change(ChangeArgs),
    /// Remove an identity provider with all links to accounts there. Sessions that began there end.
    Remove {
        /// Id or name.
        provider: TypedRef<ProviderId>,
    },
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// What addresses name it by: 1 to 40 small letters, digits and `-`, a letter first. It stays.
    name: ProviderName,
    /// What it calls itself in its ID tokens, to the letter; of GitHub's kind https://github.com, or the address of your GitHub Enterprise Server.
    #[arg(long)]
    issuer: ProviderIssuer,
    /// What it calls Portero.
    #[arg(long)]
    client_id: RemoteClientId,
    /// Portero is a public client there. Otherwise its secret is asked for, or is the first line of standard input.
    #[arg(long)]
    no_secret: bool,
    /// What it speaks.
    #[arg(long, default_value = "oidc")]
    kind: Kind,
    /// What people read; the name by default.
    #[arg(long, value_name = "TEXT")]
    display_name: Option<DisplayName>,
    /// What to ask for; may be given several times.
    #[arg(long, value_name = "SCOPE")]
    scope: Vec<Scope>,
    /// Who may come that nobody here is linked with.
    #[arg(long, value_name = "WHO", default_value = "off")]
    newcomers: Newcomers,
    #[command(flatten)]
    mapping: MappingArgs,
}

/// What of its claims becomes what here.
#[derive(Debug, Args)]
pub(super) struct MappingArgs {
    /// An attribute of people, and the claim that it is read from; may be given several times.
    #[arg(long, value_name = "ATTRIBUTE=CLAIM")]
    attribute: Vec<String>,
    /// The claim that names groups.
    #[arg(long, value_name = "CLAIM")]
    groups_claim: Option<ClaimName>,
    /// What that claim says, and the group that people come into by it; may be given several times.
    #[arg(long, value_name = "VALUE=GROUP")]
    group: Vec<String>,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "a flag an option")]
pub(super) struct ChangeArgs {
    /// Id or name.
    provider: TypedRef<ProviderId>,
    /// What people read.
    #[arg(long, value_name = "TEXT")]
    display_name: Option<DisplayName>,
    /// What it calls Portero.
    #[arg(long)]
    client_id: Option<RemoteClientId>,
    /// Another secret: asked for, or the first line of standard input.
    #[arg(long)]
    secret: bool,
    /// Portero is a public client there.
    #[arg(long, conflicts_with = "secret")]
    no_secret: bool,
    /// What to ask for, instead of what is until now; may be given several times.
    #[arg(long, value_name = "SCOPE")]
    scope: Vec<Scope>,
    /// Who may come that nobody here is linked with.
    #[arg(long, value_name = "WHO")]
    newcomers: Option<Newcomers>,
    #[command(flatten)]
    mapping: MappingArgs,
    /// Read no attributes from its claims.
    #[arg(long, conflicts_with = "attribute")]
    no_attributes: bool,
    /// Put nobody into groups.
    #[arg(long, conflicts_with_all = ["group", "groups_claim"])]
    no_groups: bool,
    /// Let nobody in by it, until --enable.
    #[arg(long)]
    disable: bool,
    /// Let people in by it again.
    #[arg(long, conflicts_with = "disable")]
    enable: bool,
}

impl Row for Provider {
    const HEADER: &'static [&'static str] = &["id", "name", "kind", "issuer", "newcomers", "enabled", "since"];

    fn cells(&self) -> Vec<String> {
        let enabled = if self.enabled { "yes" } else { "no" };
        vec![
            self.id.to_string(),
            self.name.clone(),
            self.kind.as_str().to_owned(),
            self.issuer.clone(),
            self.newcomers.as_str().to_owned(),
            enabled.to_owned(),
            moment(self.created_at),
        ]
    }
}

pub(super) async fn run(command: Command, tool: &Tool) -> anyhow::Result<()> {
    let own = tool.app.foreign.own_issuer();
    match command {
        Command::Add(args) => add_one(args, tool).await,
        Command::Change(args) => change_one(args, tool).await,
        Command::List { beginning } => {
            let mut tx = tool.begin().await?;
            let list = async |page: &_| {
                let rows = store::list(&mut tx, page).await?;
                Ok(rows.into_iter().map(|row| row.shown(own)).collect())
            };
            list_all(tool.output, beginning, |provider: &Provider| provider.id.0, list).await
        }
        Command::Show { provider } => {
            let shown = named(tool, &provider).await?.shown(own);
            tool.output.done(&shown, described(tool, &shown))
        }
        Command::Remove { provider } => {
            let id = named(tool, &provider).await?.id;
            let mut tx = tool.begin().await?;
            let removed = remove(&tool.app, &mut tx, id, None).await?;
            tx.commit([]).await?;
            let said = json!({"status": "provider_removed", "provider_id": id});
            tool.output.done(&said, format_args!("Done: nobody logs in by {} any more.", removed.name))
        }
    }
}

async fn named(tool: &Tool, provider: &TypedRef<ProviderId>) -> anyhow::Result<store::Row> {
    let mut tx = tool.begin().await?;
    let found = store::find(&mut tx, &provider.row).await?;
    found.with_context(|| format!("there is no identity provider `{}`", provider.text))
}

async fn add_one(args: AddArgs, tool: &Tool) -> anyhow::Result<()> {
    let client_secret = if args.no_secret { None } else { Some(read_secret()?) };
    let new = NewProvider {
        display_name: args.display_name,
        kind: args.kind,
        issuer: args.issuer,
        client_id: args.client_id,
        client_secret,
        scopes: Some(args.scope).filter(|scopes| !scopes.is_empty()),
        newcomers: args.newcomers,
        attributes: attributes(&args.mapping.attribute)?,
        groups_claim: args.mapping.groups_claim,
        groups: groups(&args.mapping.group)?,
        name: args.name,
    };
    let sealed = match &new.client_secret {
        Some(secret) => Some(Sealed::seal(&tool.app, new.name.as_str(), secret.as_bytes()).await?),
        None => None,
    };
    let mut tx = tool.begin().await?;
    let made = add(&tool.app, &mut tx, &new, sealed).await.map_err(|error| by_option(error, OPTIONS))?;
    tx.commit([]).await?;
    tool.output.done(&made, told(tool, &made, "Added identity provider"))
}

async fn change_one(args: ChangeArgs, tool: &Tool) -> anyhow::Result<()> {
    let row = named(tool, &args.provider).await?;
    let secret = match (args.secret, args.no_secret) {
        (true, _) => {
            let secret = read_secret()?;
            Patch::Set(Sealed::seal(&tool.app, &row.stored.name, secret.as_bytes()).await?)
        }
        (_, true) => Patch::Clear,
        _ => Patch::Keep,
    };
    let wanted = ProviderChange {
        display_name: args.display_name,
        client_id: args.client_id,
        client_secret: Patch::Keep,
        scopes: Some(args.scope).filter(|scopes| !scopes.is_empty()),
        newcomers: args.newcomers,
        attributes: match attributes(&args.mapping.attribute)? {
            none if none.is_empty() => args.no_attributes.then(BTreeMap::new),
            some => Some(some),
        },
        groups_claim: match args.mapping.groups_claim {
            Some(claim) => Patch::Set(claim),
            None if args.no_groups => Patch::Clear,
            None => Patch::Keep,
        },
        groups: match groups(&args.mapping.group)? {
            none if none.is_empty() => args.no_groups.then(Vec::new),
            some => Some(some),
        },
        enabled: (args.enable || args.disable).then_some(args.enable),
        ..ProviderChange::default()
    };
    if secret.keeps() {
        wanted.must_change_something()?;
    }
    let mut tx = tool.begin().await?;
    let changed = change(&tool.app, &mut tx, row.id, (&wanted, secret), None).await;
    let changed = changed.map_err(|error| by_option(error, OPTIONS))?.shown;
    tx.commit([]).await?;
    tool.output.done(&changed, told(tool, &changed, "Changed identity provider"))
}

fn read_secret() -> anyhow::Result<ProviderSecret> {
    let typed = secret("The secret that proves Portero there: ")?;
    ProviderSecret::try_from(typed)
        .map_err(|fault| anyhow::anyhow!("the secret {fault}; where Portero is a public client, give `--no-secret`"))
}

/// All that is known of one.
fn described(tool: &Tool, provider: &Provider) -> String {
    let Provider { kind, client_id, display_name, groups_claim, .. } = provider;
    let secret = if provider.has_secret { "with a secret" } else { "without a secret" };
    let is_on = if provider.enabled { "on" } else { "off: nobody logs in by it" };
    let attributes = provider.attributes.iter().map(|(attribute, claim)| format!("{attribute}={claim}"));
    let groups = provider.groups.iter().map(|pair| format!("{}={}", pair.value, pair.group_id.0));
    let mut lines = vec![
        told(tool, provider, "Identity provider"),
        format!("People read: {display_name}"),
        format!("Kind: {}, {is_on}", kind.as_str()),
        format!("Client there: {client_id}, {secret}"),
        format!("Scopes: {}", provider.scopes.join(" ")),
        format!("Newcomers: {}", provider.newcomers.as_str()),
    ];
    if !provider.attributes.is_empty() {
        lines.push(format!("Attributes, from claims: {}", attributes.collect::<Vec<_>>().join(", ")));
    }
    if let Some(claim) = groups_claim {
        lines.push(format!("Groups, by id, from the claim {claim}: {}", groups.collect::<Vec<_>>().join(", ")));
    }
    lines.join("\n")
}

/// What there is to say of one, and what to register there.
fn told(tool: &Tool, provider: &Provider, what: &str) -> String {
    let Provider { id, name, issuer, redirect_uri, backchannel_logout_uri, .. } = provider;
    let mut lines =
        vec![format!("{what} {id} ({name}): {issuer}."), format!("Register there as redirect URI: {redirect_uri}")];
    if provider.kind == Kind::Oidc {
        lines.push(format!("And for back-channel logout: {backchannel_logout_uri}"));
    }
    if !tool.app.config.told.iter().any(|(setting, _)| setting == "PUBLIC_URL") {
        lines.push(
            "PUBLIC_URL is not set for this command: set it as it is set where Portero runs, and show this again."
                .to_owned(),
        );
    }
    lines.join("\n")
}

fn attributes(pairs: &[String]) -> anyhow::Result<BTreeMap<AttributeName, ClaimName>> {
    let mut attributes = BTreeMap::new();
    for pair in pairs {
        let Some((name, claim)) = pair.split_once('=') else { bail!("--attribute: `{pair}` is not ATTRIBUTE=CLAIM") };
        let name = name.parse().map_err(|fault: String| anyhow::anyhow!("--attribute: {fault}"))?;
        let claim = claim.parse().map_err(|fault: String| anyhow::anyhow!("--attribute: the claim {fault}"))?;
        attributes.insert(name, claim);
    }
    Ok(attributes)
}

fn groups(pairs: &[String]) -> anyhow::Result<Vec<WantedMapping>> {
    let pair = |pair: &String| {
        let Some((value, group)) = pair.rsplit_once('=') else { bail!("--group: `{pair}` is not VALUE=GROUP") };
        let value = value.parse().map_err(|fault: String| anyhow::anyhow!("--group: the value {fault}"))?;
        Ok(WantedMapping { value, group_id: Ref::parse(group) })
    };
    pairs.iter().map(pair).collect()
}
