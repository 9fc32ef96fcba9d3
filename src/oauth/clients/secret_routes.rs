use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use time::Duration;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::routes::{about, find};
use super::{Secret, end_secret, rotate, store};
use crate::base::error::{Error, Result};
use crate::base::id::{ClientSecretId, Ref};
use crate::base::opaque::oauth::ClientSecret;
use crate::gate::Holds;
use crate::gate::idempotency::once;
use crate::gate::permission::{ReadServices, WriteServices};
use crate::oauth::OAuth;
use crate::platform::http::{Json, MAX_BODY, OptionalJson, Path, Routes};

/// The longest overlap, in seconds: 30 days.
const LONGEST: u32 = 2_592_000;

/// `/clients/{client_id}/secrets`.
pub fn routes() -> Routes<OAuth> {
    Routes::new().routes(once(routes!(list_client_secrets, rotate_client_secret))).routes(routes!(revoke_client_secret))
}

/// List a client's secrets
///
/// Those that are good, at most two, the oldest first. Never includes the secrets themselves.
#[utoipa::path(get, path = "/clients/{client_id}/secrets", tag = "clients",
    params(("client_id" = String, Path, description = "what requests name it by", example = "wiki")),
    responses((status = 200, body = Vec<Secret>), (status = 404, description = "`client_not_found`")))]
async fn list_client_secrets(
    State(oauth): State<OAuth>,
    by: Holds<ReadServices>,
    Path(client_id): Path<String>,
) -> Result<Json<Vec<Secret>>> {
    let mut conn = oauth.db.read().await?;
    let (client, _) = find(&mut conn, by, &client_id).await?;
    Ok(Json(store::secrets(&mut conn, client.id, oauth.clock.now()).await?))
}

/// How to change a secret.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"overlap_seconds": 3600}))]
struct Rotation {
    /// How long the secret before it stays good, in seconds: a day by default; 0 ends it at once, for one that has leaked.
    #[serde(default = "a_day")]
    #[schema(minimum = 0, maximum = 2_592_000, default = 86_400)]
    overlap_seconds: u32,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { overlap_seconds: a_day() }
    }
}

fn a_day() -> u32 {
    86_400
}

/// A new secret.
#[derive(Debug, Serialize, ToSchema)]
struct SecretMade {
    /// The secret. Shown only once.
    #[schema(
        value_type = String,
        pattern = "^pcs_[0-9a-f]{72}$",
        example = "pcs_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f40516273d1a5b6c7"
    )]
    client_secret: ClientSecret,
    /// Whose it is.
    #[schema(example = "wiki")]
    client_id: String,
    #[serde(flatten)]
    shown: Secret,
}

/// Change a client's secret
///
/// Makes another one, shown only once. The one before it stays good for a while. At most two are good at once. You must manage
/// every service of the client's audience, and be able to hand out whatever the client holds itself. If your `services:write`
/// expires, the secret expires with it.
#[utoipa::path(post, path = "/clients/{client_id}/secrets", tag = "clients",
    params(("client_id" = String, Path, description = "what requests name it by", example = "wiki")),
    request_body = Option<Rotation>,
    responses(
        (status = 201, body = SecretMade),
        (status = 404, description = "`client_not_found`"),
        (status = 409, description = "`client_without_secret`, `too_many_secrets`, `built_in`"),
    ))]
async fn rotate_client_secret(
    State(oauth): State<OAuth>,
    by: Holds<WriteServices>,
    Path(client_id): Path<String>,
    OptionalJson(rotation): OptionalJson<Rotation, MAX_BODY>,
) -> Result<(StatusCode, Json<SecretMade>)> {
    if rotation.overlap_seconds > LONGEST {
        return Err(Error::invalid_field("overlap_seconds", "must be a number from 0 to 2592000 (30 days)"));
    }
    let overlap = Duration::seconds(rotation.overlap_seconds.into());
    let (client, by) = find(&mut *oauth.db.read().await?, by, &client_id).await?;
    let mut tx = by.begin(&oauth, about(&client)).await?;
    let until = by.end_of_what_is_made(&mut tx, None).await?;
    let (client_secret, shown) = rotate(&mut tx, &oauth, &client, overlap, until).await?;
    tx.commit([]).await?;
    Ok((StatusCode::CREATED, Json(SecretMade { client_secret, client_id: client.client_id, shown })))
}

/// The secret was revoked.
#[derive(Debug, Serialize, ToSchema)]
struct SecretRevoked {
    #[schema(example = "client_secret_revoked")]
    status: &'static str,
    #[schema(example = "wiki")]
    client_id: String,
    secret_id: ClientSecretId,
}

/// Revoke a client's secret
///
/// Refused in the very next request. Tokens that the client got with it are good until they end.
#[utoipa::path(delete, path = "/clients/{client_id}/secrets/{secret_id}", tag = "clients",
    params(
        ("client_id" = String, Path, description = "what requests name it by", example = "wiki"),
        ("secret_id" = i32, Path, description = "the secret's id"),
    ),
    responses(
        (status = 200, body = SecretRevoked),
        (status = 400, description = "`invalid_client_secret_id`"),
        (status = 404, description = "`client_not_found`, `client_secret_not_found`"),
        (status = 409, description = "`built_in`"),
    ))]
async fn revoke_client_secret(
    State(oauth): State<OAuth>,
    by: Holds<WriteServices>,
    Path((client_id, secret)): Path<(String, Ref<ClientSecretId>)>,
) -> Result<Json<SecretRevoked>> {
    let (client, by) = find(&mut *oauth.db.read().await?, by, &client_id).await?;
    let secret_id = secret.id()?;
    let mut tx = by.begin(&oauth, about(&client)).await?;
    end_secret(&mut tx, &client, secret_id).await?;
    tx.commit([]).await?;
    Ok(Json(SecretRevoked { status: "client_secret_revoked", client_id: client.client_id, secret_id }))
}
