use std::convert::Infallible;

use axum::extract::State;
use axum::http::HeaderMap;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::base::error;
use crate::base::opaque::oauth::{AccessTokenHash, ClientRefreshHash};
use crate::gate::audit::{Action, Actor, AuditedTx, By, Origin};
use crate::oauth::OAuth;
use crate::oauth::clients::{Client, authenticate};
use crate::oauth::error::{Error, Result};
use crate::oauth::form::Form;
use crate::oauth::tokens::{self, store};
use crate::platform::http::{Route, Routes};

/// `/oauth/revoke`.
pub fn routes() -> Routes<OAuth> {
    Routes::new().routes(Route::from(routes!(revoke)).to_any_origin())
}

/// A token that is to end.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what `Form` reads")]
struct Revocation {
    /// An access token or a refresh token of this client.
    token: String,
    /// Ignored: a token says what it is.
    token_type_hint: Option<String>,
    /// The client, unless `Authorization` names it.
    client_id: Option<String>,
    /// Its secret (`client_secret_post`).
    client_secret: Option<String>,
    /// A JWT that it has signed (`private_key_jwt`).
    client_assertion: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`.
    client_assertion_type: Option<String>,
}

/// Revoke a token
///
/// An access token ends alone; with a refresh token ends all that its login gave the client. What is unknown, or has ended, is
/// as the client wants it: 200.
#[utoipa::path(post, path = "/oauth/revoke", tag = "tokens",
    request_body(content = Revocation, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "the token is good no more"),
        (status = 400, description = "`invalid_request`, `invalid_grant`"),
        (status = 401, description = "`invalid_client`"),
    ),
    security(("client" = []), ()))]
async fn revoke(
    State(oauth): State<OAuth>,
    Ok(origin): std::result::Result<Origin, Infallible>,
    headers: HeaderMap,
    form: Result<Form>,
) -> Result<()> {
    let form = form?;
    let client = authenticate(&oauth, &origin, &headers, &form).await?.client;
    let token = form.require("token")?;
    if let Some(refresh) = ClientRefreshHash::of(token) {
        return end_authorization(&oauth, &origin, &client, refresh).await;
    }
    match AccessTokenHash::of_any(token) {
        Some(access) => end_access_token(&oauth, &client, access).await,
        None => Ok(()),
    }
}

async fn end_authorization(oauth: &OAuth, origin: &Origin, client: &Client, refresh: ClientRefreshHash) -> Result<()> {
    let found = store::authorizations::of_refresh_token(&mut *oauth.db.read().await?, refresh).await?;
    let Some(authorization) = found else { return Ok(()) };
    if authorization.client != client.id {
        return Err(of_another());
    }
    let by = By { actor: Actor::Anonymous, origin: origin.clone(), now: oauth.clock.now() };
    let tx = AuditedTx::new(oauth.db.begin().await?, by);
    let why = (Action::AuthorizationRevoked, "the client revoked it");
    tokens::end(tx, &authorization, &client.client_id, why).await?;
    Ok(())
}

async fn end_access_token(oauth: &OAuth, client: &Client, access: AccessTokenHash) -> Result<()> {
    let mut tx = oauth.db.begin().await?;
    if !store::end(&mut tx, access, client.id).await? && store::client_of(&mut tx, access).await?.is_some() {
        return Err(of_another());
    }
    tx.commit().await.map_err(error::Error::from)?;
    Ok(())
}

fn of_another() -> Error {
    Error::invalid_grant("this token was issued to another client")
}
