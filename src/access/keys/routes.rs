use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{Key, NewKey, store};
use crate::base::error::Result;
use crate::base::id::{KeyId, Ref, ServiceId};
use crate::base::opaque::service_key::ServiceKey;
use crate::gate::audit::{Action, Event};
use crate::gate::idempotency::once;
use crate::gate::permission::{ReadServices, WriteServices};
use crate::gate::{Holds, LockScope};
use crate::identity::Identity;
use crate::platform::http::{Json, Page, PageQuery, Path, Routes};

/// `/services/{service}/keys`.
pub fn routes() -> Routes<Identity> {
    Routes::new().routes(once(routes!(list_keys, create_key))).routes(routes!(revoke_key))
}

/// List a service's keys
///
/// Never includes the keys themselves: each is shown once, when it is created.
#[utoipa::path(get, path = "/services/{service}/keys", tag = "keys",
    params(("service" = String, Path, description = "id or name", example = "4"), PageQuery),
    responses(
        (status = 200, body = Vec<Key>),
        (status = 400, description = "`invalid_service_id`"),
        (status = 404, description = "`service_not_found`"),
    ))]
async fn list_keys(
    State(identity): State<Identity>,
    by: Holds<ReadServices>,
    Path(service): Path<Ref<ServiceId>>,
    page: Page,
) -> Result<Response> {
    let mut conn = identity.db.read().await?;
    let (service, _) = by.resolve_within(&mut conn, &service).await?;
    let keys = store::list(&mut conn, service, &page, identity.clock.now()).await?;
    Ok(page.respond(keys, |key| key.id.0))
}

/// A new key.
#[derive(Debug, Serialize, ToSchema)]
struct KeyMade {
    /// Send it in the header `token`. Shown only once.
    #[schema(
        value_type = String,
        pattern = "^psk_[0-9a-f]{72}$",
        example = "psk_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f40516273dcd90b3c"
    )]
    key: ServiceKey,
    /// Whose it is.
    service_id: ServiceId,
    #[serde(flatten)]
    shown: Key,
}

/// Create a service key
///
/// A backend uses it to ask about its own service only: what people may do there, whether tokens are valid (many at a
/// time), and what changes. The key belongs to the service and stays when its creator leaves. If the creator's
/// `services:write` expires, the key expires with it or sooner. At most 100 keys per service.
#[utoipa::path(post, path = "/services/{service}/keys", tag = "keys",
    params(("service" = String, Path, description = "id or name", example = "4")),
    request_body = NewKey,
    responses(
        (status = 201, body = KeyMade),
        (status = 400, description = "`invalid_service_id`"),
        (status = 404, description = "`service_not_found`"),
        (status = 409, description = "`built_in`, `too_many_keys`"),
    ))]
async fn create_key(
    State(identity): State<Identity>,
    by: Holds<WriteServices>,
    Path(service): Path<Ref<ServiceId>>,
    Json(new): Json<NewKey>,
) -> Result<(StatusCode, Json<KeyMade>)> {
    let mut conn = identity.db.read().await?;
    let (service, by) = by.resolve_within(&mut conn, &service).await?;
    drop(conn);
    let now = identity.clock.now();
    let wanted = new.expires_at.seen_from(now)?;
    let key = identity.new_service_key(now)?;
    let mut tx = by.begin(&identity, LockScope::default()).await?;
    let expires_at = by.end_of_what_is_made(&mut tx, wanted.said()).await?;
    let shown = store::insert(&mut tx, service, &new.name, key.hash(), Some(by.actor), (now, expires_at)).await?;
    tx.commit([Event::new(Action::ServiceKeyCreated).within(service).after(&shown)]).await?;
    Ok((StatusCode::CREATED, Json(KeyMade { key, service_id: service, shown })))
}

/// The key was revoked.
#[derive(Debug, Serialize, ToSchema)]
struct KeyRevoked {
    #[schema(example = "key_revoked")]
    status: &'static str,
    service_id: ServiceId,
    key_id: KeyId,
}

/// Revoke a service's key
///
/// Refused in the very next request, on every instance. Streams opened with it end.
#[utoipa::path(delete, path = "/services/{service}/keys/{key_id}", tag = "keys",
    params(
        ("service" = String, Path, description = "id or name", example = "4"),
        ("key_id" = i32, Path, description = "the key's id"),
    ),
    responses(
        (status = 200, body = KeyRevoked),
        (status = 400, description = "`invalid_service_id`, `invalid_key_id`"),
        (status = 404, description = "`service_not_found`, `key_not_found`"),
    ))]
async fn revoke_key(
    State(identity): State<Identity>,
    by: Holds<WriteServices>,
    Path((service, key)): Path<(Ref<ServiceId>, Ref<KeyId>)>,
) -> Result<Json<KeyRevoked>> {
    let mut conn = identity.db.read().await?;
    let (service, by) = by.resolve_within(&mut conn, &service).await?;
    drop(conn);
    let key_id = key.id()?;
    let mut tx = by.begin(&identity, LockScope::default()).await?;
    store::revoke(&mut tx, service, key_id).await?;
    let told = Event::new(Action::ServiceKeyRevoked).within(service).before(json!({"id": key_id}));
    tx.commit([told]).await?;
    Ok(Json(KeyRevoked { status: "key_revoked", service_id: service, key_id }))
}
