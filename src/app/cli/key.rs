//! `portero key`: API keys of people and robots.

use anyhow::bail;
use clap::Subcommand;
use serde_json::json;
use sqlx::PgConnection;

use super::by_option::by_option;
use super::expires::Expires;
use super::output::{Row, or_dash};
use super::tool::{Tool, list_all};
use super::typed_ref::TypedRef;
use super::user::moment;
use crate::access::grants::RequestedEnd;
use crate::base::id::{ApiKeyId, PersonId, Ref};
use crate::base::moment::Moment;
use crate::base::network::NamedNetwork;
use crate::gate;
use crate::identity::api_keys::{
    self, ApiKeyChange, ApiKeyName, For, ListedApiKey, NewApiKey, ScopeText, change, make, revoke, revoke_all,
};
use crate::identity::people::store::details;

/// What requests call what these options say.
const OPTIONS: &[(&str, &str)] = &[("scopes", "--scope"), ("expires_at", "--expires"), ("networks", "--network")];

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create an API key. It is shown only once.
    Add {
        /// Id or username of the person or robot.
        person: TypedRef<PersonId>,
        /// A name for it, such as what it is for.
        #[arg(long, default_value = "made on the command line")]
        name: ApiKeyName,
        /// A permission in a service, as SERVICE:PERMISSION; may be given several times. Whoever it is for must hold it.
        #[arg(long = "scope", value_name = "SCOPE", required = true)]
        scopes: Vec<ScopeText>,
        /// When it expires: a day (its start, in UTC), an RFC 3339 time, or a time from now such as 30d, 12h or 45m. After
        /// API_KEY_MAX_DAYS by default.
        #[arg(long, value_name = "WHEN")]
        expires: Option<Expires>,
        /// A network that it may be used from, as CIDR or an address; may be given several times. Any by default.
        #[arg(long = "network", value_name = "NETWORK")]
        networks: Vec<NamedNetwork>,
    },
    /// List somebody's API keys. The keys themselves are not shown.
    List {
        /// Id or username of the person or robot.
        person: TypedRef<PersonId>,
        /// Only names that start with this.
        #[arg(long, value_name = "TEXT")]
        beginning: Option<String>,
    },
    /// Change an API key: its name, its end, or where it may be used from. For other scopes make another key.
    Change {
        /// Id or username of the person or robot.
        person: TypedRef<PersonId>,
        /// The key's id.
        key: TypedRef<ApiKeyId>,
        /// A new name.
        #[arg(long)]
        name: Option<ApiKeyName>,
        /// A new end: a day (its start, in UTC), an RFC 3339 time, or a time from now such as 30d, 12h or 45m.
        #[arg(long, value_name = "WHEN")]
        expires: Option<Expires>,
        /// A network that it may be used from, instead of those until now; may be given several times.
        #[arg(long = "network", value_name = "NETWORK")]
        networks: Vec<NamedNetwork>,
        /// Let it be used from anywhere.
        #[arg(long, conflicts_with = "networks")]
        any_network: bool,
    },
    /// Revoke an API key, or all of somebody's. They are refused in the very next check.
    Revoke {
        /// Id or username of the person or robot.
        person: TypedRef<PersonId>,
        /// The key's id; all keys without it.
        key: Option<TypedRef<ApiKeyId>>,
    },
}

impl Row for ListedApiKey {
    const HEADER: &'static [&'static str] =
        &["id", "name", "fingerprint", "scopes", "networks", "made", "last used", "from", "ends"];

    fn cells(&self) -> Vec<String> {
        let networks = if self.networks.is_empty() { "any".to_owned() } else { self.networks.join(", ") };
        vec![
            self.id.to_string(),
            self.name.clone(),
            self.fingerprint.clone(),
            self.scopes.join(", "),
            networks,
            moment(self.created_at),
            or_dash(self.last_used_at.map(moment)),
            or_dash(self.last_used_from.as_ref()),
            if self.expired { format!("{} (expired)", moment(self.expires_at)) } else { moment(self.expires_at) },
        ]
    }
}

pub(super) async fn run(command: Command, tool: &Tool) -> anyhow::Result<()> {
    match command {
        Command::Add { person, name, scopes, expires, networks } => {
            let expires_at = end_of(expires, tool)?;
            add(tool, &person, &NewApiKey { name, scopes, expires_at, networks }).await
        }
        Command::Change { person, key, name, expires, networks, any_network } => {
            let networks = Some(networks).filter(|networks| any_network || !networks.is_empty());
            let wanted = ApiKeyChange { name, expires_at: end_of(expires, tool)?, networks };
            change_one(tool, &person, &key, &wanted).await
        }
        Command::List { person, beginning } => {
            let mut conn = tool.app.db.read().await?;
            let person = person.find(&mut conn).await?.id;
            let list = async |page: &_| api_keys::store::list(&mut conn, person, page, tool.app.clock.now()).await;
            list_all(tool.output, beginning, |key: &ListedApiKey| key.id.0, list).await
        }
        Command::Revoke { person, key } => end(tool, &person, key.as_ref()).await,
    }
}

fn end_of(expires: Option<Expires>, tool: &Tool) -> anyhow::Result<Option<Moment>> {
    match expires.map(|expires| expires.end(tool.app.clock.now())) {
        None => Ok(None),
        Some(RequestedEnd::At(end)) => Ok(Some(Moment(end))),
        Some(_) => bail!("`--expires`: every API key expires; without it a new one does after API_KEY_MAX_DAYS"),
    }
}

async fn add(tool: &Tool, person: &TypedRef<PersonId>, new: &NewApiKey) -> anyhow::Result<()> {
    let mut tx = tool.begin().await?;
    let person = person.find(&mut tx).await?;
    gate::store::people::lock(&mut tx, person.id).await?;
    let whom = whom(&mut tx, person.id).await?;
    let made = make(&mut tx, &tool.app, whom, new, None).await;
    let made = made.map_err(|error| by_option(error, OPTIONS))?;
    tx.commit([]).await?;
    let (id, name, secret) = (made.shown.id, made.shown.name.clone(), made.key.reveal().to_owned());
    let sentence = format!("Created API key {id} `{name}` of {}.\nThe key, shown only once: {secret}", person.username);
    tool.output.done(&json!(made), sentence)
}

async fn change_one(
    tool: &Tool,
    person: &TypedRef<PersonId>,
    key: &TypedRef<ApiKeyId>,
    wanted: &ApiKeyChange,
) -> anyhow::Result<()> {
    if wanted.changes_nothing() {
        bail!("nothing to change: give `--name`, `--expires`, `--network` or `--any-network`");
    }
    let mut tx = tool.begin().await?;
    let person = person.find(&mut tx).await?;
    let whom = whom(&mut tx, person.id).await?;
    let changed = change(&mut tx, &tool.app, whom, id_of(key)?, wanted).await;
    let changed = changed.map_err(|error| by_option(error, OPTIONS))?;
    tx.commit([]).await?;
    let sentence = format!("Changed API key {} `{}` of {}.", changed.id, changed.name, person.username);
    tool.output.done(&json!(changed), sentence)
}

/// Of a robot's keys its owner hears.
async fn whom(conn: &mut PgConnection, owner: PersonId) -> anyhow::Result<For> {
    let told = details(conn, owner).await?.owner_id.unwrap_or(owner);
    Ok(For { owner, told })
}

fn id_of(key: &TypedRef<ApiKeyId>) -> anyhow::Result<ApiKeyId> {
    match key.row {
        Ref::Id(id) => Ok(id),
        _ => bail!("`{}` is not the id of an API key", key.text),
    }
}

async fn end(tool: &Tool, person: &TypedRef<PersonId>, key: Option<&TypedRef<ApiKeyId>>) -> anyhow::Result<()> {
    let mut tx = tool.begin().await?;
    let person = person.find(&mut tx).await?;
    let revoked = match key {
        None => revoke_all(&mut tx, person.id).await?,
        Some(key) => {
            revoke(&mut tx, person.id, id_of(key)?).await?;
            1
        }
    };
    tx.commit([]).await?;
    let said = match revoked {
        0 => format!("Nothing to do: {} has no API key.", person.username),
        1 => format!("Revoked an API key of {}.", person.username),
        more => format!("Revoked {more} API keys of {}.", person.username),
    };
    tool.output.done(&json!({ "status": "api_keys_revoked", "revoked": revoked }), said)
}
