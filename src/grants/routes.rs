use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{DirectGrant, Offer, RoleGrant, store, told};
use crate::access::permission::{BuiltIn, WriteGrants, WriteServices};
use crate::access::store::{must_cover_permission, must_cover_role, must_keep_an_administrator};
use crate::access::{About, Can, Holds};
use crate::app::App;
use crate::audit::{Action, Change, Event};
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
    let mut conn = app.db.read().await?;
    if let Some(new) = unknown_name(&mut conn, &offer.service_id).await? {
        let by = by.everywhere()?;
        let role = roles::store::resolve(&mut conn, &offer.role_id).await?;
        drop(conn);
        return offer_in_new_service(&app, &by, &new, role).await;
    }
    let (service, by) = by.resolve_within(&mut conn, &offer.service_id).await?;
    let role = roles::store::resolve(&mut conn, &offer.role_id).await?;
    drop(conn);
    let mut tx = by.begin(&app, About::role(service, role)).await?;
    must_be_grantable(&mut tx, by.actor, service, role).await?;
    let made = store::offer(&mut tx, service, role).await?;
    tx.commit(made.then(|| told::offered(service, role))).await?;
    Ok(Json(Success::default()))
}

/// The service to make, when a caller gave a name that no service has and that one can have.
async fn unknown_name(conn: &mut PgConnection, service: &Ref<ServiceId>) -> Result<Option<NewService>> {
    let Ref::Name(name) = service else { return Ok(None) };
    match services::store::resolve(conn, service).await {
        Err(error) if error.status().is_client_error() => {
            Ok(name.parse().ok().map(|name| NewService { name, description: None }))
        }
        Err(error) => Err(error),
        Ok(_) => Ok(None),
    }
}

async fn offer_in_new_service(
    app: &App,
    by: &Can<WriteGrants>,
    new: &NewService,
    role: RoleId,
) -> Result<Json<Success>> {
    let mut tx = by.begin(app, About::default()).await?;
    must_cover_permission(&mut tx, by.actor, ServiceId::PORTERO, WriteServices::ID).await?;
    must_be_grantable(&mut tx, by.actor, ServiceId::PORTERO, role).await?;
    let (status, service) = services::store::ensure(&mut tx, new).await?;
    if status == StatusCode::CREATED {
        tx.tell(Event::new(Action::ServiceCreated).within(service.id).after(&service));
    }
    let made = store::offer(&mut tx, service.id, role).await?;
    tx.commit(made.then(|| told::offered(service.id, role))).await?;
    Ok(Json(Success::default()))
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
    let mut conn = app.db.read().await?;
    let (service, by) = by.resolve_within(&mut conn, &offer.service_id).await?;
    let role = roles::store::resolve(&mut conn, &offer.role_id).await?;
    drop(conn);
    let mut tx = by.begin(&app, About::role(service, role)).await?;
    must_be_grantable(&mut tx, by.actor, service, role).await?;
    let withdrawn = store::withdraw(&mut tx, service, role).await?;
    keep_an_administrator(&mut tx, service, role).await?;
    tx.commit(withdrawn.then(|| told::withdrawn(service, role))).await?;
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
    let (mut tx, person, service, role) = begin(&app, by, &grant).await?;
    let granted = store::grant(&mut tx, person, service, role).await?;
    tx.commit(granted.then(|| told::granted(person, service, role))).await?;
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
    let (mut tx, person, service, role) = begin(&app, by, &grant).await?;
    let revoked = store::revoke(&mut tx, person, service, role).await?;
    keep_an_administrator(&mut tx, service, role).await?;
    tx.commit(revoked.then(|| told::revoked(person, service, role))).await?;
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
    let (mut tx, person_id, service_id, permission_id) = begin_direct(&app, by, &grant).await?;
    let (role, added) = store::grant_direct(&mut tx, person_id, service_id, permission_id).await?;
    tx.commit(added.then(|| told::directly_granted(person_id, service_id, permission_id))).await?;
    let role_id = Some(role);
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
    let (mut tx, person_id, service_id, permission_id) = begin_direct(&app, by, &grant).await?;
    let (role_id, removed) = store::revoke_direct(&mut tx, person_id, service_id, permission_id).await?;
    tx.commit(removed.then(|| told::directly_revoked(person_id, service_id, permission_id))).await?;
    Ok(Json(DirectGrantDone { status: "permission_revoked", person_id, service_id, permission_id, role_id }))
}

/// Begins a change of the grant that a body names, if the caller may hand out and take away its role there.
async fn begin(app: &App, by: Holds<WriteGrants>, grant: &RoleGrant) -> Result<(Change, PersonId, ServiceId, RoleId)> {
    let mut conn = app.db.read().await?;
    let (by, person, service) = whom(&mut conn, by, &grant.person_id, &grant.service_id).await?;
    let role = roles::store::resolve(&mut conn, &grant.role_id).await?;
    drop(conn);
    let mut tx = by.begin(app, About::grant(person, service, role)).await?;
    must_be_grantable(&mut tx, by.actor, service, role).await?;
    Ok((tx, person, service, role))
}

/// Begins a change of the direct grant that a body names, if the caller may hand out and take away its permission there.
async fn begin_direct(
    app: &App,
    by: Holds<WriteGrants>,
    grant: &DirectGrant,
) -> Result<(Change, PersonId, ServiceId, PermissionId)> {
    let permission = grant.permission()?;
    let mut conn = app.db.read().await?;
    let (by, person, service) = whom(&mut conn, by, &grant.person_id, &grant.service_id).await?;
    let permission = permissions::store::resolve(&mut conn, &permission).await.map_err(|error| grant.refusal(error))?;
    drop(conn);
    let mut tx = by.begin(app, About::person(person)).await?;
    must_cover_permission(&mut tx, by.actor, service, permission).await?;
    Ok((tx, person, service, permission))
}

/// The person and the service that a body names, and the proof that the caller may decide there.
async fn whom(
    conn: &mut PgConnection,
    by: Holds<WriteGrants>,
    person: &Ref<PersonId>,
    service: &Ref<ServiceId>,
) -> Result<(Can<WriteGrants>, PersonId, ServiceId)> {
    let (service, by) = by.resolve_within(conn, service).await?;
    let person = users::store::find(conn, person).await?.ok_or_else(|| unknown_person(person))?;
    Ok((by, person.id, service))
}

/// Refuses what the caller may not hand out or take away in `service`: a direct grant's role, or more than they hold.
async fn must_be_grantable(conn: &mut PgConnection, actor: PersonId, service: ServiceId, role: RoleId) -> Result<()> {
    roles::store::hold(conn, role).await?;
    must_cover_role(conn, actor, service, role).await
}

async fn keep_an_administrator(conn: &mut PgConnection, service: ServiceId, role: RoleId) -> Result<()> {
    if (service, role) == (ServiceId::PORTERO, RoleId::ADMINISTRATOR) {
        must_keep_an_administrator(conn).await?;
    }
    Ok(())
}
