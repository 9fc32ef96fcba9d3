//! `portero client`: applications that log people in here, or act for themselves.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Subcommand;
use serde_json::json;
use time::Duration;

use super::expires::after;
use super::output::{Row, or_dash};
use super::tool::{Tool, list_all};
use super::typed_ref::TypedRef;
use super::user::moment;
use crate::base::error::Result;
use crate::base::id::ServiceId;
use crate::base::patch::Patch;
use crate::gate;
use crate::gate::audit::AuditedTx;
use crate::oauth::clients::{
    Admits, AuthMethod, Client, ClientChange, ClientName, Consent, GrantType, Identifier, Registration, Shown,
    TokenFormat, logo, register, remove, rotate, store,
};
use crate::oauth::keys::Algorithm;

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
#[expect(clippy::struct_excessive_bools, reason = "flags")]
pub(super) struct NewClient {
    /// What people see.
    name: ClientName,
    /// The service that it belongs to: id or name.
    #[arg(long)]
    service: TypedRef<ServiceId>,
    /// What requests name it by, for good; at random by default.
    #[arg(long, value_name = "CLIENT_ID")]
    id: Option<Identifier>,
    /// Where people are sent back to; may be given several times.
    #[arg(long, value_name = "URI")]
    redirect_uri: Vec<String>,
    /// Where people may be sent after they have logged out; may be given several times.
    #[arg(long, value_name = "URI")]
    post_logout_redirect_uri: Vec<String>,
    /// Where it is told of sessions that have ended.
    #[arg(long, value_name = "URI")]
    backchannel_logout_uri: Option<String>,
    /// How it gets tokens: authorization_code, refresh_token, client_credentials, …; may be given several times.
    #[arg(long, value_name = "GRANT")]
    grant: Vec<GrantType>,
    /// It can't keep a secret: an app, or a page in a browser. The same as `--auth-method none`.
    #[arg(long, conflicts_with = "auth_method")]
    public: bool,
    /// How it proves who it is: client_secret_basic, client_secret_post, private_key_jwt or none.
    #[arg(long, value_name = "METHOD")]
    auth_method: Option<AuthMethod>,
    /// What it may ask for, with spaces between.
    #[arg(long)]
    scope: Option<String>,
    /// A service that its tokens are for: id or name; may be given several times. Its own by default.
    #[arg(long, value_name = "SERVICE")]
    audience: Vec<TypedRef<ServiceId>>,
    /// What its access tokens look like: jwt or opaque.
    #[arg(long, value_name = "FORMAT")]
    token_format: Option<TokenFormat>,
    /// How many seconds these live.
    #[arg(long, value_name = "SECONDS")]
    token_lifetime: Option<i32>,
    /// How its tokens are signed: ES256, EdDSA or RS256.
    #[arg(long, value_name = "ALGORITHM")]
    signing_alg: Option<Algorithm>,
    /// Let it come without a code challenge. Only for old clients that know none.
    #[arg(long)]
    without_pkce: bool,
    /// Bind its tokens to a key of its own.
    #[arg(long)]
    dpop: bool,
    /// Have it push its authorization requests before it sends people here.
    #[arg(long)]
    par: bool,
    /// Whether people are asked before it acts for them: ask, remember or none.
    #[arg(long)]
    consent: Option<Consent>,
    /// Whom it lets in: everybody, or members, who hold something in its service.
    #[arg(long, value_name = "WHOM")]
    who_may_use: Option<Admits>,
    /// A file with the public keys that it signs assertions with, as a JWK set.
    #[arg(long, value_name = "FILE", conflicts_with = "jwks_uri")]
    jwks_file: Option<PathBuf>,
    /// Where these are instead.
    #[arg(long, value_name = "URI")]
    jwks_uri: Option<String>,
}

fn overlap(text: &str) -> std::result::Result<Duration, String> {
    let overlap = if text == "0" { Some(Duration::ZERO) } else { after(text) };
    let overlap = overlap.filter(|overlap| *overlap <= Duration::days(30));
    overlap.ok_or_else(|| "expected a time of at most 30 days, such as 30d, 12h or 45m, or 0".to_owned())
}

impl NewClient {
    /// What is said of it beside its name and its service.
    fn said(&mut self) -> anyhow::Result<ClientChange> {
        let some = |list: Vec<String>| (!list.is_empty()).then_some(list);
        let set = |text: Option<String>| text.map_or(Patch::Keep, Patch::Set);
        let jwks = match &self.jwks_file {
            None => Patch::Keep,
            Some(file) => {
                let shown = file.display();
                let text = std::fs::read_to_string(file).with_context(|| format!("can't read {shown}"))?;
                Patch::Set(serde_json::from_str(&text).with_context(|| format!("{shown} is not JSON"))?)
            }
        };
        Ok(ClientChange {
            client_name: None,
            token_endpoint_auth_method: if self.public { Some(AuthMethod::None) } else { self.auth_method },
            grant_types: (!self.grant.is_empty()).then(|| std::mem::take(&mut self.grant)),
            redirect_uris: some(std::mem::take(&mut self.redirect_uri)),
            post_logout_redirect_uris: some(std::mem::take(&mut self.post_logout_redirect_uri)),
            backchannel_logout_uri: set(self.backchannel_logout_uri.take()),
            scope: self.scope.take(),
            audience: None,
            access_token_format: self.token_format,
            access_token_lifetime_seconds: self.token_lifetime,
            id_token_signed_response_alg: self.signing_alg,
            require_pkce: self.without_pkce.then_some(false),
            dpop_bound_access_tokens: self.dpop.then_some(true),
            require_pushed_authorization_requests: self.par.then_some(true),
            consent: self.consent,
            who_may_use: self.who_may_use,
            jwks,
            jwks_uri: set(self.jwks_uri.take()),
        })
    }
}

impl Row for Shown {
    const HEADER: &'static [&'static str] = &["client_id", "name", "service", "grants", "method", "made"];

    fn cells(&self) -> Vec<String> {
        let method = self.token_endpoint_auth_method.as_str().to_owned();
        let (service, made) = (self.service_id.to_string(), moment(self.created_at));
        vec![self.client_id.clone(), self.client_name.clone(), service, grants(self), method, made]
    }
}

fn grants(client: &Shown) -> String {
    client.grant_types.iter().map(|grant| grant.as_str()).collect::<Vec<_>>().join(" ")
}

pub(super) async fn run(command: Command, tool: &Tool) -> anyhow::Result<()> {
    match command {
        Command::Add(new) => add(tool, *new).await,
        Command::List { service, beginning } => list(tool, service, beginning).await,
        Command::Show { client } => show(tool, &client).await,
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

async fn add(tool: &Tool, mut new: NewClient) -> anyhow::Result<()> {
    let mut tx = tool.begin().await?;
    let service = new.service.find(&mut tx).await?;
    let mut audience = Vec::new();
    for named in &new.audience {
        let service = named.find(&mut tx).await?;
        service.must_not_be_built_in()?;
        audience.push(service);
    }
    let audience = (!audience.is_empty()).then_some(audience);
    let said = new.said()?;
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

async fn list(tool: &Tool, service: Option<TypedRef<ServiceId>>, beginning: Option<String>) -> anyhow::Result<()> {
    let mut conn = tool.app.db.read().await?;
    let service = match service {
        Some(service) => Some([service.find(&mut conn).await?]),
        None => None,
    };
    let list = async |page: &_| -> Result<Vec<Shown>> {
        let clients = store::list(&mut conn, service.as_ref().map(<[_; 1]>::as_slice), page).await?;
        Ok(clients.into_iter().map(Shown::from).collect())
    };
    list_all(tool.output, beginning, |client: &Shown| client.id.0, list).await
}

async fn show(tool: &Tool, client_id: &str) -> anyhow::Result<()> {
    let mut conn = tool.app.db.read().await?;
    let client = find(&mut conn, client_id).await?;
    let secrets = store::secrets(&mut conn, client.id, tool.app.clock.now()).await?;
    let client = Shown::from(client);
    let lines = |list: &[String]| or_dash((!list.is_empty()).then(|| list.join("\n               ")));
    let mut said = format!(
        "{} `{}` of service {}\n  grants       {}\n  method       {}\n  redirects    {}\n  scope        {}\n  audience     {}",
        client.client_id,
        client.client_name,
        client.service_id,
        grants(&client),
        client.token_endpoint_auth_method.as_str(),
        lines(&client.redirect_uris),
        client.scope,
        lines(&client.audience.iter().map(ToString::to_string).collect::<Vec<_>>()),
    );
    for secret in &secrets {
        let ends = secret.expires_at.map_or_else(|| "does not end".to_owned(), |end| format!("ends {}", moment(end)));
        let _ = write!(said, "\n  secret       {} {}, {ends}", secret.id, secret.fingerprint);
    }
    let mut answer = json!(client);
    answer["secrets"] = json!(secrets);
    tool.output.done(&answer, said)
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
