use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{NewToken, RegistrationToken, RegistrationTokenId, make, store};
use crate::base::error::Result;
use crate::base::id::{Ref, ServiceId};
use crate::base::opaque::oauth::InitialAccessToken;
use crate::gate::audit::{Action, Event};
use crate::gate::idempotency::once;
use crate::gate::permission::{ReadServices, WriteServices};
use crate::gate::{Holds, LockScope};
use crate::oauth::OAuth;
use crate::platform::http::{Json, Path, Routes};

/// `/services/{service}/registration-tokens`.
pub fn routes() -> Routes<OAuth> {
    Routes::new()
        .routes(once(routes!(list_registration_tokens, create_registration_token)))
        .routes(routes!(revoke_registration_token))
}

/// List a service's initial access tokens
///
/// Those that register clients yet, at most 100. Never includes the tokens themselves.
#[utoipa::path(get, path = "/services/{service}/registration-tokens", tag = "clients",
    params(("service" = String, Path, description = "id or name", example = "4")),
    responses(
        (status = 200, body = Vec<RegistrationToken>),
        (status = 400, description = "`invalid_service_id`"),
        (status = 404, description = "`service_not_found`"),
    ))]
async fn list_registration_tokens(
    State(oauth): State<OAuth>,
    by: Holds<ReadServices>,
    Path(service): Path<Ref<ServiceId>>,
) -> Result<Json<Vec<RegistrationToken>>> {
    let mut conn = oauth.db.read().await?;
    let (service, _) = by.resolve_within(&mut conn, &service).await?;
    Ok(Json(store::list(&mut conn, service, oauth.clock.now()).await?))
}

/// A new initial access token.
#[derive(Debug, Serialize, ToSchema)]
struct RegistrationTokenMade {
    /// Give it to the program that registers itself. Shown only once.
    #[schema(
        value_type = String,
        pattern = "^pit_[0-9a-f]{72}$",
        example = "pit_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f40516273d1a5b6c7"
    )]
    initial_access_token: InitialAccessToken,
    /// The service that clients so registered are of.
    service_id: ServiceId,
    #[serde(flatten)]
    shown: RegistrationToken,
}

/// Create an initial access token
///
/// With it a program registers itself at `POST /oauth/register` as a client of this service (RFC 7591), so often and for so
/// long as you say. At most 100 per service. Registration itself is off unless `CLIENT_REGISTRATION` is on.
#[utoipa::path(post, path = "/services/{service}/registration-tokens", tag = "clients",
    params(("service" = String, Path, description = "id or name", example = "4")),
    request_body = NewToken,
    responses(
        (status = 201, body = RegistrationTokenMade),
        (status = 400, description = "`invalid_service_id`"),
        (status = 404, description = "`service_not_found`"),
        (status = 409, description = "`built_in`, `too_many_registration_tokens`"),
    ))]
async fn create_registration_token(
    State(oauth): State<OAuth>,
    by: Holds<WriteServices>,
    Path(service): Path<Ref<ServiceId>>,
    Json(new): Json<NewToken>,
) -> Result<(StatusCode, Json<RegistrationTokenMade>)> {
    let (service_id, by) = by.resolve_within(&mut *oauth.db.read().await?, &service).await?;
    let mut tx = by.begin(&oauth, LockScope::default()).await?;
    let until = by.end_of_what_is_made(&mut tx, None).await?;
    let (initial_access_token, shown) = make(&mut tx, &oauth, service_id, &new, until).await?;
    tx.commit([]).await?;
    Ok((StatusCode::CREATED, Json(RegistrationTokenMade { initial_access_token, service_id, shown })))
}

/// The token was revoked.
#[derive(Debug, Serialize, ToSchema)]
struct RegistrationTokenRevoked {
    #[schema(example = "registration_token_revoked")]
    status: &'static str,
    service_id: ServiceId,
    token_id: RegistrationTokenId,
}

/// Revoke an initial access token
///
/// Clients that were registered with it stay.
#[utoipa::path(delete, path = "/services/{service}/registration-tokens/{token_id}", tag = "clients",
    params(
        ("service" = String, Path, description = "id or name", example = "4"),
        ("token_id" = i32, Path, description = "the token's id"),
    ),
    responses(
        (status = 200, body = RegistrationTokenRevoked),
        (status = 400, description = "`invalid_service_id`, `invalid_registration_token_id`"),
        (status = 404, description = "`service_not_found`, `registration_token_not_found`"),
    ))]
async fn revoke_registration_token(
    State(oauth): State<OAuth>,
    by: Holds<WriteServices>,
    Path((service, token)): Path<(Ref<ServiceId>, Ref<RegistrationTokenId>)>,
) -> Result<Json<RegistrationTokenRevoked>> {
    let (service_id, by) = by.resolve_within(&mut *oauth.db.read().await?, &service).await?;
    let token_id = token.id()?;
    let mut tx = by.begin(&oauth, LockScope::default()).await?;
    store::revoke(&mut tx, service_id, token_id).await?;
    let told = Event::new(Action::RegistrationTokenRevoked).within(service_id).before(json!({"id": token_id}));
    tx.commit([told]).await?;
    Ok(Json(RegistrationTokenRevoked { status: "registration_token_revoked", service_id, token_id }))
}
