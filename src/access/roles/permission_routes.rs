use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::routes::{changeable, must_cover_loss_of};
use super::{events, store};
use crate::access::grants::{Notice, must_all_have_own_passwords, notices_of_holders};
use crate::access::permissions::{self, Permission};
use crate::base::error::Result;
use crate::base::id::{IdOrName, PermissionId, Ref, RoleId, ServiceId};
use crate::gate::idempotency::once;
use crate::gate::permission::{ReadRoles, WriteRoles};
use crate::gate::store::{Loss, Through, must_cover_permission, must_hand_out_where_role_is_held};
use crate::gate::{Can, LockScope};
use crate::identity::Identity;
use crate::platform::http::{Json, Page, PageQuery, Path, Routes};

/// `/roles/{id}/permissions` and `/role-permissions`.
pub(super) fn routes() -> Routes<Identity> {
    Routes::new()
        .routes(routes!(list_role_permissions))
        .routes(once(routes!(add_permission_to_role, remove_permission_from_role)))
        .routes(routes!(remove_permission_from_role_by_path))
}

/// List a role's permissions
#[utoipa::path(get, path = "/roles/{id}/permissions", tag = "roles",
    params(("id" = i32, Path, description = "the role's id"), PageQuery),
    responses(
        (status = 200, body = Vec<Permission>),
        (status = 400, description = "`invalid_role_id`"),
        (status = 404, description = "`role_not_found`"),
    ))]
async fn list_role_permissions(
    State(identity): State<Identity>,
    _: Can<ReadRoles>,
    Path(id): Path<Ref<RoleId>>,
    page: Page,
) -> Result<Response> {
    let now = identity.clock.now();
    let permissions = store::permissions(&mut *identity.db.read().await?, id.id()?, &page, now).await?;
    Ok(page.respond(permissions, |permission| permission.id.0))
}

/// A permission that a role carries.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RolePermission {
    /// The role: id or name.
    #[schema(value_type = IdOrName)]
    role_id: Ref<RoleId>,
    /// The permission: id or name.
    #[schema(value_type = IdOrName)]
    permission_id: Ref<PermissionId>,
}

/// The role carries the permission.
#[derive(Debug, Serialize, ToSchema)]
struct PermissionAdded {
    /// Always `success`.
    #[schema(example = "success")]
    status: &'static str,
    /// What the caller should know about the holders of the role. Only if there is something, and only when the
    /// permission is new to the role.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    notices: Vec<Notice>,
}

/// Add a permission to a role
///
/// Safe to repeat. Everybody who holds the role gets the permission, so you need `grants:write` in each service where
/// somebody does. To add one of Portero's own permissions, you must hold it permanently.
#[utoipa::path(post, path = "/role-permissions", tag = "roles", request_body = RolePermission, responses(
    (status = 200, body = PermissionAdded),
    (status = 400, description = "`invalid_role_id`, `invalid_permission_id`"),
    (status = 404, description = "`role_not_found`, `permission_not_found`"),
    (status = 409, description = "`built_in`, `direct_role`, `password_set_by_another`"),
))]
async fn add_permission_to_role(
    State(identity): State<Identity>,
    by: Can<WriteRoles>,
    Json(link): Json<RolePermission>,
) -> Result<Json<PermissionAdded>> {
    let mut tx = by.begin(&identity, LockScope::default()).await?;
    let role = changeable(&mut tx, by.actor, &link.role_id).await?;
    let permission = permissions::store::hold(&mut tx, &link.permission_id).await?;
    let permission = permission.ok_or_else(|| link.permission_id.absent())?;
    // What a role carries does not end: whoever gives it must hold it for good.
    must_cover_permission(&mut tx, by.actor, ServiceId::PORTERO, permission, Through::End(None)).await?;
    let added = store::add_permission(&mut tx, role, permission).await?;
    let mut notices = Vec::new();
    if added {
        let now = tx.by().now;
        must_hand_out_where_role_is_held(&mut tx, by.actor, role, now).await?;
        must_all_have_own_passwords(&mut tx, role, permission).await?;
        notices = notices_of_holders(&mut tx, role, permission, now).await?;
    }
    tx.commit(added.then(|| events::carries(role, permission))).await?;
    Ok(Json(PermissionAdded { status: "success", notices }))
}

/// The permission was removed from the role.
#[derive(Debug, Serialize, ToSchema)]
struct PermissionRemoved {
    #[schema(example = "permission_removed_from_role")]
    status: &'static str,
    role_id: RoleId,
    permission_id: PermissionId,
    /// False if the role did not carry it.
    #[schema(example = true)]
    revoked: bool,
}

/// Remove a permission from a role
///
/// Safe to repeat.
#[utoipa::path(delete, path = "/role-permissions", tag = "roles", request_body = RolePermission, responses(
    (status = 200, body = PermissionRemoved),
    (status = 400, description = "`invalid_role_id`, `invalid_permission_id`"),
    (status = 404, description = "`role_not_found`, `permission_not_found`"),
    (status = 409, description = "`ambiguous_name`, `built_in`, `direct_role`"),
))]
async fn remove_permission_from_role(
    State(identity): State<Identity>,
    by: Can<WriteRoles>,
    Json(link): Json<RolePermission>,
) -> Result<Json<PermissionRemoved>> {
    remove(&identity, &by, &link).await
}

/// Remove a permission from a role, by path
///
/// Like `DELETE /role-permissions`, without a body.
#[utoipa::path(delete, path = "/roles/{role}/permissions/{permission}", tag = "roles",
    params(
        ("role" = String, Path, description = "id or name", example = "4"),
        ("permission" = String, Path, description = "id or name", example = "1"),
    ),
    responses(
        (status = 200, body = PermissionRemoved),
        (status = 400, description = "`invalid_role_id`, `invalid_permission_id`"),
        (status = 404, description = "`role_not_found`, `permission_not_found`"),
        (status = 409, description = "`ambiguous_name`, `built_in`, `direct_role`"),
    ))]
async fn remove_permission_from_role_by_path(
    State(identity): State<Identity>,
    by: Can<WriteRoles>,
    Path((role_id, permission_id)): Path<(Ref<RoleId>, Ref<PermissionId>)>,
) -> Result<Json<PermissionRemoved>> {
    remove(&identity, &by, &RolePermission { role_id, permission_id }).await
}

async fn remove(identity: &Identity, by: &Can<WriteRoles>, link: &RolePermission) -> Result<Json<PermissionRemoved>> {
    let mut tx = by.begin(identity, LockScope::default()).await?;
    let role_id = Ref::Id(store::resolve_one(&mut tx, &link.role_id).await?);
    let role_id = changeable(&mut tx, by.actor, &role_id).await?;
    let permission_id = permissions::store::resolve_one(&mut tx, &link.permission_id).await?;
    must_cover_loss_of(&mut tx, by.actor, Loss::Carried(role_id, permission_id)).await?;
    let revoked = store::remove_permission(&mut tx, role_id, permission_id).await?;
    tx.commit(revoked.then(|| events::lost(role_id, permission_id))).await?;
    Ok(Json(PermissionRemoved { status: "permission_removed_from_role", role_id, permission_id, revoked }))
}
