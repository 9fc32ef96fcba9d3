//! What clients read first: the provider's metadata (OpenID Connect Discovery 1.0, RFC 8414) and its keys (RFC 7517).

mod authzen;

use std::convert::Infallible;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::OAuth;
use super::Settings;
use super::clients::{self, ASSERTION_ALGORITHMS, AuthMethod, GrantType};
use super::issuer::Issuer;
use super::keys::Algorithm;
use super::scopes::STANDARD;
use super::{claims, dpop};
use crate::base::amr::{ACR_ONE_FACTOR, ACR_SEVERAL_FACTORS};
use crate::base::error::Result;
use crate::platform::http::{Deadline, Document, IfNoneMatch, Route, Routes, documented};

pub use authzen::metadata as decision_point;

/// How long whoever reads may keep it: shorter than a key is published before it signs.
const KEPT: &str = "public, max-age=300";

const OPENID: &str = "/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server";

/// The claims of tokens themselves.
const OF_TOKENS: [&str; 12] =
    ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "azp", "at_hash", "sid"];

/// Who issues tokens, where, and what it supports. The members are those of the registry "OAuth Authorization Server
/// Metadata".
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "the registry has them so")]
#[schema(example = json!(Metadata::of(&Issuer::of_this_machine("https://id.example.com"), Offers::default())))]
struct Metadata {
    /// `PUBLIC_URL`.
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    device_authorization_endpoint: String,
    userinfo_endpoint: String,
    jwks_uri: String,
    introspection_endpoint: String,
    revocation_endpoint: String,
    end_session_endpoint: String,
    /// Where programs register themselves, if they may.
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_endpoint: Option<String>,
    pushed_authorization_request_endpoint: String,
    require_pushed_authorization_requests: bool,
    scopes_supported: Vec<&'static str>,
    response_types_supported: Vec<&'static str>,
    response_modes_supported: Vec<&'static str>,
    grant_types_supported: Vec<&'static str>,
    subject_types_supported: Vec<&'static str>,
    acr_values_supported: Vec<&'static str>,
    prompt_values_supported: Vec<&'static str>,
    ui_locales_supported: Vec<&'static str>,
    code_challenge_methods_supported: Vec<&'static str>,
    id_token_signing_alg_values_supported: Vec<&'static str>,
    token_endpoint_auth_methods_supported: Vec<&'static str>,
    token_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    introspection_endpoint_auth_methods_supported: Vec<&'static str>,
    introspection_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    revocation_endpoint_auth_methods_supported: Vec<&'static str>,
    revocation_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    introspection_signing_alg_values_supported: Vec<&'static str>,
    dpop_signing_alg_values_supported: Vec<&'static str>,
    claim_types_supported: Vec<&'static str>,
    claims_supported: Vec<&'static str>,
    backchannel_logout_supported: bool,
    backchannel_logout_session_supported: bool,
    /// Whether a `client_id` may be the address of a document that describes the client.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    client_id_metadata_document_supported: bool,
    claims_parameter_supported: bool,
    request_parameter_supported: bool,
    request_uri_parameter_supported: bool,
    authorization_response_iss_parameter_supported: bool,
    service_documentation: String,
}

/// What the operator may offer, or not.
#[derive(Clone, Copy, Debug, Default)]
struct Offers {
    registration: bool,
    documents: bool,
}

impl Metadata {
    fn of(issuer: &Issuer, offers: Offers) -> Self {
        let algorithms = Algorithm::ALL.map(Algorithm::as_str);
        let confidential = [AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost, AuthMethod::PrivateKeyJwt];
        let confidential = confidential.map(AuthMethod::as_str);
        let anybody = [&confidential[..], &[AuthMethod::None.as_str()]].concat();
        Self {
            issuer: issuer.as_str().to_owned(),
            authorization_endpoint: issuer.at("/oauth/authorize"),
            token_endpoint: issuer.at("/oauth/token"),
            device_authorization_endpoint: issuer.at("/oauth/device_authorization"),
            userinfo_endpoint: issuer.at("/oauth/userinfo"),
            jwks_uri: issuer.at("/.well-known/jwks.json"),
            introspection_endpoint: issuer.at("/oauth/introspect"),
            revocation_endpoint: issuer.at("/oauth/revoke"),
            end_session_endpoint: issuer.at("/oauth/logout"),
            registration_endpoint: offers.registration.then(|| issuer.at("/oauth/register")),
            pushed_authorization_request_endpoint: issuer.at("/oauth/par"),
            require_pushed_authorization_requests: false,
            scopes_supported: STANDARD.to_vec(),
            response_types_supported: vec!["code"],
            response_modes_supported: vec!["query", "fragment", "form_post"],
            grant_types_supported: GrantType::ALL.iter().map(|grant| grant.as_str()).collect(),
            subject_types_supported: vec!["public"],
            acr_values_supported: vec![ACR_SEVERAL_FACTORS, ACR_ONE_FACTOR],
            prompt_values_supported: vec!["none", "login", "consent", "select_account"],
            ui_locales_supported: vec!["en", "es"],
            code_challenge_methods_supported: vec!["S256"],
            id_token_signing_alg_values_supported: algorithms.to_vec(),
            token_endpoint_auth_methods_supported: anybody.clone(),
            token_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS.to_vec(),
            introspection_endpoint_auth_methods_supported: confidential.to_vec(),
            introspection_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS.to_vec(),
            revocation_endpoint_auth_methods_supported: anybody,
            revocation_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS.to_vec(),
            introspection_signing_alg_values_supported: algorithms.to_vec(),
            dpop_signing_alg_values_supported: dpop::ALGORITHMS.to_vec(),
            claim_types_supported: vec!["normal"],
            claims_supported: [&OF_TOKENS[..], &claims::ALL].concat(),
            backchannel_logout_supported: true,
            backchannel_logout_session_supported: true,
            client_id_metadata_document_supported: offers.documents,
            claims_parameter_supported: true,
            request_parameter_supported: false,
            request_uri_parameter_supported: false,
            authorization_response_iss_parameter_supported: true,
            service_documentation: issuer.at("/docs"),
        }
    }
}

/// The metadata of an issuer, as it is sent.
#[derive(Clone, Debug)]
pub struct Documents {
    /// Where clients may be described by documents of theirs.
    with_documents: Document,
    /// Where they may not.
    plain: Document,
}

/// The metadata of an issuer.
pub fn metadata(issuer: &Issuer, settings: &Settings) -> Documents {
    let document = |documents| {
        let offers = Offers { registration: settings.client_registration, documents };
        Document::of(&Metadata::of(issuer, offers)).unwrap_or_default()
    };
    Documents { with_documents: document(true), plain: document(false) }
}

async fn answer(oauth: &OAuth, seen: &IfNoneMatch) -> Response {
    let Documents { with_documents, plain } = &oauth.metadata;
    let document = if clients::documents::are_admitted(oauth).await { with_documents } else { plain };
    document.answer(seen, KEPT)
}

/// `/.well-known/openid-configuration`, `/.well-known/oauth-authorization-server`, `/.well-known/jwks.json`.
pub fn routes() -> Routes<OAuth> {
    Routes::new()
        .routes(public(routes!(openid_configuration)))
        .routes(public(routes!(oauth_authorization_server)))
        .routes(authzen::route())
        .routes(documented(routes!(jwks)).to_any_origin().within(Deadline::Change))
}

/// Where the metadata of an issuer with a path is besides: between its host and its path (RFC 8414 section 3).
pub fn routes_of_path(issuer: &Issuer) -> Routes<OAuth> {
    match issuer.path() {
        "" => Routes::new(),
        path => Routes::new()
            .routes(public(routes!(openid_configuration)).moved_to(&format!("{OPENID}{path}")))
            .routes(public(routes!(oauth_authorization_server)).moved_to(&format!("{OAUTH}{path}")))
            .routes(authzen::route_of_path(path)),
    }
}

type Seen = std::result::Result<IfNoneMatch, Infallible>;

fn public(route: impl Into<Route<OAuth>>) -> Route<OAuth> {
    documented(route).without_postgres().to_any_origin()
}

/// Get the OpenID provider's metadata
#[utoipa::path(get, path = OPENID, tag = "server", security(()), responses((status = 200, body = Metadata)))]
async fn openid_configuration(State(oauth): State<OAuth>, Ok(seen): Seen) -> Response {
    answer(&oauth, &seen).await
}

/// Get the authorization server's metadata
///
/// The same as at `/.well-known/openid-configuration` (RFC 8414).
#[utoipa::path(get, path = OAUTH, tag = "server", security(()), responses((status = 200, body = Metadata)))]
async fn oauth_authorization_server(State(oauth): State<OAuth>, Ok(seen): Seen) -> Response {
    answer(&oauth, &seen).await
}

/// The public keys that tokens are signed with: a JWK Set (RFC 7517).
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "documents what the keyring writes")]
struct Jwks {
    keys: Vec<PublicKey>,
}

/// A public key.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "documents what the keyring writes")]
struct PublicKey {
    /// Its thumbprint (RFC 7638): the header of each token that it signed has it.
    #[schema(example = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")]
    kid: String,
    alg: Algorithm,
    #[schema(example = "sig")]
    r#use: String,
    /// EC, OKP or RSA.
    #[schema(example = "EC")]
    kty: String,
    /// The curve.
    #[schema(example = "P-256")]
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    /// Of RSA the modulus.
    n: Option<String>,
    /// Of RSA the exponent.
    e: Option<String>,
}

/// Get the keys that tokens are signed with
///
/// A new key is here ten minutes before it signs, and an old one until the last token that it signed has expired.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "server", security(()),
    responses((status = 200, body = Jwks)))]
async fn jwks(State(oauth): State<OAuth>, Ok(seen): Seen) -> Result<Response> {
    Ok(oauth.keys.jwks(&oauth.db, oauth.clock.now()).await?.answer(&seen, KEPT))
}
