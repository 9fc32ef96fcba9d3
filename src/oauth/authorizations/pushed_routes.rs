//! The pushed authorization request endpoint (RFC 9126 section 2).

use std::convert::Infallible;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, PRAGMA};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::pushed::{self, push};
use super::request;
use crate::gate::audit::Origin;
use crate::oauth::OAuth;
use crate::oauth::clients::{authenticate, take_share};
use crate::oauth::dpop;
use crate::oauth::error::{Error, Result};
use crate::oauth::form::Form;
use crate::oauth::parameters::Parameters;
use crate::platform::http::{Json, Route, Routes};

const PATH: &str = "/oauth/par";

/// What proves who the client is, and is kept nowhere.
const PROOFS: [&str; 3] = ["client_secret", "client_assertion", "client_assertion_type"];

/// `/oauth/par`.
pub fn pushed_routes() -> Routes<OAuth> {
    Routes::new().routes(Route::from(routes!(push_request)).to_any_origin())
}

/// An authorization request, and what proves who the client is.
#[derive(ToSchema)]
#[schema(as = PushedAuthorizationRequest)]
#[expect(dead_code, reason = "documents what `Form` reads")]
struct PushedParameters {
    /// `code`.
    #[schema(example = "code")]
    response_type: String,
    /// To the letter one that the client has registered.
    #[schema(example = "https://shop.example.com/callback")]
    redirect_uri: String,
    /// What is asked for. All other parameters of `/oauth/authorize` are taken, too.
    #[schema(example = "openid profile")]
    scope: Option<String>,
    /// The SHA-256 of the code verifier (RFC 7636).
    code_challenge: Option<String>,
    /// `S256`.
    code_challenge_method: Option<String>,
    /// The thumbprint of the key that the code is bound to (RFC 9449 section 10), unless a proof by it comes.
    dpop_jkt: Option<String>,
    /// The client, unless `Authorization` names it.
    client_id: Option<String>,
    /// Its secret (`client_secret_post`).
    client_secret: Option<String>,
    /// A JWT that it has signed (`private_key_jwt`).
    client_assertion: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`.
    client_assertion_type: Option<String>,
}

/// What the browser is sent to `/oauth/authorize` with, beside the `client_id`.
#[derive(Serialize, ToSchema)]
struct PushedAuthorization {
    /// Good once.
    #[schema(
        example = "urn:ietf:params:oauth:request_uri:par_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f40516273a1b2c3d4"
    )]
    request_uri: String,
    /// For so many seconds.
    #[schema(example = 60)]
    expires_in: i64,
}

/// Push an authorization request
///
/// Takes what `/oauth/authorize` takes (RFC 9126), so that it does not go through the browser, and checks it at once. Send the
/// browser to `/oauth/authorize` with `client_id` and the `request_uri` of the answer, which is good once and for 60 seconds.
#[utoipa::path(post, path = PATH, tag = "tokens",
    params(("DPoP" = Option<String>, Header, description = "a proof by the key that the code is to be bound to")),
    request_body(content = PushedParameters, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 201, body = PushedAuthorization),
        (status = 400, description = "`invalid_request`, `invalid_scope`, `invalid_target`, `unauthorized_client`, \
            `unsupported_response_type`, `request_not_supported`, `unmet_authentication_requirements`, \
            `invalid_dpop_proof`, `use_dpop_nonce`"),
        (status = 401, description = "`invalid_client`"),
        (status = 429, description = "`temporarily_unavailable`"),
    ),
    security(("client" = []), ()))]
async fn push_request(
    State(oauth): State<OAuth>,
    Ok(origin): std::result::Result<Origin, Infallible>,
    headers: HeaderMap,
    form: Result<Form>,
) -> Response {
    let proves = headers.contains_key(dpop::HEADER);
    let answer = pushed(&oauth, &origin, &headers, form).await.into_response();
    if proves { dpop::with_nonce(&oauth, answer).await } else { answer }
}

async fn pushed(oauth: &OAuth, origin: &Origin, headers: &HeaderMap, form: Result<Form>) -> Result<Response> {
    let form = form?;
    let client = authenticate(oauth, origin, headers, &form).await?.client;
    take_share(oauth, &client, origin)?;
    if form.get("request_uri").is_some() {
        return Err(Error::invalid_request("request_uri is what the answer has: push the parameters themselves"));
    }
    let key = dpop::of_client(oauth, headers, PATH).await?;
    let named = form.get("dpop_jkt");
    if key.as_ref().is_some_and(|key| named.is_some_and(|named| named != key.as_str())) {
        return Err(Error::invalid_request("dpop_jkt is not the thumbprint of the key that made the DPoP proof"));
    }
    let parameters = Parameters::of(form.pairs().filter(|(name, _)| !PROOFS.contains(name)));
    let parameters = parameters.ok_or_else(|| Error::invalid_request("there are more than 64 parameters"))?;
    let parameters = parameters.with("client_id", Some(client.client_id.clone()));
    let parameters = match key {
        Some(key) => parameters.with("dpop_jkt", Some(key.as_str().to_owned())),
        None => parameters,
    };
    if !pushed::is_short(&parameters) {
        return Err(Error::invalid_request("the request is longer than 8 KiB"));
    }
    request::look_at(oauth, &client, parameters.clone())
        .await?
        .map_err(|wrong| Error::new(StatusCode::BAD_REQUEST, wrong.code, wrong.description))?;
    let request_uri = push(oauth, &client, &parameters).await?;
    let answer = PushedAuthorization { request_uri, expires_in: pushed::LIFETIME.whole_seconds() };
    let headers =
        [(CACHE_CONTROL, HeaderValue::from_static("no-store")), (PRAGMA, HeaderValue::from_static("no-cache"))];
    Ok((StatusCode::CREATED, headers, Json(answer)).into_response())
}
