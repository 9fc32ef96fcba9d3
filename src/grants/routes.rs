use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::hand::{give_role, take_role};
use super::{NewRoleGrant, Notice, Offer, RoleGrant, Terms, What, direct_routes, notices, store, told};
use crate::access::permission::{BuiltIn, WriteGrants, WriteServices};
use crate::access::store::{
    Loss, Through, must_cover_loss, must_cover_permission, must_cover_role, must_keep_an_administrator,
};
use crate::access::{About, Can, Holds};
use crate::app::App;
use crate::audit::{Action, Change, Event};
use crate::error::{Error, Result};
use crate::http::Json;
use crate::id::Ref;
use crate::openapi::Success;
use crate::roles::{self, RoleId};
use crate::services::{self, NewService, ServiceId};
use crate::users::{self, PersonId, unknown_person};

/// `/service-roles`, `/person-service-roles`, `/person-service-permissions`.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(add_role_to_service, remove_role_from_service))
        .routes(routes!(grant_role, revoke_role))
        .merge(direct_routes::routes())
}

/// Let a service offer a role
///
/// Doing it twice is safe. An unknown service name makes the service, here and only here, for whoever may make one.
#[utoipa::path(post, path = "/service-roles", tag = "grants", request_body = Offer, responses(
    (status = 200, body = Success),
    (status = 400, description = "`invalid_service_id`, `invalid_role_id`"),
    (status = 404, description = "`service_not_found`, `role_not_found`"),
    (status = 409, description = "`ambiguous_name`, `direct_role`"),
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
    let role = role_meant(&mut conn, &by, &offer.role_id, (service, Act::Give)).await?;
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
    let now = Through::Now(tx.by().now);
    must_cover_permission(&mut tx, by.actor, ServiceId::PORTERO, WriteServices::ID, now).await?;
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
    /// Whether it was offered: false when there was nothing to take away.
    #[schema(example = true)]
    revoked: bool,
}

/// Take a role out of a service
///
/// Everybody who held it there loses it: of one of Portero's own that takes somebody who holds it for as long as any of
/// them. Doing it twice is safe.
#[utoipa::path(delete, path = "/service-roles", tag = "grants", request_body = Offer, responses(
    (status = 200, body = RoleRemovedFromService),
    (status = 400, description = "`invalid_service_id`, `invalid_role_id`"),
    (status = 404, description = "`service_not_found`, `role_not_found`"),
    (status = 409, description = "`ambiguous_name`, `direct_role`, `last_administrator`"),
))]
async fn remove_role_from_service(
    State(app): State<App>,
    by: Holds<WriteGrants>,
    Json(offer): Json<Offer>,
) -> Result<Json<RoleRemovedFromService>> {
    let mut conn = app.db.read().await?;
    let (service, by) = by.resolve_within(&mut conn, &offer.service_id).await?;
    let role = role_meant(&mut conn, &by, &offer.role_id, (service, Act::Take)).await?;
    drop(conn);
    let mut tx = by.begin(&app, About::role(service, role)).await?;
    must_be_grantable(&mut tx, by.actor, service, role).await?;
    store::lock_offer(&mut tx, service, role).await?;
    let now = tx.by().now;
    must_cover_loss(&mut tx, by.actor, Loss::RoleIn(role, service), now).await?;
    let withdrawn = store::withdraw(&mut tx, service, role).await?;
    keep_an_administrator(&mut tx, service, role).await?;
    tx.commit(withdrawn.then(|| told::withdrawn(service, role))).await?;
    Ok(Json(RoleRemovedFromService { status: "role_removed_from_service", revoked: withdrawn }))
}

/// That a person has a role.
#[derive(Debug, Serialize, ToSchema)]
struct RoleGranted {
    /// Always `success`.
    #[schema(example = "success")]
    status: &'static str,
    /// What whoever gave it should know; only where there is something.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    notices: Vec<Notice>,
}

/// Give a person a role in a service
///
/// For good, or until `expires_at`: from that second on it is in no answer. Doing it twice is safe: what stands is
/// lengthened, shortened or given another reason by what the second body says, and else left as it is. Nobody gives one of
/// Portero's own roles for longer than they hold it, nor to somebody whose password somebody set who could not give it. A
/// service that did not offer the role does from then on.
#[utoipa::path(post, path = "/person-service-roles", tag = "grants", request_body = NewRoleGrant, responses(
    (status = 200, body = RoleGranted),
    (status = 400, description = "`invalid_user_id`, `invalid_service_id`, `invalid_role_id`"),
    (status = 404, description = "`person_not_found`, `service_not_found`, `role_not_found`"),
    (status = 409, description = "`ambiguous_name`, `direct_role`, `last_administrator`, `password_set_by_another`"),
))]
async fn grant_role(
    State(app): State<App>,
    by: Holds<WriteGrants>,
    Json(new): Json<NewRoleGrant>,
) -> Result<Json<RoleGranted>> {
    let end = new.expires_at.seen_from(app.clock.now())?;
    let Begun { mut tx, actor, person, service, what: role } = begin(&app, by, &new.grant(), Act::Give).await?;
    let terms = Terms { end, why: new.reason, ..Terms::of(tx.by()) };
    let granted = give_role(&mut tx, actor, (person, service, role), &terms).await?;
    if granted.ends_what_lasted() {
        keep_an_administrator(&mut tx, service, role).await?;
    }
    let now = tx.by().now;
    let notices = notices(&mut tx, (person, service, What::Role(role)), now).await?;
    tx.commit(told::granted(person, service, role, &granted)).await?;
    Ok(Json(RoleGranted { status: "success", notices }))
}

/// That a person lost a role.
#[derive(Debug, Serialize, ToSchema)]
struct RoleRemovedFromPerson {
    #[schema(example = "role_removed_from_person")]
    status: &'static str,
    /// Whether they held it: false when there was nothing to take away.
    #[schema(example = true)]
    revoked: bool,
}

/// Take a role in a service from a person
///
/// True in the very next check. Doing it twice is safe.
#[utoipa::path(delete, path = "/person-service-roles", tag = "grants", request_body = RoleGrant, responses(
    (status = 200, body = RoleRemovedFromPerson),
    (status = 400, description = "`invalid_user_id`, `invalid_service_id`, `invalid_role_id`"),
    (status = 404, description = "`person_not_found`, `service_not_found`, `role_not_found`"),
    (status = 409, description = "`ambiguous_name`, `direct_role`, `last_administrator`"),
))]
async fn revoke_role(
    State(app): State<App>,
    by: Holds<WriteGrants>,
    Json(grant): Json<RoleGrant>,
) -> Result<Json<RoleRemovedFromPerson>> {
    let Begun { mut tx, actor, person, service, what: role } = begin(&app, by, &grant, Act::Take).await?;
    let taken = take_role(&mut tx, actor, (person, service, role)).await?;
    keep_an_administrator(&mut tx, service, role).await?;
    let revoked = taken.is_some();
    tx.commit(taken.map(|before| told::revoked(person, service, role, &before))).await?;
    Ok(Json(RoleRemovedFromPerson { status: "role_removed_from_person", revoked }))
}

/// A change that has begun, of a grant that a body named.
pub(super) struct Begun<T> {
    pub tx: Change,
    pub actor: PersonId,
    pub person: PersonId,
    pub service: ServiceId,
    /// The role, or the permission.
    pub what: T,
}

/// Begins a change of the grant that a body names, if the caller may hand out and take away its role there.
async fn begin(app: &App, by: Holds<WriteGrants>, grant: &RoleGrant, act: Act) -> Result<Begun<RoleId>> {
    let mut conn = app.db.read().await?;
    let (by, person, service) = whom(&mut conn, by, &grant.person_id, &grant.service_id, app.clock.now()).await?;
    let role = role_meant(&mut conn, &by, &grant.role_id, (service, act)).await?;
    drop(conn);
    let mut tx = by.begin(app, About::grant(person, service, role)).await?;
    must_be_grantable(&mut tx, by.actor, service, role).await?;
    Ok(Begun { tx, actor: by.actor, person, service, what: role })
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
async fn role_meant(
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
    let found = users::store::find(conn, person).await?;
    if by.everywhere || person.is_username() {
        return found.map(|found| (by, found.id, service)).ok_or_else(|| unknown_person(person));
    }
    match found {
        Some(found) if found.id == by.actor || store::holds_anything(conn, found.id, service, now).await? => {
            Ok((by, found.id, service))
        }
        _ => Err(Error::not_found(
            "person_not_found",
            "nobody who holds anything in this service has that id; name somebody new to it by username",
        )),
    }
}

/// Refuses what the caller may not hand out or take away in `service`: a direct grant's role, or more than they hold.
async fn must_be_grantable(tx: &mut Change, actor: PersonId, service: ServiceId, role: RoleId) -> Result<()> {
    roles::store::hold(tx, role).await?;
    let now = Through::Now(tx.by().now);
    must_cover_role(tx, actor, service, role, now).await
}

async fn keep_an_administrator(conn: &mut PgConnection, service: ServiceId, role: RoleId) -> Result<()> {
    if (service, role) == (ServiceId::PORTERO, RoleId::ADMINISTRATOR) {
        must_keep_an_administrator(conn).await?;
    }
    Ok(())
}
