use axum::extract::State;
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{DirectGrant, Offer, RoleGrant, store};
use crate::access::permission::{BuiltIn, WriteGrants, WriteServices};
use crate::access::store::{must_cover_permission, must_cover_role, must_keep_an_administrator};
use crate::access::{Can, Holds};
use crate::app::App;
use crate::error::Result;
use crate::http::Json;
use crate::id::Ref;
use crate::openapi::Success;
use crate::permissions::{self, PermissionId};
use crate::roles::{self, RoleId};
use crate::services::{self, NewService, ServiceId};
use crate::users::{self, PersonId, unknown_person};

/// `/service-roles`, `/person-service-roles`, `/person-service-permissions`.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(add_role_to_service, remove_role_from_service))
        .routes(routes!(grant_role, revoke_role))
        .routes(routes!(grant_permission, revoke_permission))
}

/// Let a service offer a role
///
/// Doing it twice is safe. An unknown service name makes the service, here and only here, for whoever may make one.
#[utoipa::path(post, path = "/service-roles", tag = "grants", request_body = Offer, responses(
    (status = 200, body = Success),
    (status = 400, description = "`invalid_service_id`, `invalid_role_id`"),
    (status = 404, description = "`service_not_found`, `role_not_found`"),
    (status = 409, description = "`direct_role`"),
))]
async fn add_role_to_service(
    State(app): State<App>,
    by: Holds<WriteGrants>,
    Json(offer): Json<Offer>,
) -> Result<Json<Success>> {
    let mut tx = app.db.begin().await?;
    let (actor, service) = match services::store::resolve(&mut tx, &offer.service_id).await {
        Ok(service) => (by.within(service)?.actor, service),
        Err(unknown) => match new_service(&offer.service_id) {
            None => return Err(unknown),
            Some(new) => {
                let actor = by.everywhere()?.actor;
                must_cover_permission(&mut tx, actor, ServiceId::PORTERO, WriteServices::ID).await?;
                (actor, services::store::ensure(&mut tx, &new).await?.1.id)
            }
        },
    };
    let role = grantable(&mut tx, actor, service, &offer.role_id).await?;
    store::offer(&mut tx, service, role).await?;
    tx.commit().await?;
    Ok(Json(Success::default()))
}

fn new_service(service: &Ref<ServiceId>) -> Option<NewService> {
    let Ref::Name(name) = service else { return None };
    Some(NewService { name: name.parse().ok()?, description: None })
}

/// That a service no longer offers a role.
#[derive(Debug, Serialize, ToSchema)]
struct RoleRemovedFromService {
    #[schema(example = "role_removed_from_service")]
    status: &'static str,
}

/// Take a role out of a service
///
/// Everybody who held it there loses it. Doing it twice is safe.
#[utoipa::path(delete, path = "/service-roles", tag = "grants", request_body = Offer, responses(
    (status = 200, body = RoleRemovedFromService),
    (status = 400, description = "`invalid_service_id`, `invalid_role_id`"),
    (status = 404, description = "`service_not_found`, `role_not_found`"),
    (status = 409, description = "`direct_role`, `last_administrator`"),
))]
async fn remove_role_from_service(
    State(app): State<App>,
    by: Holds<WriteGrants>,
    Json(offer): Json<Offer>,
) -> Result<Json<RoleRemovedFromService>> {
    let mut tx = app.db.begin().await?;
    let service = services::store::resolve(&mut tx, &offer.service_id).await?;
    let by = by.within(service)?;
    let role = grantable(&mut tx, by.actor, service, &offer.role_id).await?;
    store::withdraw(&mut tx, service, role).await?;
    keep_an_administrator(&mut tx, service, role).await?;
    tx.commit().await?;
    Ok(Json(RoleRemovedFromService { status: "role_removed_from_service" }))
}

/// Give a person a role in a service
///
/// Doing it twice is safe. A service that did not offer the role does from then on.
#[utoipa::path(post, path = "/person-service-roles", tag = "grants", request_body = RoleGrant, responses(
    (status = 200, body = Success),
    (status = 400, description = "`invalid_user_id`, `invalid_service_id`, `invalid_role_id`"),
    (status = 404, description = "`person_not_found`, `service_not_found`, `role_not_found`"),
    (status = 409, description = "`direct_role`"),
))]
async fn grant_role(
    State(app): State<App>,
    by: Holds<WriteGrants>,
    Json(grant): Json<RoleGrant>,
) -> Result<Json<Success>> {
    let mut tx = app.db.begin().await?;
    let (by, person, service) = whom(&mut tx, by, &grant.person_id, &grant.service_id).await?;
    let role = grantable(&mut tx, by.actor, service, &grant.role_id).await?;
    store::grant(&mut tx, person, service, role).await?;
    tx.commit().await?;
    Ok(Json(Success::default()))
}

/// That a person lost a role.
#[derive(Debug, Serialize, ToSchema)]
struct RoleRemovedFromPerson {
    #[schema(example = "role_removed_from_person")]
    status: &'static str,
}

/// Take a role in a service from a person
///
/// True in the very next check. Doing it twice is safe.
#[utoipa::path(delete, path = "/person-service-roles", tag = "grants", request_body = RoleGrant, responses(
    (status = 200, body = RoleRemovedFromPerson),
    (status = 400, description = "`invalid_user_id`, `invalid_service_id`, `invalid_role_id`"),
    (status = 404, description = "`person_not_found`, `service_not_found`, `role_not_found`"),
    (status = 409, description = "`direct_role`, `last_administrator`"),
))]
async fn revoke_role(
    State(app): State<App>,
    by: Holds<WriteGrants>,
    Json(grant): Json<RoleGrant>,
) -> Result<Json<RoleRemovedFromPerson>> {
    let mut tx = app.db.begin().await?;
    let (by, person, service) = whom(&mut tx, by, &grant.person_id, &grant.service_id).await?;
    let role = grantable(&mut tx, by.actor, service, &grant.role_id).await?;
    store::revoke(&mut tx, person, service, role).await?;
    keep_an_administrator(&mut tx, service, role).await?;
    tx.commit().await?;
    Ok(Json(RoleRemovedFromPerson { status: "role_removed_from_person" }))
}

/// A direct grant, made or taken back.
#[derive(Debug, Serialize, ToSchema)]
struct DirectGrantDone {
    #[schema(example = "permission_granted")]
    status: &'static str,
    person_id: PersonId,
    service_id: ServiceId,
    permission_id: PermissionId,
    /// The role `direct:<person>:<service>` that carries the grant; null when there was none to take from.
    role_id: Option<RoleId>,
}

/// Give a person a single permission in a service
///
/// Through the role `direct:<person>:<service>`, made on first use. Doing it twice is safe.
#[utoipa::path(post, path = "/person-service-permissions", tag = "grants", request_body = DirectGrant, responses(
    (status = 200, body = DirectGrantDone),
    (status = 400, description = "`invalid_user_id`, `invalid_service_id`, `invalid_permission_id`"),
    (status = 404, description = "`person_not_found`, `service_not_found`, `permission_not_found`"),
))]
async fn grant_permission(
    State(app): State<App>,
    by: Holds<WriteGrants>,
    Json(grant): Json<DirectGrant>,
) -> Result<Json<DirectGrantDone>> {
    let mut tx = app.db.begin().await?;
    let (person_id, service_id, permission_id) = direct(&mut tx, by, &grant).await?;
    let role_id = Some(store::grant_direct(&mut tx, person_id, service_id, permission_id).await?);
    tx.commit().await?;
    Ok(Json(DirectGrantDone { status: "permission_granted", person_id, service_id, permission_id, role_id }))
}

/// Take a directly given permission back
///
/// What the person holds through other roles stays. Doing it twice is safe.
#[utoipa::path(delete, path = "/person-service-permissions", tag = "grants", request_body = DirectGrant, responses(
    (status = 200, body = DirectGrantDone),
    (status = 400, description = "`invalid_user_id`, `invalid_service_id`, `invalid_permission_id`"),
    (status = 404, description = "`person_not_found`, `service_not_found`, `permission_not_found`"),
))]
async fn revoke_permission(
    State(app): State<App>,
    by: Holds<WriteGrants>,
    Json(grant): Json<DirectGrant>,
) -> Result<Json<DirectGrantDone>> {
    let mut tx = app.db.begin().await?;
    let (person_id, service_id, permission_id) = direct(&mut tx, by, &grant).await?;
    let role_id = store::revoke_direct(&mut tx, person_id, service_id, permission_id).await?;
    tx.commit().await?;
    Ok(Json(DirectGrantDone { status: "permission_revoked", person_id, service_id, permission_id, role_id }))
}

async fn direct(
    conn: &mut PgConnection,
    by: Holds<WriteGrants>,
    grant: &DirectGrant,
) -> Result<(PersonId, ServiceId, PermissionId)> {
    let permission = grant.permission()?;
    let (by, person, service) = whom(conn, by, &grant.person_id, &grant.service_id).await?;
    let permission = permissions::store::resolve(conn, &permission).await.map_err(|error| grant.refusal(error))?;
    must_cover_permission(conn, by.actor, service, permission).await?;
    Ok((person, service, permission))
}

/// The person and the service that a body names, and the proof that the caller may decide there.
async fn whom(
    conn: &mut PgConnection,
    by: Holds<WriteGrants>,
    person: &Ref<PersonId>,
    service: &Ref<ServiceId>,
) -> Result<(Can<WriteGrants>, PersonId, ServiceId)> {
    let service = services::store::resolve(conn, service).await?;
    let by = by.within(service)?;
    let person = users::store::find(conn, person).await?.ok_or_else(|| unknown_person(person))?;
    Ok((by, person.id, service))
}

/// The role that a caller named, if they may hand it out and take it away in `service`.
async fn grantable(conn: &mut PgConnection, actor: PersonId, service: ServiceId, role: &Ref<RoleId>) -> Result<RoleId> {
    let role = roles::store::resolve(conn, role).await?;
    roles::store::hold(conn, role).await?;
    must_cover_role(conn, actor, service, role).await?;
    Ok(role)
}

async fn keep_an_administrator(conn: &mut PgConnection, service: ServiceId, role: RoleId) -> Result<()> {
    if (service, role) == (ServiceId::PORTERO, RoleId::ADMINISTRATOR) {
        must_keep_an_administrator(conn).await?;
    }
    Ok(())
}
