use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Seen;
use super::asker::{Asker, Proved};
use super::signed;
use crate::base::opaque::oauth::{AccessTokenHash, ClientRefreshHash};
use crate::gate::Confirmation;
use crate::gate::audit::Origin;
use crate::oauth::OAuth;
use crate::oauth::clients::Client;
use crate::oauth::error::Result;
use crate::oauth::form::Form;
use crate::oauth::scopes::{SUPERUSER, written};
use crate::oauth::tokens::store::{authorizations, refresh_tokens};
use crate::oauth::tokens::{token_type, while_administrator};
use crate::platform::http::{Deadline, Json, Route, Routes};

/// `/oauth/introspect`.
pub fn routes() -> Routes<OAuth> {
    Routes::new().routes(Route::from(routes!(introspect)).within(Deadline::Question))
}

/// A token that is asked about.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what `Form` reads")]
struct IntrospectionRequest {
    /// An access token, or a refresh token of the client that asks.
    token: String,
    /// Ignored: a token says what it is.
    token_type_hint: Option<String>,
    /// The client, unless `Authorization` names it, or a service's key comes.
    client_id: Option<String>,
    /// Its secret (`client_secret_post`).
    client_secret: Option<String>,
    /// A JWT that it has signed (`private_key_jwt`).
    client_assertion: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`.
    client_assertion_type: Option<String>,
}

/// What a token is good for now. Of one that is not active nothing else is said.
#[derive(Default, Serialize, ToSchema)]
#[schema(example = json!({"active": false}))]
struct Introspection {
    /// Whether it is good, and for whoever asks to hear of.
    active: bool,
    /// What it may be used for: of permissions, those that the subject holds at this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    scope: Option<String>,
    /// The client that it was issued to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    client_id: Option<String>,
    /// The person's username.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    username: Option<String>,
    /// `Bearer` of an access token; `DPoP` of one that is bound to a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    token_type: Option<&'static str>,
    /// When it ends, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    exp: Option<i64>,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    iat: Option<i64>,
    /// The person's id; of a client that acts for itself, its `client_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    sub: Option<String>,
    /// The services that it is for, by name: one, or a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<Audience>)]
    aud: Option<Value>,
    /// The issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    iss: Option<String>,
    /// The key that it is bound to (RFC 9449 section 6.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    cnf: Option<Confirmation>,
    /// When its subject last proved who they are (RFC 9470 section 6.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    auth_time: Option<i64>,
    /// How strong that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>, example = "2")]
    acr: Option<Arc<str>>,
    /// Who acts for the subject (RFC 8693 section 4.1), if that is not the client alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<ActingParty>)]
    act: Option<Value>,
}

/// One service, or several.
#[derive(ToSchema)]
#[schema(as = Audience)]
#[serde(untagged)]
#[expect(dead_code, reason = "documents the claim `aud`")]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Who acts for somebody.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the claim `act`")]
struct ActingParty {
    /// A client's `client_id`, or a person's id.
    #[schema(example = "gateway")]
    sub: String,
    /// Who acted before.
    #[schema(nullable = false, no_recursion)]
    act: Option<Box<ActingParty>>,
}

/// Ask what a token is good for
///
/// For a confidential client, about tokens of its own and those for its service; and for a backend with a service key, about
/// those for its service. Never answered from a cache: a role that was taken away is missing from the very next `scope`. Whoever
/// accepts `application/token-introspection+jwt` gets a signed JWT (RFC 9701), whose `token_introspection` says the same.
#[utoipa::path(post, path = "/oauth/introspect", tag = "tokens",
    request_body(content = IntrospectionRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, content((Introspection = "application/json"), (String = "application/token-introspection+jwt"))),
        (status = 400, description = "`invalid_request`"),
        (status = 401, description = "`invalid_client`"),
    ),
    security(("client" = []), ("service_key" = []), ("service_key_bearer" = [])))]
async fn introspect(
    State(oauth): State<OAuth>,
    Ok(origin): std::result::Result<Origin, Infallible>,
    headers: HeaderMap,
    form: Result<Form>,
) -> Result<Response> {
    let form = form?;
    let asker = Asker::read(&headers, &form)?;
    let text = form.get("token");
    let token = text.and_then(AccessTokenHash::of_any);
    let (proved, seen) = loop {
        let mut answer = oauth.introspections.ask(asker.ask(&oauth, token)).await?;
        let now = oauth.clock.now();
        let has_ended =
            |seen: &Seen| seen.audience.places().iter().any(|place| place.held.ends_at.is_some_and(|end| end <= now));
        if answer.seen.as_ref().is_some_and(has_ended) {
            // A grant ended while the question was under way.
            continue;
        }
        let proved = asker.prove(&oauth, &origin, &mut answer).await?;
        break (proved, answer.seen);
    };
    // Only now: strangers hear nothing of their request.
    form.require("token")?;
    let now = oauth.clock.now();
    let said = match (&proved, text.and_then(ClientRefreshHash::of)) {
        (Proved::Client(client), Some(refresh)) => Box::pin(of_refresh_token(&oauth, client, refresh, now)).await?,
        _ => {
            of_access_token(&oauth, seen.filter(|seen| now < seen.token.expires_at && proved.may_see(seen)), now)
                .await?
        }
    };
    if signed::is_asked_for(&headers) {
        Box::pin(signed::answer(&oauth, &proved, &said)).await
    } else {
        Ok(Json(said).into_response())
    }
}

async fn of_access_token(oauth: &OAuth, seen: Option<Seen>, now: OffsetDateTime) -> Result<Introspection> {
    let Some(Seen { token, audience }) = seen else { return Ok(Introspection::default()) };
    for place in audience.places().iter().filter(|place| !place.held.roles.is_empty()) {
        oauth.uses.note(token.person, place.service, now);
    }
    let mut scopes = audience.good(&token.scopes);
    if scopes.iter().any(|scope| scope == SUPERUSER) {
        scopes = while_administrator(&mut *oauth.db.read().await?, token.person, scopes, now).await?;
    }
    let (sub, username) = match token.subject_client() {
        Some(client_id) => (client_id.to_owned(), None),
        None => (token.person.to_string(), Some(token.payload.username.clone())),
    };
    Ok(Introspection {
        active: true,
        scope: Some(written(&scopes)),
        client_id: Some(token.client_id.to_string()),
        username,
        token_type: Some(token_type(token.jkt.is_some())),
        exp: Some(token.expires_at.unix_timestamp()),
        iat: Some(token.issued_at.unix_timestamp()),
        sub: Some(sub),
        aud: Some(audience.claim(&oauth.issuer)),
        iss: Some(oauth.issuer.as_str().to_owned()),
        cnf: token.jkt.map(|jkt| Confirmation { jkt }),
        auth_time: token.login.as_ref().map(|login| login.auth_time.unix_timestamp()),
        acr: token.login.map(|login| login.acr),
        act: token.act.as_deref().cloned(),
    })
}

async fn of_refresh_token(
    oauth: &OAuth,
    client: &Client,
    refresh: ClientRefreshHash,
    now: OffsetDateTime,
) -> Result<Introspection> {
    let mut conn = oauth.db.read().await?;
    let found = authorizations::of_refresh_token(&mut conn, refresh).await?;
    let found = found.filter(|found| found.client == client.id && found.is_live(oauth, now));
    let Some(found) = found else { return Ok(Introspection::default()) };
    if !refresh_tokens::is_good(&mut conn, refresh).await? {
        return Ok(Introspection::default());
    }
    Ok(Introspection {
        active: true,
        scope: Some(written(&found.scopes)),
        client_id: Some(client.client_id.clone()),
        exp: Some(found.ends_at(oauth).unix_timestamp()),
        sub: Some(found.person.to_string()),
        iss: Some(oauth.issuer.as_str().to_owned()),
        cnf: found.jkt.map(|jkt| Confirmation { jkt: jkt.into() }),
        ..Introspection::default()
    })
}
