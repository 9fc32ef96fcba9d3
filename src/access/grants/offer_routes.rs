use axum::extract::State;
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::routes::{Act, role_meant};
use super::{Offer, offer_in_new_service, withdraw};
use crate::access::roles;
use crate::access::services::NewService;
use crate::base::error::Result;
use crate::base::id::{Ref, RoleId, ServiceId};
use crate::gate;
use crate::gate::idempotency::once;
use crate::gate::permission::WriteGrants;
use crate::gate::{Holds, LockScope};
use crate::identity::Identity;
use crate::platform::http::{Json, Path, Routes, Success};

/// `/service-roles`.
pub(super) fn routes() -> Routes<Identity> {
    Routes::new()
        .routes(once(routes!(add_role_to_service, remove_role_from_service)))
        .routes(routes!(remove_role_from_service_by_path))
}

/// Add a role to a service
///
/// Safe to repeat. An unknown service name creates the service, on this route only, if you may create services.
#[utoipa::path(post, path = "/service-roles", tag = "grants", request_body = Offer, responses(
    (status = 200, body = Success),
    (status = 400, description = "`invalid_service_id`, `invalid_role_id`"),
    (status = 404, description = "`service_not_found`, `role_not_found`"),
    (status = 409, description = "`ambiguous_name`, `direct_role`"),
))]
async fn add_role_to_service(
    State(identity): State<Identity>,
    by: Holds<WriteGrants>,
    Json(offer): Json<Offer>,
) -> Result<Json<Success>> {
    let mut conn = identity.db.read().await?;
    if let Some(new) = unknown_name(&mut conn, &offer.service_id).await? {
        let by = by.everywhere()?;
        let role = roles::store::resolve(&mut conn, &offer.role_id).await?;
        drop(conn);
        let mut tx = by.begin(&identity, LockScope::default()).await?;
        offer_in_new_service(&mut tx, &new, role).await?;
        tx.commit([]).await?;
        return Ok(Json(Success::default()));
    }
    let (service, by) = by.resolve_within(&mut conn, &offer.service_id).await?;
    let role = role_meant(&mut conn, &by, &offer.role_id, (service, Act::Give)).await?;
    drop(conn);
    let mut tx = by.begin(&identity, LockScope::role(service, role)).await?;
    super::offer(&mut tx, service, role).await?;
    tx.commit([]).await?;
    Ok(Json(Success::default()))
}

/// The service to make, when a caller gave a name that no service has and that one can have.
async fn unknown_name(conn: &mut PgConnection, service: &Ref<ServiceId>) -> Result<Option<NewService>> {
    let Ref::Name(name) = service else { return Ok(None) };
    let found = gate::store::services::find(conn, service).await?;
    Ok(if found.is_some() {
        None
    } else {
        name.parse().ok().map(|name| NewService { name, description: None, claims: None })
    })
}

/// The service no longer offers the role.
#[derive(Debug, Serialize, ToSchema)]
struct RoleRemovedFromService {
    #[schema(example = "role_removed_from_service")]
    status: &'static str,
    /// False if the service did not offer it.
    #[schema(example = true)]
    revoked: bool,
}

/// Remove a role from a service
///
/// Everybody who holds it there loses it. For one of Portero's own roles, you must hold it for at least as long as
/// they do. Safe to repeat.
#[utoipa::path(delete, path = "/service-roles", tag = "grants", request_body = Offer, responses(
    (status = 200, body = RoleRemovedFromService),
    (status = 400, description = "`invalid_service_id`, `invalid_role_id`"),
    (status = 404, description = "`service_not_found`, `role_not_found`"),
    (status = 409, description = "`ambiguous_name`, `direct_role`, `last_administrator`"),
))]
async fn remove_role_from_service(
    State(identity): State<Identity>,
    by: Holds<WriteGrants>,
    Json(offer): Json<Offer>,
) -> Result<Json<RoleRemovedFromService>> {
    remove(&identity, by, &offer).await
}

/// Remove a role from a service, by path
///
/// Like `DELETE /service-roles`, without a body.
#[utoipa::path(delete, path = "/services/{service}/roles/{role}", tag = "grants",
    params(
        ("service" = String, Path, description = "id or name", example = "4"),
        ("role" = String, Path, description = "id or name", example = "Viewer"),
    ),
    responses(
        (status = 200, body = RoleRemovedFromService),
        (status = 400, description = "`invalid_service_id`, `invalid_role_id`"),
        (status = 404, description = "`service_not_found`, `role_not_found`"),
        (status = 409, description = "`ambiguous_name`, `direct_role`, `last_administrator`"),
    ))]
async fn remove_role_from_service_by_path(
    State(identity): State<Identity>,
    by: Holds<WriteGrants>,
    Path((service_id, role_id)): Path<(Ref<ServiceId>, Ref<RoleId>)>,
) -> Result<Json<RoleRemovedFromService>> {
    remove(&identity, by, &Offer { service_id, role_id }).await
}

async fn remove(identity: &Identity, by: Holds<WriteGrants>, offer: &Offer) -> Result<Json<RoleRemovedFromService>> {
    let mut conn = identity.db.read().await?;
    let (service, by) = by.resolve_within(&mut conn, &offer.service_id).await?;
    let role = role_meant(&mut conn, &by, &offer.role_id, (service, Act::Take)).await?;
    drop(conn);
    let mut tx = by.begin(identity, LockScope::role(service, role)).await?;
    let revoked = withdraw(&mut tx, service, role).await?;
    tx.commit([]).await?;
    Ok(Json(RoleRemovedFromService { status: "role_removed_from_service", revoked }))
}
