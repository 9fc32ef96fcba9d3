//! A client of a file, and the registration that it is.

use super::file::{Client, Name};
use crate::base::error::Error;
use crate::base::id::ServiceId;
use crate::base::patch::Patch;
use crate::oauth::clients::{ClientChange, Registration};
use crate::oauth::scopes;

/// What a client of a file is to be registered with.
///
/// # Errors
/// 400, which names each field at fault.
pub(super) fn registration(
    client: &Client,
    service: ServiceId,
    audience: Vec<ServiceId>,
) -> Result<Registration, Error> {
    let said = |text: &Option<String>| text.clone().map_or(Patch::Clear, Patch::Set);
    let change = ClientChange {
        token_endpoint_auth_method: client.token_endpoint_auth_method,
        grant_types: client.grant_types.clone(),
        redirect_uris: Some(client.redirect_uris.clone()),
        post_logout_redirect_uris: Some(client.post_logout_redirect_uris.clone()),
        backchannel_logout_uri: said(&client.backchannel_logout_uri),
        scope: client.scope.clone(),
        access_token_format: client.access_token_format,
        access_token_lifetime_seconds: client.access_token_lifetime_seconds,
        id_token_signed_response_alg: client.id_token_signed_response_alg,
        require_pkce: client.require_pkce,
        dpop_bound_access_tokens: client.dpop_bound_access_tokens,
        require_pushed_authorization_requests: client.require_pushed_authorization_requests,
        consent: client.consent,
        who_may_use: client.who_may_use,
        jwks: client.jwks.clone().map_or(Patch::Clear, Patch::Set),
        jwks_uri: said(&client.jwks_uri),
        ..ClientChange::default()
    };
    let name = client.client_name.parse().map_err(|fault: String| Error::invalid_field("client_name", &fault))?;
    Registration::begin(name, service, change, Some(audience))
}

/// A client of this registration, with nothing left to what is so by default.
pub(super) fn client(whole: &Registration, service: Name, audience: Vec<Name>) -> Client {
    Client {
        service,
        client_name: whole.name.clone(),
        token_endpoint_auth_method: Some(whole.auth_method),
        grant_types: Some(whole.grant_types.clone()),
        redirect_uris: whole.redirect_uris.clone(),
        post_logout_redirect_uris: whole.post_logout_redirect_uris.clone(),
        backchannel_logout_uri: whole.backchannel_logout_uri.clone(),
        scope: Some(scopes::written(&whole.scopes)),
        audience: Some(audience),
        access_token_format: Some(whole.token_format),
        access_token_lifetime_seconds: Some(whole.token_seconds),
        id_token_signed_response_alg: Some(whole.signing_alg),
        require_pkce: Some(whole.requires_pkce),
        dpop_bound_access_tokens: Some(whole.requires_dpop),
        require_pushed_authorization_requests: Some(whole.requires_par),
        consent: Some(whole.consent),
        who_may_use: Some(whole.admits),
        jwks_uri: whole.jwks_uri.clone(),
        jwks: whole.jwks.as_ref().and_then(|keys| serde_json::to_value(keys).ok()),
    }
}
