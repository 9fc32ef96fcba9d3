use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::routes::{Act, BegunChange, whom};
use super::{DirectGrant, Given, Grantable, NewDirectGrant, Notice, RequestedTerms, Taken, give, take};
use crate::access::permissions;
use crate::base::error::Result;
use crate::base::id::{PermissionId, PersonId, Ref, RoleId, ServiceId};
use crate::gate::idempotency::once;
use crate::gate::permission::WriteGrants;
use crate::gate::{Holds, LockScope};
use crate::identity::Identity;
use crate::identity::people::named_in_path;
use crate::platform::http::{Json, Path, Routes};

/// `/person-service-permissions`.
pub(super) fn routes() -> Routes<Identity> {
    Routes::new().routes(once(routes!(grant_permission, revoke_permission))).routes(routes!(revoke_permission_by_path))
}

/// A direct grant, created or revoked.
#[derive(Debug, Serialize, ToSchema)]
struct DirectGrantDone {
    #[schema(example = "permission_granted")]
    status: &'static str,
    person_id: PersonId,
    service_id: ServiceId,
    permission_id: PermissionId,
    /// The role `direct:<person>:<service>` that carries the grant; null if there was none to revoke from.
    role_id: Option<RoleId>,
    /// False if the person did not hold it. Only when revoking.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = true)]
    revoked: Option<bool>,
    /// What the caller should know about the grant. Only if there is something.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    notices: Vec<Notice>,
}

/// Grant a person a single permission in a service
///
/// Uses the role `direct:<person>:<service>`, created on first use. Permanently, or until `expires_at`: from that
/// second it is in no answer. Safe to repeat: a second request changes the expiry or reason that it names and leaves
/// the rest.
#[utoipa::path(post, path = "/person-service-permissions", tag = "grants", request_body = NewDirectGrant, responses(
    (status = 200, body = DirectGrantDone),
    (status = 400, description = "`invalid_user_id`, `invalid_service_id`, `invalid_permission_id`"),
    (status = 404, description = "`person_not_found`, `service_not_found`, `permission_not_found`"),
    (status = 409, description = "`ambiguous_name`, `password_set_by_another`"),
))]
async fn grant_permission(
    State(identity): State<Identity>,
    by: Holds<WriteGrants>,
    Json(new): Json<NewDirectGrant>,
) -> Result<Json<DirectGrantDone>> {
    let end = new.expires_at.seen_from(identity.clock.now())?;
    let BegunChange { mut tx, person, service, what } = begin(&identity, by, &new.grant(), Act::Give).await?;
    let terms = RequestedTerms { end, why: new.reason, ..RequestedTerms::of(tx.by()) };
    let Given { role, notices } = give(&mut tx, (person, service, Grantable::Permission(what)), &terms).await?;
    tx.commit([]).await?;
    let Json(done) = done("permission_granted", person, service, what, Some(role));
    Ok(Json(DirectGrantDone { notices, ..done }))
}

/// Revoke a directly granted permission
///
/// What the person holds through other roles stays. Safe to repeat.
#[utoipa::path(delete, path = "/person-service-permissions", tag = "grants", request_body = DirectGrant, responses(
    (status = 200, body = DirectGrantDone),
    (status = 400, description = "`invalid_user_id`, `invalid_service_id`, `invalid_permission_id`"),
    (status = 404, description = "`person_not_found`, `service_not_found`, `permission_not_found`"),
    (status = 409, description = "`ambiguous_name`"),
))]
async fn revoke_permission(
    State(identity): State<Identity>,
    by: Holds<WriteGrants>,
    Json(grant): Json<DirectGrant>,
) -> Result<Json<DirectGrantDone>> {
    revoke(&identity, by, &grant).await
}

/// Revoke a directly granted permission, by path
///
/// Like `DELETE /person-service-permissions`, without a body. An unknown username is 404 `person_not_found`.
#[utoipa::path(delete, path = "/people/{person}/services/{service}/permissions/{permission}", tag = "grants",
    params(
        ("person" = String, Path, description = "id, username or `person-<id>`", example = "juan"),
        ("service" = String, Path, description = "id or name", example = "4"),
        ("permission" = String, Path, description = "id or name", example = "share"),
    ),
    responses(
        (status = 200, body = DirectGrantDone),
        (status = 400, description = "`invalid_service_id`, `invalid_permission_id`"),
        (status = 404, description = "`person_not_found`, `service_not_found`, `permission_not_found`"),
        (status = 409, description = "`ambiguous_name`"),
    ))]
async fn revoke_permission_by_path(
    State(identity): State<Identity>,
    by: Holds<WriteGrants>,
    Path((person_id, service_id, permission)): Path<(Ref<PersonId>, Ref<ServiceId>, Ref<PermissionId>)>,
) -> Result<Json<DirectGrantDone>> {
    let grant = DirectGrant { person_id, service_id, permission_id: Some(permission), permission_name: None };
    revoke(&identity, by, &grant).await.map_err(named_in_path)
}

async fn revoke(identity: &Identity, by: Holds<WriteGrants>, grant: &DirectGrant) -> Result<Json<DirectGrantDone>> {
    let BegunChange { mut tx, person, service, what } = begin(identity, by, grant, Act::Take).await?;
    let Taken { role, was_held } = take(&mut tx, (person, service, Grantable::Permission(what))).await?;
    tx.commit([]).await?;
    let Json(done) = done("permission_revoked", person, service, what, role);
    Ok(Json(DirectGrantDone { revoked: Some(was_held), ..done }))
}

fn done(
    status: &'static str,
    person_id: PersonId,
    service_id: ServiceId,
    permission_id: PermissionId,
    role_id: Option<RoleId>,
) -> Json<DirectGrantDone> {
    Json(DirectGrantDone { status, person_id, service_id, permission_id, role_id, revoked: None, notices: Vec::new() })
}

/// Begins a change of the direct grant that a body names.
async fn begin(
    identity: &Identity,
    by: Holds<WriteGrants>,
    grant: &DirectGrant,
    act: Act,
) -> Result<BegunChange<PermissionId>> {
    let named = grant.permission()?;
    let mut conn = identity.db.read().await?;
    let (by, person, service) = whom(&mut conn, by, &grant.person_id, &grant.service_id, identity.clock.now()).await?;
    if act.is_strict(service) {
        permissions::store::find_one(&mut conn, &named).await?.ok_or_else(|| grant.absent(&named))?;
    }
    drop(conn);
    let mut tx = by.begin(identity, LockScope::person(person)).await?;
    let permission = permissions::store::hold(&mut tx, &named).await?.ok_or_else(|| grant.absent(&named))?;
    Ok(BegunChange { tx, person, service, what: permission })
}
