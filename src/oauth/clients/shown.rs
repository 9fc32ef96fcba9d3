use jsonwebtoken::jwk::JwkSet;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::{Admits, AuthMethod, Client, Consent, GrantType, TokenFormat};
use crate::base::id::{ClientId, ClientSecretId, PersonId, ServiceId};
use crate::oauth::keys::Algorithm;
use crate::oauth::scopes;
use crate::platform::jwks::KeySet;

/// A client, as lists show it: without secrets.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Client)]
#[expect(clippy::struct_excessive_bools, reason = "the registry of client metadata has them so")]
pub struct Shown {
    /// Its row.
    #[serde(skip)]
    pub id: ClientId,
    /// What requests name it by.
    #[schema(example = "wiki")]
    pub client_id: String,
    /// What people see.
    #[schema(example = "Wiki")]
    pub client_name: String,
    /// The service that it belongs to.
    pub service_id: ServiceId,
    /// How it proves who it is at the token endpoint.
    #[schema(example = "client_secret_basic")]
    pub token_endpoint_auth_method: AuthMethod,
    /// How it gets tokens.
    #[schema(example = json!(["authorization_code", "refresh_token"]))]
    pub grant_types: Vec<GrantType>,
    /// Where people are sent back to.
    #[schema(example = json!(["https://wiki.example.com/oauth/callback"]))]
    pub redirect_uris: Vec<String>,
    /// Where people may be sent after they have logged out.
    #[schema(example = json!(["https://wiki.example.com/"]))]
    pub post_logout_redirect_uris: Vec<String>,
    /// Where it is told of sessions that have ended.
    #[schema(example = "https://wiki.example.com/oauth/logout")]
    pub backchannel_logout_uri: Option<String>,
    /// What it may ask for, with spaces between.
    #[schema(example = "openid profile email offline_access")]
    pub scope: String,
    /// The services that its access tokens are for.
    #[schema(example = json!([4]))]
    pub audience: Vec<ServiceId>,
    /// What its access tokens look like.
    #[schema(example = "jwt")]
    pub access_token_format: TokenFormat,
    /// How long these live.
    #[schema(example = 300)]
    pub access_token_lifetime_seconds: i64,
    /// How its ID tokens and its signed access tokens are signed.
    #[schema(example = "ES256")]
    pub id_token_signed_response_alg: Algorithm,
    /// Whether it must send a code challenge.
    #[schema(example = true)]
    pub require_pkce: bool,
    /// Whether its tokens are bound to a key of its own.
    #[schema(example = false)]
    pub dpop_bound_access_tokens: bool,
    /// Whether it must push its authorization requests.
    #[schema(example = false)]
    pub require_pushed_authorization_requests: bool,
    /// Whether people are asked before it acts for them.
    #[schema(example = "remember")]
    pub consent: Consent,
    /// Whom it lets in.
    #[schema(example = "everybody")]
    pub who_may_use: Admits,
    /// The public keys that it signs assertions with.
    #[schema(value_type = Option<KeySet>)]
    pub jwks: Option<JwkSet>,
    /// Where these are instead.
    #[schema(example = json!(null))]
    pub jwks_uri: Option<String>,
    /// Whether it is good from this machine's loopback address only.
    #[schema(example = false)]
    pub loopback_only: bool,
    /// Where it acts for itself (`client_credentials`): whom roles are given to. Its username is `client:` and its client_id.
    #[schema(example = json!(null))]
    pub person_id: Option<PersonId>,
    /// When it was registered.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T08:00:00Z")]
    pub created_at: OffsetDateTime,
    /// Who registered it; null for the command line.
    pub created_by: Option<PersonId>,
}

impl From<Client> for Shown {
    fn from(client: Client) -> Self {
        Self {
            id: client.id,
            client_id: client.client_id,
            client_name: client.name,
            service_id: client.service,
            token_endpoint_auth_method: client.auth_method,
            grant_types: client.grant_types,
            redirect_uris: client.redirect_uris,
            post_logout_redirect_uris: client.post_logout_redirect_uris,
            backchannel_logout_uri: client.backchannel_logout_uri,
            scope: scopes::written(&client.scopes),
            audience: client.audience,
            access_token_format: client.token_format,
            access_token_lifetime_seconds: client.token_lifetime.whole_seconds(),
            id_token_signed_response_alg: client.signing_alg,
            require_pkce: client.requires_pkce,
            dpop_bound_access_tokens: client.requires_dpop,
            require_pushed_authorization_requests: client.requires_par,
            consent: client.consent,
            who_may_use: client.admits,
            jwks: client.jwks,
            jwks_uri: client.jwks_uri,
            loopback_only: client.loopback_only,
            person_id: client.subject,
            created_at: client.created_at,
            created_by: client.created_by,
        }
    }
}

/// A client's secret, as lists show it: never itself.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ClientSecret)]
pub struct Secret {
    /// Its id.
    pub id: ClientSecretId,
    /// The first 8 hex digits of its SHA-256.
    #[schema(example = "5f2b9d0c")]
    pub fingerprint: String,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T08:00:00Z")]
    pub created_at: OffsetDateTime,
    /// When it was last used, to the minute.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-22T09:30:00Z")]
    pub last_used_at: Option<OffsetDateTime>,
    /// When it ends; null for never.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = json!(null))]
    pub expires_at: Option<OffsetDateTime>,
}
