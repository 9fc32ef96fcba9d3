use jsonwebtoken::jwk::JwkSet;
use serde::Serialize;
use utoipa::ToSchema;

use crate::base::opaque::oauth::ClientSecret;
use crate::oauth::clients::{AuthMethod, GrantType, Shown};
use crate::oauth::keys::Algorithm;
use crate::platform::jwks::KeySet;

/// What a client is told of itself (RFC 7591 section 3.2.1). What there is nothing of is left out: clients take no null.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ClientInformation)]
pub(super) struct Information {
    #[schema(example = "c0b3f6a5f0f4e8f5b7c1d2e3f40516273")]
    client_id: String,
    /// In Unix seconds.
    #[schema(example = 1_795_305_600)]
    client_id_issued_at: i64,
    /// Its secret, if it has just got one. Shown only once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        value_type = Option<String>,
        nullable = false,
        pattern = "^pcs_[0-9a-f]{72}$",
        example = "pcs_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f40516273d1a5b6c7"
    )]
    client_secret: Option<ClientSecret>,
    /// With it: 0, since it does not end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 0)]
    client_secret_expires_at: Option<i64>,
    /// What it looks after its registration with: `Authorization: Bearer`.
    #[schema(
        pattern = "^prg_[0-9a-f]{72}$",
        example = "prg_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f40516273d1a5b6c7"
    )]
    registration_access_token: String,
    /// Where it does.
    #[schema(example = "https://id.example.com/oauth/register/c0b3f6a5f0f4e8f5b7c1d2e3f40516273")]
    registration_client_uri: String,
    #[schema(example = "Wiki")]
    client_name: String,
    #[schema(example = "none")]
    token_endpoint_auth_method: AuthMethod,
    #[schema(example = json!(["authorization_code", "refresh_token"]))]
    grant_types: Vec<GrantType>,
    #[schema(example = json!(["code"]))]
    response_types: Vec<&'static str>,
    #[schema(example = json!(["https://wiki.example.com/callback"]))]
    redirect_uris: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    post_logout_redirect_uris: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    backchannel_logout_uri: Option<String>,
    #[schema(example = "openid profile email offline_access roles permissions")]
    scope: String,
    id_token_signed_response_alg: Algorithm,
    dpop_bound_access_tokens: bool,
    require_pushed_authorization_requests: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<KeySet>, nullable = false)]
    jwks: Option<JwkSet>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    jwks_uri: Option<String>,
}

impl Information {
    /// All of it. The token is the one that the client came with, or has just got.
    pub(super) fn new(client: Shown, secret: Option<ClientSecret>, token: String, uri: String) -> Self {
        Self {
            client_id: client.client_id,
            client_id_issued_at: client.created_at.unix_timestamp(),
            client_secret_expires_at: secret.as_ref().map(|_| 0),
            client_secret: secret,
            registration_access_token: token,
            registration_client_uri: uri,
            client_name: client.client_name,
            token_endpoint_auth_method: client.token_endpoint_auth_method,
            grant_types: client.grant_types,
            response_types: vec!["code"],
            redirect_uris: client.redirect_uris,
            post_logout_redirect_uris: client.post_logout_redirect_uris,
            backchannel_logout_uri: client.backchannel_logout_uri,
            scope: client.scope,
            id_token_signed_response_alg: client.id_token_signed_response_alg,
            dpop_bound_access_tokens: client.dpop_bound_access_tokens,
            require_pushed_authorization_requests: client.require_pushed_authorization_requests,
            jwks: client.jwks,
            jwks_uri: client.jwks_uri,
        }
    }
}
