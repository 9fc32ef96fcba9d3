use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{GroupChange, NewGroup, change, create, member_routes, remove, store};
use crate::base::error::Result;
use crate::base::id::{GroupId, Ref};
use crate::base::made::Made;
use crate::base::patch::must_change_something;
use crate::gate::idempotency::once;
use crate::gate::permission::{ReadGrants, WriteGrants};
use crate::gate::store::groups::{self, Group};
use crate::gate::{Can, LockScope};
use crate::identity::Identity;
use crate::platform::http::{IfMatch, Json, Page, PageQuery, Path, Routes, Tagged, tagged};

/// `/groups`.
pub fn routes() -> Routes<Identity> {
    Routes::new()
        .routes(once(routes!(list_groups, create_group)))
        .routes(tagged(routes!(get_group, patch_group, delete_group)))
        .merge(member_routes::routes())
}

/// List groups
#[utoipa::path(get, path = "/groups", tag = "groups", params(PageQuery), responses((status = 200, body = Vec<Group>)))]
async fn list_groups(State(identity): State<Identity>, _: Can<ReadGrants>, page: Page) -> Result<Response> {
    let groups = store::list(&mut *identity.db.read().await?, &page).await?;
    Ok(page.respond(groups, |group| group.id.0))
}

/// Create a group
///
/// Safe to repeat: returns 200 with the existing group, or 409 if its description differs.
#[utoipa::path(post, path = "/groups", tag = "groups", request_body = NewGroup, responses(
    (status = 201, body = Group),
    (status = 200, body = Group, description = "it existed already"),
    (status = 409, description = "`group_exists`"),
))]
async fn create_group(
    State(identity): State<Identity>,
    by: Can<WriteGrants>,
    Json(new): Json<NewGroup>,
) -> Result<Made<Group>> {
    let mut tx = by.begin(&identity, LockScope::default()).await?;
    let made = create(&mut tx, &new).await?;
    tx.commit([]).await?;
    Ok(made)
}

/// Get a group
#[utoipa::path(get, path = "/groups/{id}", tag = "groups", params(("id" = String, Path, description = "the group: id or name", example = "1")),
    responses(
        (status = 200, body = Group),
        (status = 400, description = "`invalid_group_id`"),
        (status = 404, description = "`group_not_found`"),
    ))]
async fn get_group(
    State(identity): State<Identity>,
    _: Can<ReadGrants>,
    Path(id): Path<Ref<GroupId>>,
) -> Result<Tagged<Group>> {
    let mut conn = identity.db.read().await?;
    let id = groups::resolve(&mut conn, &id).await?;
    store::tagged(&mut conn, id).await
}

/// Change a group and return it
///
/// If its people hold Portero's own permissions by it, you must hold them, too.
#[utoipa::path(patch, path = "/groups/{id}", tag = "groups",
    params(("id" = String, Path, description = "the group: id or name", example = "1")),
    request_body = GroupChange,
    responses(
        (status = 200, body = Group),
        (status = 400, description = "`invalid_group_id`"),
        (status = 404, description = "`group_not_found`"),
        (status = 409, description = "`group_exists`"),
    ))]
async fn patch_group(
    State(identity): State<Identity>,
    by: Can<WriteGrants>,
    Path(id): Path<Ref<GroupId>>,
    if_match: IfMatch,
    Json(asked): Json<GroupChange>,
) -> Result<Tagged<Group>> {
    must_change_something(asked.name.as_ref(), &asked.description)?;
    let id = groups::resolve(&mut *identity.db.read().await?, &id).await?;
    let mut tx = by.begin(&identity, LockScope::default()).await?;
    let after = change(&mut tx, id, Some(&if_match), &asked).await?;
    tx.commit([]).await?;
    Ok(after)
}

/// The group was deleted.
#[derive(Debug, Serialize, ToSchema)]
struct GroupDeleted {
    #[schema(example = "group_deleted")]
    status: &'static str,
    group_id: GroupId,
}

/// Delete a group
///
/// Whoever is in it loses what they hold by it, also by the groups that it is in. If that is one of Portero's own
/// permissions, you must hold it for at least as long.
#[utoipa::path(delete, path = "/groups/{id}", tag = "groups",
    params(("id" = String, Path, description = "the group: id or name", example = "1")),
    responses(
        (status = 200, body = GroupDeleted),
        (status = 400, description = "`invalid_group_id`"),
        (status = 404, description = "`group_not_found`"),
    ))]
async fn delete_group(
    State(identity): State<Identity>,
    by: Can<WriteGrants>,
    Path(id): Path<Ref<GroupId>>,
    if_match: IfMatch,
) -> Result<Json<GroupDeleted>> {
    let group_id = groups::resolve(&mut *identity.db.read().await?, &id).await?;
    let mut tx = by.begin(&identity, LockScope::default()).await?;
    remove(&mut tx, group_id, Some(&if_match)).await?;
    tx.commit([]).await?;
    Ok(Json(GroupDeleted { status: "group_deleted", group_id }))
}
