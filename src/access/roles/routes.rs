use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{NewRole, Role, RoleChange, create, permission_routes, remove, store};
use crate::base::error::Result;
use crate::base::id::{PersonId, Ref, RoleId, ServiceId};
use crate::base::made::Made;
use crate::base::patch::must_change_something;
use crate::gate::audit::AuditedTx;
use crate::gate::idempotency::once;
use crate::gate::permission::{ReadRoles, WriteRoles};
use crate::gate::store::{Loss, Through, must_cover_loss, must_cover_role, must_hand_out_where_role_is_held};
use crate::gate::{Can, LockScope};
use crate::identity::Identity;
use crate::platform::http::{IfMatch, Json, Page, PageQuery, Path, Routes, Success, Tagged, tagged};

/// `/roles` and `/role-permissions`.
pub fn routes() -> Routes<Identity> {
    Routes::new()
        .routes(once(routes!(list_roles, create_role)))
        .routes(tagged(routes!(get_role, update_role, patch_role, delete_role)))
        .merge(permission_routes::routes())
}

/// List roles
///
/// Excludes Portero's own roles (`GET /services/0/roles` lists them) and those that carry direct grants.
#[utoipa::path(get, path = "/roles", tag = "roles", params(PageQuery), responses((status = 200, body = Vec<Role>)))]
async fn list_roles(State(identity): State<Identity>, _: Can<ReadRoles>, page: Page) -> Result<Response> {
    let roles = store::list(&mut *identity.db.read().await?, &page).await?;
    Ok(page.respond(roles, |role| role.id.0))
}

/// Create a role
///
/// Safe to repeat: returns 200 with the existing role, or 409 if its description differs.
#[utoipa::path(post, path = "/roles", tag = "roles", request_body = NewRole, responses(
    (status = 201, body = Role),
    (status = 200, body = Role, description = "it existed already"),
    (status = 409, description = "`role_exists`"),
))]
async fn create_role(
    State(identity): State<Identity>,
    by: Can<WriteRoles>,
    Json(new): Json<NewRole>,
) -> Result<Made<Role>> {
    let mut tx = by.begin(&identity, LockScope::default()).await?;
    let made = create(&mut tx, &new).await?;
    tx.commit([]).await?;
    Ok(made)
}

/// Get a role
#[utoipa::path(get, path = "/roles/{id}", tag = "roles", params(("id" = i32, Path, description = "the role's id")),
    responses(
        (status = 200, body = Role),
        (status = 400, description = "`invalid_role_id`"),
        (status = 404, description = "`role_not_found`"),
    ))]
async fn get_role(
    State(identity): State<Identity>,
    _: Can<ReadRoles>,
    Path(id): Path<Ref<RoleId>>,
) -> Result<Tagged<Role>> {
    Tagged::whole(store::get(&mut *identity.db.read().await?, id.id()?).await?)
}

/// Change a role
#[utoipa::path(put, path = "/roles/{id}", tag = "roles", params(("id" = i32, Path, description = "the role's id")),
    request_body = RoleChange,
    responses(
        (status = 200, body = Success),
        (status = 400, description = "`invalid_role_id`"),
        (status = 404, description = "`role_not_found`"),
        (status = 409, description = "`role_exists`, `built_in`, `direct_role`"),
    ))]
async fn update_role(
    State(identity): State<Identity>,
    by: Can<WriteRoles>,
    Path(id): Path<Ref<RoleId>>,
    if_match: IfMatch,
    Json(change): Json<RoleChange>,
) -> Result<Json<Success>> {
    update(&identity, &by, id.id()?, &if_match, &change).await?;
    Ok(Json(Success::default()))
}

/// Change a role and return it
///
/// Like `PUT`, but returns the role.
#[utoipa::path(patch, path = "/roles/{id}", tag = "roles", params(("id" = i32, Path, description = "the role's id")),
    request_body = RoleChange,
    responses(
        (status = 200, body = Role),
        (status = 400, description = "`invalid_role_id`"),
        (status = 404, description = "`role_not_found`"),
        (status = 409, description = "`role_exists`, `built_in`, `direct_role`"),
    ))]
async fn patch_role(
    State(identity): State<Identity>,
    by: Can<WriteRoles>,
    Path(id): Path<Ref<RoleId>>,
    if_match: IfMatch,
    Json(change): Json<RoleChange>,
) -> Result<Tagged<Role>> {
    update(&identity, &by, id.id()?, &if_match, &change).await
}

async fn update(
    identity: &Identity,
    by: &Can<WriteRoles>,
    id: RoleId,
    if_match: &IfMatch,
    change: &RoleChange,
) -> Result<Tagged<Role>> {
    must_change_something(change.name.as_ref(), &change.description)?;
    let mut tx = by.begin(identity, LockScope::default()).await?;
    changeable(&mut tx, by.actor, &Ref::Id(id)).await?;
    let before = Tagged::whole(store::get(&mut tx, id).await?)?;
    if_match.allows(&before.etag)?;
    if change.name.as_ref().is_some_and(|name| name.as_str() != before.shown.name) {
        // Whoever asks by name takes the old name's role for lost.
        must_cover_loss_of(&mut tx, by.actor, Loss::Role(id)).await?;
        let now = tx.by().now;
        must_hand_out_where_role_is_held(&mut tx, by.actor, id, now).await?;
    }
    let after = Tagged::whole(super::change(&mut tx, before.shown, change).await?)?;
    tx.commit([]).await?;
    Ok(after)
}

/// The role was deleted.
#[derive(Debug, Serialize, ToSchema)]
struct RoleDeleted {
    #[schema(example = "role_deleted")]
    status: &'static str,
    role_id: RoleId,
}

/// Delete a role
///
/// Everybody loses it, in every service. If it carries Portero's own permissions, you must hold them for at least as
/// long as its holders do.
#[utoipa::path(delete, path = "/roles/{id}", tag = "roles", params(("id" = i32, Path, description = "the role's id")),
    responses(
        (status = 200, body = RoleDeleted),
        (status = 400, description = "`invalid_role_id`"),
        (status = 404, description = "`role_not_found`"),
        (status = 409, description = "`built_in`, `direct_role`"),
    ))]
async fn delete_role(
    State(identity): State<Identity>,
    by: Can<WriteRoles>,
    Path(id): Path<Ref<RoleId>>,
    if_match: IfMatch,
) -> Result<Json<RoleDeleted>> {
    let id = id.id()?;
    let mut tx = by.begin(&identity, LockScope::default()).await?;
    let role_id = changeable(&mut tx, by.actor, &Ref::Id(id)).await?;
    let role = Tagged::whole(store::get(&mut tx, role_id).await?)?;
    if_match.allows(&role.etag)?;
    must_cover_loss_of(&mut tx, by.actor, Loss::Role(role_id)).await?;
    remove(&mut tx, &role.shown).await?;
    tx.commit([]).await?;
    Ok(Json(RoleDeleted { status: "role_deleted", role_id }))
}

pub(super) async fn must_cover_loss_of(tx: &mut AuditedTx, actor: PersonId, loss: Loss) -> Result<()> {
    let now = tx.by().now;
    must_cover_loss(tx, actor, loss, now).await
}

/// The role that a caller named, if they may change it: not Portero's own, not a direct grant's, and carrying nothing
/// of Portero's that they don't hold themselves.
pub(super) async fn changeable(tx: &mut AuditedTx, actor: PersonId, role: &Ref<RoleId>) -> Result<RoleId> {
    let role = store::resolve(tx, role).await?;
    role.must_not_be_built_in()?;
    store::lock(tx, role).await??;
    let now = Through::Now(tx.by().now);
    must_cover_role(tx, actor, ServiceId::PORTERO, role, now).await?;
    Ok(role)
}
