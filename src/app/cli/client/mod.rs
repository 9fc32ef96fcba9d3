//! `portero client`: applications that log people in here, or act for themselves.

mod options;
mod show;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Subcommand;
use serde_json::json;
use time::Duration;

use super::expires::after;
use super::tool::Tool;
use super::typed_ref::TypedRef;
use crate::base::id::{ClientSecretId, Ref, ServiceId};
use crate::gate;
use crate::gate::audit::AuditedTx;
use crate::oauth::clients::{
    Client, ClientChange, ClientName, Identifier, Registration, change, end_secret, logo, register, remove, rotate,
    store,
};
use options::Options;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Register a client. Its secret is shown only once.
    ///
    /// A name, a service and a redirect URI are enough: that makes a confidential client that logs people in by the
    /// authorization code grant with PKCE.
    Add(Box<NewClient>),
    /// List clients.
    List {
        /// Only those of this service: id or name.
        #[arg(long)]
        service: Option<TypedRef<ServiceId>>,
        /// Only client_ids or names that start with this.
        #[arg(long, value_name = "TEXT")]
        beginning: Option<String>,
    },
    /// Change a client: only what is said. A list replaces the one before it, and an empty text stands for none.
    Change(Box<ChangedClient>),
    /// Show a client, and which secrets it has.
    Show {
        /// Its client_id.
        client: String,
    },
    /// Make another secret for a client. It is shown only once.
    Rotate {
        /// Its client_id.
        client: String,
        /// How long the secret before it stays good: such as 30d, 12h or 45m, or 0 for one that has leaked.
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = overlap)]
        overlap: Duration,
    },
    /// Revoke secrets of a client.
    #[command(subcommand)]
    Secret(SecretCommand),
    /// Give a client a logo, which people see where they log in for it and where they are asked; or take it.
    Logo {
        /// Its client_id.
        client: String,
        /// A PNG, JPEG or WebP of at most 64 KiB and 1024 pixels each way.
        #[arg(required_unless_present = "remove")]
        file: Option<PathBuf>,
        /// Take the one that it has.
        #[arg(long, conflicts_with = "file")]
        remove: bool,
    },
    /// Remove a client. Its tokens and secrets end at once, and its client_id is never given again.
    Remove {
        /// Its client_id.
        client: String,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct NewClient {
    /// What people see.
    name: ClientName,
    /// The service that it belongs to: id or name.
    #[arg(long)]
    service: TypedRef<ServiceId>,
    /// What requests name it by, permanently; at random by default.
    #[arg(long, value_name = "CLIENT_ID")]
    id: Option<Identifier>,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, clap::Args)]
pub(super) struct ChangedClient {
    /// Its client_id.
    client: String,
    /// What people see.
    #[arg(long)]
    name: Option<ClientName>,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, Subcommand)]
pub(super) enum SecretCommand {
    /// Revoke a secret. It is refused in the very next request.
    Revoke {
        /// The client's client_id.
        client: String,
        /// The secret's id; `portero client show` lists them.
        secret: TypedRef<ClientSecretId>,
    },
}

fn overlap(text: &str) -> std::result::Result<Duration, String> {
    let overlap = if text == "0" { Some(Duration::ZERO) } else { after(text) };
    let overlap = overlap.filter(|overlap| *overlap <= Duration::days(30));
    overlap.ok_or_else(|| "expected a time of at most 30 days, such as 30d, 12h or 45m, or 0".to_owned())
}

pub(super) async fn run(command: Command, tool: &Tool) -> anyhow::Result<()> {
    match command {
        Command::Add(new) => add(tool, *new).await,
        Command::List { service, beginning } => show::list(tool, service, beginning).await,
        Command::Change(changed) => change_client(tool, *changed).await,
        Command::Show { client } => show::show(tool, &client).await,
        Command::Secret(SecretCommand::Revoke { client, secret }) => revoke_secret(tool, &client, &secret).await,
        Command::Rotate { client, overlap } => {
            let (mut tx, client) = begin(tool, &client).await?;
            let (secret, shown) = rotate(&mut tx, &tool.app, &client, overlap, None).await?;
            tx.commit([]).await?;
            let mut answer = json!(shown);
            answer["client_id"] = json!(client.client_id);
            answer["client_secret"] = json!(secret);
            let text = secret.reveal();
            let said = format!("Made a secret for client {}.\nThe secret, shown only once: {text}", client.client_id);
            tool.output.done(&answer, said)
        }
        Command::Logo { client, file, .. } => set_logo(tool, &client, file.as_deref()).await,
        Command::Remove { client } => {
            let (mut tx, client) = begin(tool, &client).await?;
            let removed = remove(&mut tx, &client, None).await?;
            tx.commit([]).await?;
            tool.output.done(&removed, format_args!("Removed client {} `{}`.", removed.client_id, removed.client_name))
        }
    }
}

async fn add(tool: &Tool, new: NewClient) -> anyhow::Result<()> {
    let mut tx = tool.begin().await?;
    let service = new.service.find(&mut tx).await?;
    let audience = new.options.audience(&mut tx).await?;
    let said = new.options.said()?;
    let client_id = match new.id {
        Some(id) => id,
        None => Identifier::of_random(tool.app.random_id()?),
    };
    let registration = Registration::begin(new.name, service, said, audience)?;
    let made = register(&mut tx, &tool.app, (service, client_id), &registration, None).await?;
    tx.commit([]).await?;
    let mut answer = json!(made.shown);
    let mut said =
        format!("Created client {} `{}` of service {service}.", made.shown.client_id, made.shown.client_name);
    if let Some(person) = made.shown.person_id {
        let _ = write!(said, "\nRoles are given to it as client:{} (id {person}).", made.shown.client_id);
    }
    if let Some((secret, _)) = &made.secret {
        answer["client_secret"] = json!(secret);
        let _ = write!(said, "\nIts secret, shown only once: {}", secret.reveal());
    }
    tool.output.done(&answer, said)
}

/// Changes what is said of a client. Lists replace those before them.
async fn change_client(tool: &Tool, changed: ChangedClient) -> anyhow::Result<()> {
    let (mut tx, client) = begin(tool, &changed.client).await?;
    let audience = changed.options.audience(&mut tx).await?;
    let said = ClientChange { client_name: changed.name, ..changed.options.said()? };
    if said.is_empty() && audience.is_none() {
        bail!("nothing to change: say at least one option (`portero client change --help`)");
    }
    let shown = change(&mut tx, &tool.app.outbound, &client, said, audience, None).await?.shown;
    let secrets = store::secrets(&mut tx, client.id, tool.app.clock.now()).await?;
    tx.commit([]).await?;
    let needs_secret = shown.token_endpoint_auth_method.has_secrets() && secrets.is_empty();
    let id = &shown.client_id;
    let rest =
        if needs_secret { format!(" It has no secret yet: `portero client rotate {id}`.") } else { String::new() };
    tool.output.done(&shown, format_args!("Changed client {id} `{}`.{rest}", shown.client_name))
}

async fn revoke_secret(tool: &Tool, client_id: &str, secret: &TypedRef<ClientSecretId>) -> anyhow::Result<()> {
    let Ref::Id(id) = secret.row else {
        bail!("`{}` is not the id of a secret; `portero client show {client_id}` lists them", secret.text)
    };
    let (mut tx, client) = begin(tool, client_id).await?;
    end_secret(&mut tx, &client, id).await?;
    tx.commit([]).await?;
    let answer = json!({"status": "client_secret_revoked", "client_id": client.client_id, "secret_id": id});
    tool.output.done(&answer, format_args!("Revoked secret {id} of client {}.", client.client_id))
}

async fn set_logo(tool: &Tool, client_id: &str, file: Option<&Path>) -> anyhow::Result<()> {
    let (mut tx, client) = begin(tool, client_id).await?;
    let Some(file) = file else {
        logo::remove_logo(&mut tx, &client).await?;
        tx.commit([]).await?;
        let answer = json!({"status": "logo_removed", "client_id": client.client_id});
        return tool.output.done(&answer, format_args!("Client {} has no logo now.", client.client_id));
    };
    let shown = file.display();
    let bytes = std::fs::read(file).with_context(|| format!("can't read {shown}"))?;
    let picture = logo::Picture::read(bytes.into()).map_err(|fault| anyhow::anyhow!("{shown} {fault}"))?;
    let digest = logo::set_logo(&mut tx, &client, &picture).await?;
    tx.commit([]).await?;
    let ((width, height), media_type) = (picture.size, picture.media_type);
    let answer = json!({
        "status": "logo_set", "client_id": client.client_id, "logo": digest, "media_type": media_type,
        "width": width, "height": height,
    });
    let said = format!("Client {} has a logo now: {media_type}, {width} × {height}.", client.client_id);
    tool.output.done(&answer, said)
}

/// Begins a change of a client: the subject that it is is locked first.
async fn begin(tool: &Tool, client_id: &str) -> anyhow::Result<(AuditedTx, Client)> {
    let mut tx = tool.begin().await?;
    let client = find(&mut tx, client_id).await?;
    if let Some(subject) = client.subject {
        gate::store::people::lock(&mut tx, subject).await?;
    }
    Ok((tx, client))
}

async fn find(conn: &mut sqlx::PgConnection, client_id: &str) -> anyhow::Result<Client> {
    let found = store::find(conn, client_id).await?;
    found.ok_or_else(|| anyhow::anyhow!("there is no client `{client_id}`; `portero client list` shows all"))
}
