use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{NewService, Service, ServiceChange, create, remove, store};
use crate::base::error::Result;
use crate::base::id::{Ref, ServiceId};
use crate::base::made::Made;
use crate::gate;
use crate::gate::idempotency::once;
use crate::gate::permission::{ReadServices, WriteServices};
use crate::gate::store::{Loss, must_cover_loss, must_hand_out_where_anything_is_held};
use crate::gate::{Can, Holds, LockScope, must_cover};
use crate::identity::Identity;
use crate::platform::http::{IfMatch, Json, Page, PageQuery, Path, Routes, Success, Tagged, tagged};

/// `/services`.
pub fn routes() -> Routes<Identity> {
    Routes::new().routes(once(routes!(list_services, create_service))).routes(tagged(routes!(
        get_service,
        update_service,
        patch_service,
        delete_service
    )))
}

/// List services
///
/// Excludes Portero itself (service 0).
#[utoipa::path(get, path = "/services", tag = "services", params(PageQuery),
    responses((status = 200, body = Vec<Service>)))]
async fn list_services(State(identity): State<Identity>, _: Can<ReadServices>, page: Page) -> Result<Response> {
    let services = store::list(&mut *identity.db.read().await?, &page).await?;
    Ok(page.respond(services, |service| service.id.0))
}

/// Create a service
///
/// Safe to repeat: returns 200 with the existing service, or 409 if its description or claims differ.
#[utoipa::path(post, path = "/services", tag = "services", request_body = NewService, responses(
    (status = 201, body = Service),
    (status = 200, body = Service, description = "it existed already"),
    (status = 409, description = "`service_exists`"),
))]
async fn create_service(
    State(identity): State<Identity>,
    by: Can<WriteServices>,
    Json(new): Json<NewService>,
) -> Result<Made<Service>> {
    let mut tx = by.begin(&identity, LockScope::default()).await?;
    let made = create(&mut tx, &new).await?;
    tx.commit([]).await?;
    Ok(made)
}

/// Get a service
#[utoipa::path(get, path = "/services/{id}", tag = "services",
    params(("id" = i32, Path, description = "the service's id")),
    responses(
        (status = 200, body = Service),
        (status = 400, description = "`invalid_service_id`"),
        (status = 404, description = "`service_not_found`"),
    ))]
async fn get_service(
    State(identity): State<Identity>,
    by: Holds<ReadServices>,
    Path(id): Path<Ref<ServiceId>>,
) -> Result<Tagged<Service>> {
    id.id()?;
    let mut conn = identity.db.read().await?;
    let (id, _) = by.resolve_within(&mut conn, &id).await?;
    store::tagged(&mut conn, id).await
}

/// Change a service
///
/// Its `claims` are the attributes of people that `POST /check-token` and `POST /check-tokens` tell its backends, and no others.
#[utoipa::path(put, path = "/services/{id}", tag = "services",
    params(("id" = i32, Path, description = "the service's id")),
    request_body = ServiceChange,
    responses(
        (status = 200, body = Success),
        (status = 400, description = "`invalid_service_id`"),
        (status = 404, description = "`service_not_found`"),
        (status = 409, description = "`service_exists`, `built_in`"),
    ))]
async fn update_service(
    State(identity): State<Identity>,
    by: Can<WriteServices>,
    Path(id): Path<Ref<ServiceId>>,
    if_match: IfMatch,
    Json(change): Json<ServiceChange>,
) -> Result<Json<Success>> {
    update(&identity, &by, id.id()?, &if_match, &change).await?;
    Ok(Json(Success::default()))
}

/// Change a service and return it
///
/// Like `PUT`, but returns the service.
#[utoipa::path(patch, path = "/services/{id}", tag = "services",
    params(("id" = i32, Path, description = "the service's id")),
    request_body = ServiceChange,
    responses(
        (status = 200, body = Service),
        (status = 400, description = "`invalid_service_id`"),
        (status = 404, description = "`service_not_found`"),
        (status = 409, description = "`service_exists`, `built_in`"),
    ))]
async fn patch_service(
    State(identity): State<Identity>,
    by: Can<WriteServices>,
    Path(id): Path<Ref<ServiceId>>,
    if_match: IfMatch,
    Json(change): Json<ServiceChange>,
) -> Result<Tagged<Service>> {
    update(&identity, &by, id.id()?, &if_match, &change).await
}

async fn update(
    identity: &Identity,
    by: &Can<WriteServices>,
    id: ServiceId,
    if_match: &IfMatch,
    change: &ServiceChange,
) -> Result<Tagged<Service>> {
    id.must_not_be_built_in()?;
    change.must_change_something()?;
    let mut tx = by.begin(identity, LockScope::default()).await?;
    gate::store::services::lock(&mut tx, id).await?;
    let before = store::tagged(&mut tx, id).await?;
    if_match.allows(&before.etag)?;
    if change.name.as_ref().is_some_and(|name| name.as_str() != before.shown.name) {
        let now = tx.by().now;
        must_hand_out_where_anything_is_held(&mut tx, by.actor, id, now).await?;
    }
    let after = super::change(&mut tx, before.shown, change).await?;
    tx.commit([]).await?;
    Ok(after)
}

/// The service was deleted.
#[derive(Debug, Serialize, ToSchema)]
struct ServiceDeleted {
    #[schema(example = "service_deleted")]
    status: &'static str,
    service_id: ServiceId,
}

/// Delete a service
///
/// All roles in it are lost, its clients are deleted, and its name becomes free. If somebody holds one of Portero's own
/// permissions in it, or one of its clients does anywhere, you must hold that permission for at least as long.
#[utoipa::path(delete, path = "/services/{id}", tag = "services",
    params(("id" = i32, Path, description = "the service's id")),
    responses(
        (status = 200, body = ServiceDeleted),
        (status = 400, description = "`invalid_service_id`"),
        (status = 404, description = "`service_not_found`"),
        (status = 409, description = "`built_in`"),
    ))]
async fn delete_service(
    State(identity): State<Identity>,
    by: Can<WriteServices>,
    Path(id): Path<Ref<ServiceId>>,
    if_match: IfMatch,
) -> Result<Json<ServiceDeleted>> {
    let service_id = id.id()?;
    service_id.must_not_be_built_in()?;
    let subjects = gate::store::services::subjects_of_clients(&mut *identity.db.read().await?, service_id).await?;
    let mut tx = by.begin(&identity, LockScope::people(subjects.iter().copied())).await?;
    gate::store::services::lock(&mut tx, service_id).await?;
    let service = store::tagged(&mut tx, service_id).await?;
    if_match.allows(&service.etag)?;
    let now = tx.by().now;
    must_cover_loss(&mut tx, by.actor, Loss::Service(service_id), now).await?;
    must_cover(&mut tx, &subjects).await?;
    remove(&mut tx, &service.shown).await?;
    tx.commit([]).await?;
    Ok(Json(ServiceDeleted { status: "service_deleted", service_id }))
}
