use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::routes::{Act, role_meant};
use super::store::of_groups::{self, RoleOfGroup};
use super::{GroupRole, GroupRoleGrant, NewGroupRoleGrant, Notice, RequestedTerms, give_to_group, take_from_group};
use crate::base::error::Result;
use crate::base::id::{GroupId, Id, Ref, RoleId, ServiceId};
use crate::gate::audit::AuditedTx;
use crate::gate::idempotency::once;
use crate::gate::permission::{ReadGrants, WriteGrants};
use crate::gate::store::groups;
use crate::gate::{Can, Holds, LockScope};
use crate::identity::Identity;
use crate::platform::http::{Json, Page, PageQuery, Path, Routes};

/// `/group-service-roles`, and what a group holds.
pub(super) fn routes() -> Routes<Identity> {
    Routes::new()
        .routes(once(routes!(grant_role_to_group, revoke_role_of_group)))
        .routes(routes!(revoke_role_of_group_by_path))
        .routes(routes!(list_group_roles))
}

/// The group holds the role.
#[derive(Debug, Serialize, ToSchema)]
struct RoleGrantedToGroup {
    /// Always `success`.
    #[schema(example = "success")]
    status: &'static str,
    /// What the caller should know about the people of the group. Only if there is something.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    notices: Vec<Notice>,
}

/// Grant a group a role in a service
///
/// Everybody in the group holds it, and everybody in a group that is in it. Under the rules of granting it to each of
/// them: see `POST /person-service-roles`. The role Administrator of Portero itself is for people alone. Safe to
/// repeat: a second request changes the expiry or reason that it names and leaves the rest. If the service did not
/// offer the role, it does from now on. With `grants:write` in one service only, name a group that holds nothing there
/// by its name.
#[utoipa::path(post, path = "/group-service-roles", tag = "groups", request_body = NewGroupRoleGrant, responses(
    (status = 200, body = RoleGrantedToGroup),
    (status = 400, description = "`invalid_group_id`, `invalid_service_id`, `invalid_role_id`"),
    (status = 404, description = "`group_not_found`, `service_not_found`, `role_not_found`"),
    (status = 409, description = "`administrator_of_people`, `ambiguous_name`, `direct_role`, `password_set_by_another`"),
))]
async fn grant_role_to_group(
    State(identity): State<Identity>,
    by: Holds<WriteGrants>,
    Json(new): Json<NewGroupRoleGrant>,
) -> Result<Json<RoleGrantedToGroup>> {
    let end = new.expires_at.seen_from(identity.clock.now())?;
    let named = GroupRoleGrant { group_id: new.group_id, service_id: new.service_id, role_id: new.role_id };
    let (mut tx, given) = begin(&identity, by, &named, Act::Give).await?;
    let terms = RequestedTerms { end, why: new.reason, ..RequestedTerms::of(tx.by()) };
    let notices = give_to_group(&mut tx, given, &terms).await?;
    tx.commit([]).await?;
    Ok(Json(RoleGrantedToGroup { status: "success", notices }))
}

/// The role was revoked.
#[derive(Debug, Serialize, ToSchema)]
struct RoleRemovedFromGroup {
    #[schema(example = "role_removed_from_group")]
    status: &'static str,
    /// False if the group did not hold it.
    #[schema(example = true)]
    revoked: bool,
}

/// Revoke a group's role in a service
///
/// Its people keep what they hold otherwise. Takes effect in the very next check. Safe to repeat.
#[utoipa::path(delete, path = "/group-service-roles", tag = "groups", request_body = GroupRoleGrant, responses(
    (status = 200, body = RoleRemovedFromGroup),
    (status = 400, description = "`invalid_group_id`, `invalid_service_id`, `invalid_role_id`"),
    (status = 404, description = "`group_not_found`, `service_not_found`, `role_not_found`"),
    (status = 409, description = "`ambiguous_name`, `direct_role`"),
))]
async fn revoke_role_of_group(
    State(identity): State<Identity>,
    by: Holds<WriteGrants>,
    Json(grant): Json<GroupRoleGrant>,
) -> Result<Json<RoleRemovedFromGroup>> {
    revoke(&identity, by, &grant).await
}

/// Revoke a group's role in a service, by path
///
/// Like `DELETE /group-service-roles`, without a body.
#[utoipa::path(delete, path = "/groups/{group}/services/{service}/roles/{role}", tag = "groups",
    params(
        ("group" = String, Path, description = "id or name", example = "1"),
        ("service" = String, Path, description = "id or name", example = "4"),
        ("role" = String, Path, description = "id or name", example = "Viewer"),
    ),
    responses(
        (status = 200, body = RoleRemovedFromGroup),
        (status = 400, description = "`invalid_group_id`, `invalid_service_id`, `invalid_role_id`"),
        (status = 404, description = "`group_not_found`, `service_not_found`, `role_not_found`"),
        (status = 409, description = "`ambiguous_name`, `direct_role`"),
    ))]
async fn revoke_role_of_group_by_path(
    State(identity): State<Identity>,
    by: Holds<WriteGrants>,
    Path((group_id, service_id, role_id)): Path<(Ref<GroupId>, Ref<ServiceId>, Ref<RoleId>)>,
) -> Result<Json<RoleRemovedFromGroup>> {
    revoke(&identity, by, &GroupRoleGrant { group_id, service_id, role_id }).await
}

async fn revoke(
    identity: &Identity,
    by: Holds<WriteGrants>,
    grant: &GroupRoleGrant,
) -> Result<Json<RoleRemovedFromGroup>> {
    let (mut tx, taken) = begin(identity, by, grant, Act::Take).await?;
    let revoked = take_from_group(&mut tx, taken).await?;
    tx.commit([]).await?;
    Ok(Json(RoleRemovedFromGroup { status: "role_removed_from_group", revoked }))
}

/// Begins a change of what a body names.
async fn begin(
    identity: &Identity,
    by: Holds<WriteGrants>,
    grant: &GroupRoleGrant,
    act: Act,
) -> Result<(AuditedTx, RoleOfGroup)> {
    let mut conn = identity.db.read().await?;
    let (service, by) = by.resolve_within(&mut conn, &grant.service_id).await?;
    let found = groups::find(&mut conn, &grant.group_id).await?;
    let group = match found {
        Some(group) if by.everywhere || grant.group_id.is_name() => group,
        // By number they would count all groups, one by one.
        Some(group) if of_groups::holds_anything(&mut conn, group, service, identity.clock.now()).await? => group,
        Some(_) => return Err(GroupId::not_found()),
        None => return Err(grant.group_id.absent()),
    };
    let role = role_meant(&mut conn, &by, &grant.role_id, (service, act)).await?;
    drop(conn);
    let tx = by.begin(identity, LockScope::role(service, role)).await?;
    Ok((tx, (group, service, role)))
}

/// List the roles that a group holds
///
/// In each service. What it holds by the groups that it is in is listed there.
#[utoipa::path(get, path = "/groups/{id}/roles", tag = "groups",
    params(("id" = String, Path, description = "the group: id or name", example = "1"), PageQuery),
    responses(
        (status = 200, body = Vec<GroupRole>),
        (status = 400, description = "`invalid_group_id`"),
        (status = 404, description = "`group_not_found`"),
    ))]
async fn list_group_roles(
    State(identity): State<Identity>,
    _: Can<ReadGrants>,
    Path(id): Path<Ref<GroupId>>,
    page: Page,
) -> Result<Response> {
    let mut conn = identity.db.read().await?;
    let group = groups::resolve(&mut conn, &id).await?;
    let roles = of_groups::list(&mut conn, group, &page, identity.clock.now()).await?;
    Ok(page.respond(roles, |role| role.id))
}
