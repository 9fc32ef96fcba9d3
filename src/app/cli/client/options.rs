//! What can be said of a client: when it is registered and when it is changed, in the same words.

use std::path::PathBuf;

use anyhow::Context;
use sqlx::PgConnection;

use crate::app::cli::typed_ref::TypedRef;
use crate::base::id::ServiceId;
use crate::base::patch::Patch;
use crate::oauth::clients::{Admits, AuthMethod, ClientChange, Consent, GrantType, TokenFormat};
use crate::oauth::keys::Algorithm;

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Where people are sent back to; may be given several times.
    #[arg(long, value_name = "URI")]
    redirect_uri: Vec<String>,
    /// Where people may be sent after they have logged out; may be given several times.
    #[arg(long, value_name = "URI")]
    post_logout_redirect_uri: Vec<String>,
    /// Where it is told of sessions that have ended.
    #[arg(long, value_name = "URI")]
    backchannel_logout_uri: Option<String>,
    /// How it gets tokens: authorization_code, refresh_token, client_credentials, device_code, token-exchange or password; may
    /// be given several times.
    #[arg(long, value_name = "GRANT", value_parser = grant)]
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
    /// It only logs people in: its tokens are for no service.
    #[arg(long, conflicts_with = "audience")]
    login_only: bool,
    /// What its access tokens look like: jwt or opaque.
    #[arg(long, value_name = "FORMAT")]
    token_format: Option<TokenFormat>,
    /// How many seconds these live.
    #[arg(long, value_name = "SECONDS")]
    token_lifetime: Option<i32>,
    /// How its tokens are signed: ES256, EdDSA or RS256.
    #[arg(long, value_name = "ALGORITHM")]
    signing_alg: Option<Algorithm>,
    /// Let it come without a code challenge, or not any more (`=false`). Only for old clients that know none.
    #[arg(long, value_name = "BOOLEAN", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    without_pkce: Option<bool>,
    /// Bind its tokens to a key of its own, or not any more (`=false`).
    #[arg(long, value_name = "BOOLEAN", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    dpop: Option<bool>,
    /// Have it push its authorization requests before it sends people here, or not any more (`=false`).
    #[arg(long, value_name = "BOOLEAN", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    par: Option<bool>,
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

/// A grant; those with long names by their last word, too.
fn grant(text: &str) -> Result<GrantType, String> {
    match text {
        "device_code" => Ok(GrantType::DeviceCode),
        "token-exchange" => Ok(GrantType::TokenExchange),
        text => text.parse(),
    }
}

impl Options {
    /// What is said, but for the audience. An empty address stands for none.
    pub(super) fn said(&self) -> anyhow::Result<ClientChange> {
        let list = |list: &Vec<String>| {
            let named = || list.iter().filter(|text| !text.is_empty()).cloned().collect();
            (!list.is_empty()).then(named)
        };
        let address = |text: &Option<String>| match text.as_deref() {
            None => Patch::Keep,
            Some("") => Patch::Clear,
            Some(text) => Patch::Set(text.to_owned()),
        };
        let jwks = match &self.jwks_file {
            None => Patch::Keep,
            Some(file) => {
                let shown = file.display();
                let text = std::fs::read_to_string(file).with_context(|| format!("can't read {shown}"))?;
                Patch::Set(serde_json::from_str(&text).with_context(|| format!("{shown} is not JSON"))?)
            }
        };
        Ok(ClientChange {
            token_endpoint_auth_method: if self.public { Some(AuthMethod::None) } else { self.auth_method },
            grant_types: (!self.grant.is_empty()).then(|| self.grant.clone()),
            redirect_uris: list(&self.redirect_uri),
            post_logout_redirect_uris: list(&self.post_logout_redirect_uri),
            backchannel_logout_uri: address(&self.backchannel_logout_uri),
            scope: self.scope.clone(),
            access_token_format: self.token_format,
            access_token_lifetime_seconds: self.token_lifetime,
            id_token_signed_response_alg: self.signing_alg,
            require_pkce: self.without_pkce.map(|without| !without),
            dpop_bound_access_tokens: self.dpop,
            require_pushed_authorization_requests: self.par,
            consent: self.consent,
            who_may_use: self.who_may_use,
            jwks,
            jwks_uri: address(&self.jwks_uri),
            ..ClientChange::default()
        })
    }

    /// The services that its tokens are to be for, if anything is said of them.
    pub(super) async fn audience(&self, conn: &mut PgConnection) -> anyhow::Result<Option<Vec<ServiceId>>> {
        let mut audience = Vec::new();
        for named in &self.audience {
            let service = named.find(conn).await?;
            service.must_not_be_built_in()?;
            audience.push(service);
        }
        Ok((self.login_only || !audience.is_empty()).then_some(audience))
    }
}
