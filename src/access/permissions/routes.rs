use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{NewPermission, Permission, PermissionChange, create, remove, store};
use crate::base::error::Result;
use crate::base::id::{PermissionId, Ref};
use crate::base::made::Made;
use crate::base::patch::must_change_something;
use crate::gate::idempotency::once;
use crate::gate::permission::{ReadPermissions, WritePermissions};
use crate::gate::store::must_hand_out_where_permission_is_held;
use crate::gate::{Can, LockScope};
use crate::identity::Identity;
use crate::platform::http::{IfMatch, Json, Page, PageQuery, Path, Routes, Success, Tagged, tagged};

/// `/permissions`.
pub fn routes() -> Routes<Identity> {
    Routes::new().routes(once(routes!(list_permissions, create_permission))).routes(tagged(routes!(
        get_permission,
        update_permission,
        patch_permission,
        delete_permission
    )))
}

/// List permissions
///
/// Excludes Portero's own; `GET /roles/0/permissions` lists those.
#[utoipa::path(get, path = "/permissions", tag = "permissions", params(PageQuery),
    responses((status = 200, body = Vec<Permission>)))]
async fn list_permissions(State(identity): State<Identity>, _: Can<ReadPermissions>, page: Page) -> Result<Response> {
    let permissions = store::list(&mut *identity.db.read().await?, &page).await?;
    Ok(page.respond(permissions, |permission| permission.id.0))
}

/// Create a permission
///
/// Safe to repeat: returns 200 with the existing permission, or 409 if its description differs.
#[utoipa::path(post, path = "/permissions", tag = "permissions", request_body = NewPermission, responses(
    (status = 201, body = Permission),
    (status = 200, body = Permission, description = "it existed already"),
    (status = 409, description = "`permission_exists`"),
))]
async fn create_permission(
    State(identity): State<Identity>,
    by: Can<WritePermissions>,
    Json(new): Json<NewPermission>,
) -> Result<Made<Permission>> {
    let mut tx = by.begin(&identity, LockScope::default()).await?;
    let made = create(&mut tx, &new).await?;
    tx.commit([]).await?;
    Ok(made)
}

/// Get a permission
#[utoipa::path(get, path = "/permissions/{id}", tag = "permissions",
    params(("id" = i32, Path, description = "the permission's id")),
    responses(
        (status = 200, body = Permission),
        (status = 400, description = "`invalid_permission_id`"),
        (status = 404, description = "`permission_not_found`"),
    ))]
async fn get_permission(
    State(identity): State<Identity>,
    _: Can<ReadPermissions>,
    Path(id): Path<Ref<PermissionId>>,
) -> Result<Tagged<Permission>> {
    Tagged::whole(store::get(&mut *identity.db.read().await?, id.id()?).await?)
}

/// Change a permission
#[utoipa::path(put, path = "/permissions/{id}", tag = "permissions",
    params(("id" = i32, Path, description = "the permission's id")),
    request_body = PermissionChange,
    responses(
        (status = 200, body = Success),
        (status = 400, description = "`invalid_permission_id`"),
        (status = 404, description = "`permission_not_found`"),
        (status = 409, description = "`permission_exists`, `built_in`"),
    ))]
async fn update_permission(
    State(identity): State<Identity>,
    by: Can<WritePermissions>,
    Path(id): Path<Ref<PermissionId>>,
    if_match: IfMatch,
    Json(change): Json<PermissionChange>,
) -> Result<Json<Success>> {
    update(&identity, &by, id.id()?, &if_match, &change).await?;
    Ok(Json(Success::default()))
}

/// Change a permission and return it
///
/// Like `PUT`, but returns the permission.
#[utoipa::path(patch, path = "/permissions/{id}", tag = "permissions",
    params(("id" = i32, Path, description = "the permission's id")),
    request_body = PermissionChange,
    responses(
        (status = 200, body = Permission),
        (status = 400, description = "`invalid_permission_id`"),
        (status = 404, description = "`permission_not_found`"),
        (status = 409, description = "`permission_exists`, `built_in`"),
    ))]
async fn patch_permission(
    State(identity): State<Identity>,
    by: Can<WritePermissions>,
    Path(id): Path<Ref<PermissionId>>,
    if_match: IfMatch,
    Json(change): Json<PermissionChange>,
) -> Result<Tagged<Permission>> {
    update(&identity, &by, id.id()?, &if_match, &change).await
}

async fn update(
    identity: &Identity,
    by: &Can<WritePermissions>,
    id: PermissionId,
    if_match: &IfMatch,
    change: &PermissionChange,
) -> Result<Tagged<Permission>> {
    must_change_something(change.name.as_ref(), &change.description)?;
    let mut tx = by.begin(identity, LockScope::default()).await?;
    let before = Tagged::whole(store::lock(&mut tx, id).await?)?;
    id.must_not_be_built_in()?;
    if_match.allows(&before.etag)?;
    if change.name.as_ref().is_some_and(|name| name.as_str() != before.shown.name) {
        let now = tx.by().now;
        must_hand_out_where_permission_is_held(&mut tx, by.actor, id, now).await?;
    }
    let after = Tagged::whole(super::change(&mut tx, before.shown, change).await?)?;
    tx.commit([]).await?;
    Ok(after)
}

/// The permission was deleted.
#[derive(Debug, Serialize, ToSchema)]
struct PermissionDeleted {
    #[schema(example = "permission_deleted")]
    status: &'static str,
    permission_id: PermissionId,
}

/// Delete a permission
///
/// Every role loses it, and so does everybody who holds it.
#[utoipa::path(delete, path = "/permissions/{id}", tag = "permissions",
    params(("id" = i32, Path, description = "the permission's id")),
    responses(
        (status = 200, body = PermissionDeleted),
        (status = 400, description = "`invalid_permission_id`"),
        (status = 404, description = "`permission_not_found`"),
        (status = 409, description = "`built_in`"),
    ))]
async fn delete_permission(
    State(identity): State<Identity>,
    by: Can<WritePermissions>,
    Path(id): Path<Ref<PermissionId>>,
    if_match: IfMatch,
) -> Result<Json<PermissionDeleted>> {
    let permission_id = id.id()?;
    let mut tx = by.begin(&identity, LockScope::default()).await?;
    let permission = Tagged::whole(store::lock(&mut tx, permission_id).await?)?;
    permission_id.must_not_be_built_in()?;
    if_match.allows(&permission.etag)?;
    remove(&mut tx, &permission.shown).await?;
    tx.commit([]).await?;
    Ok(Json(PermissionDeleted { status: "permission_deleted", permission_id }))
}
