use axum::extract::State;
use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{
    Given, Grantable, NewRoleGrant, Notice, RequestedTerms, RoleGrant, direct_routes, give, group_routes, offer_routes,
    store, take,
};
use crate::access::roles;
use crate::base::error::{Error, Result};
use crate::base::id::{PersonId, Ref, RoleId, ServiceId};
use crate::base::person::unknown_person;
use crate::gate;
use crate::gate::audit::AuditedTx;
use crate::gate::idempotency::once;
use crate::gate::permission::WriteGrants;
use crate::gate::{Can, Holds, LockScope};
use crate::identity::Identity;
use crate::identity::people::named_in_path;
use crate::platform::http::{Json, Path, Routes};

/// `/service-roles`, `/person-service-roles`, `/person-service-permissions`, `/group-service-roles`.
pub fn routes() -> Routes<Identity> {
    Routes::new()
        .merge(offer_routes::routes())
        .routes(once(routes!(grant_role, revoke_role)))
        .routes(routes!(revoke_role_by_path))
        .merge(direct_routes::routes())
        .merge(group_routes::routes())
}

/// The person holds the role.
#[derive(Debug, Serialize, ToSchema)]
struct RoleGranted {
    /// Always `success`.
    #[schema(example = "success")]
    status: &'static str,
    /// What the caller should know about the grant. Only if there is something.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    notices: Vec<Notice>,
}

/// Grant a person a role in a service
///
/// Permanently, or until `expires_at`: from that second it is in no answer. Safe to repeat: a second request changes
/// the expiry or reason that it names and leaves the rest. You cannot grant one of Portero's own roles for longer than
/// you hold it, nor to somebody whose password was set by a person who could not grant it. If the service did not
/// offer the role, it does from now on.
#[utoipa::path(post, path = "/person-service-roles", tag = "grants", request_body = NewRoleGrant, responses(
    (status = 200, body = RoleGranted),
    (status = 400, description = "`invalid_user_id`, `invalid_service_id`, `invalid_role_id`"),
    (status = 404, description = "`person_not_found`, `service_not_found`, `role_not_found`"),
    (status = 409, description = "`ambiguous_name`, `direct_role`, `last_administrator`, `password_set_by_another`"),
))]
async fn grant_role(
    State(identity): State<Identity>,
    by: Holds<WriteGrants>,
    Json(new): Json<NewRoleGrant>,
) -> Result<Json<RoleGranted>> {
    let end = new.expires_at.seen_from(identity.clock.now())?;
    let BegunChange { mut tx, person, service, what: role } = begin(&identity, by, &new.grant(), Act::Give).await?;
    let terms = RequestedTerms { end, why: new.reason, ..RequestedTerms::of(tx.by()) };
    let Given { notices, .. } = give(&mut tx, (person, service, Grantable::Role(role)), &terms).await?;
    tx.commit([]).await?;
    Ok(Json(RoleGranted { status: "success", notices }))
}

/// The role was revoked.
#[derive(Debug, Serialize, ToSchema)]
struct RoleRemovedFromPerson {
    #[schema(example = "role_removed_from_person")]
    status: &'static str,
    /// False if the person did not hold it.
    #[schema(example = true)]
    revoked: bool,
}

/// Revoke a person's role in a service
///
/// Takes effect in the very next check. Safe to repeat.
#[utoipa::path(delete, path = "/person-service-roles", tag = "grants", request_body = RoleGrant, responses(
    (status = 200, body = RoleRemovedFromPerson),
    (status = 400, description = "`invalid_user_id`, `invalid_service_id`, `invalid_role_id`"),
    (status = 404, description = "`person_not_found`, `service_not_found`, `role_not_found`"),
    (status = 409, description = "`ambiguous_name`, `direct_role`, `last_administrator`"),
))]
async fn revoke_role(
    State(identity): State<Identity>,
    by: Holds<WriteGrants>,
    Json(grant): Json<RoleGrant>,
) -> Result<Json<RoleRemovedFromPerson>> {
    revoke(&identity, by, &grant).await
}

/// Revoke a person's role in a service, by path
///
/// Like `DELETE /person-service-roles`, without a body. An unknown username is 404 `person_not_found`.
#[utoipa::path(delete, path = "/people/{person}/services/{service}/roles/{role}", tag = "grants",
    params(
        ("person" = String, Path, description = "id, username or `person-<id>`", example = "juan"),
        ("service" = String, Path, description = "id or name", example = "4"),
        ("role" = String, Path, description = "id or name", example = "Viewer"),
    ),
    responses(
        (status = 200, body = RoleRemovedFromPerson),
        (status = 400, description = "`invalid_service_id`, `invalid_role_id`"),
        (status = 404, description = "`person_not_found`, `service_not_found`, `role_not_found`"),
        (status = 409, description = "`ambiguous_name`, `direct_role`, `last_administrator`"),
    ))]
async fn revoke_role_by_path(
    State(identity): State<Identity>,
    by: Holds<WriteGrants>,
    Path((person_id, service_id, role_id)): Path<(Ref<PersonId>, Ref<ServiceId>, Ref<RoleId>)>,
) -> Result<Json<RoleRemovedFromPerson>> {
    revoke(&identity, by, &RoleGrant { person_id, service_id, role_id }).await.map_err(named_in_path)
}

async fn revoke(identity: &Identity, by: Holds<WriteGrants>, grant: &RoleGrant) -> Result<Json<RoleRemovedFromPerson>> {
    let BegunChange { mut tx, person, service, what: role } = begin(identity, by, grant, Act::Take).await?;
    let taken = take(&mut tx, (person, service, Grantable::Role(role))).await?;
    tx.commit([]).await?;
    Ok(Json(RoleRemovedFromPerson { status: "role_removed_from_person", revoked: taken.was_held }))
}

/// A change that has begun, of a grant that a body named.
pub(super) struct BegunChange<T> {
    pub tx: AuditedTx,
    pub person: PersonId,
    pub service: ServiceId,
    /// The role, or the permission.
    pub what: T,
}

/// Begins a change of the grant that a body names.
async fn begin(
    identity: &Identity,
    by: Holds<WriteGrants>,
    grant: &RoleGrant,
    act: Act,
) -> Result<BegunChange<RoleId>> {
    let mut conn = identity.db.read().await?;
    let (by, person, service) = whom(&mut conn, by, &grant.person_id, &grant.service_id, identity.clock.now()).await?;
    let role = role_meant(&mut conn, &by, &grant.role_id, (service, act)).await?;
    drop(conn);
    let tx = by.begin(identity, LockScope::grant(person, service, role)).await?;
    Ok(BegunChange { tx, person, service, what: role })
}

/// What a body asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Give,
    Take,
}

impl Act {
    /// Whether a name that means two is refused: where it would take the wrong one away and leave the other, and in Portero
    /// itself. Elsewhere it means the users' own, as it always has.
    pub(super) fn is_strict(self, service: ServiceId) -> bool {
        self == Self::Take || service == ServiceId::PORTERO
    }
}

/// The role that a body names. To who decides in one service alone, that of direct grants in another one is as one that is not
/// there.
pub(super) async fn role_meant(
    conn: &mut PgConnection,
    by: &Can<WriteGrants>,
    role: &Ref<RoleId>,
    (service, act): (ServiceId, Act),
) -> Result<RoleId> {
    let meant = if act.is_strict(service) {
        roles::store::resolve_one(conn, role).await?
    } else {
        roles::store::resolve(conn, role).await?
    };
    if !by.everywhere {
        roles::store::must_not_be_direct_elsewhere(conn, service, meant, role).await?;
    }
    Ok(meant)
}

/// The person and the service that a body names, and the proof that the caller may decide there. Who decides in one service
/// alone names people who hold nothing there by their usernames: by number they would read the whole directory, one by one.
pub(super) async fn whom(
    conn: &mut PgConnection,
    by: Holds<WriteGrants>,
    person: &Ref<PersonId>,
    service: &Ref<ServiceId>,
    now: OffsetDateTime,
) -> Result<(Can<WriteGrants>, PersonId, ServiceId)> {
    let (service, by) = by.resolve_within(conn, service).await?;
    let found = gate::store::people::find(conn, person).await?;
    if by.everywhere || person.is_username() {
        return found.map(|found| (by, found.id, service)).ok_or_else(|| unknown_person(person));
    }
    match found {
        Some(found) if found.id == by.actor || store::holds_anything(conn, found.id, service, now).await? => {
            Ok((by, found.id, service))
        }
        _ => Err(Error::not_found(
            "person_not_found",
            "nobody with that id holds anything in this service; name new people by username",
        )),
    }
}
