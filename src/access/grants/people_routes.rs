use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa_axum::routes;

use super::{HeldRole, Holder, PersonInService, store};
use crate::access::roles::{self, Role};
use crate::access::services::Service;
use crate::base::error::{Error, Result};
use crate::base::id::{PersonId, Ref, RoleId, ServiceId};
use crate::base::opaque::service_key::KeyHash;
use crate::base::person::{Person, person_not_found};
use crate::gate;
use crate::gate::effective::store::holds;
use crate::gate::people::Ask;
use crate::gate::permission::{BuiltIn, ReadGrants, ReadServices, ReadUsers};
use crate::gate::sessions::Payload;
use crate::gate::{Backend, Can, Effective, Holds, Passed, Presented, Principal, Rights};
use crate::identity::Identity;
use crate::platform::http::access_log::ClientAddress;
use crate::platform::http::credential::Credential;
use crate::platform::http::{Json, Page, PageQuery, Path, Routes};

/// `/people/…` and the parts of `/services/{service}` that are about people.
pub fn routes() -> Routes<Identity> {
    Routes::new()
        .routes(routes!(get_person_in_service))
        .routes(routes!(get_user_in_service))
        .routes(routes!(list_person_roles))
        .routes(routes!(list_person_services))
        .routes(routes!(list_service_roles))
        .routes(routes!(list_role_holders))
}

/// Get what a person may do in a service
///
/// A person's token may ask about that person only; a service key about anybody who holds something in its service. A
/// grant or revocation shows in the very next answer.
#[utoipa::path(get, path = "/people/{person}/services/{service}", tag = "people",
    params(
        ("person" = String, Path, description = "id, username or `person-<id>`", example = "juan"),
        ("service" = String, Path, description = "id or name", example = "4"),
    ),
    responses(
        (status = 200, body = PersonInService),
        (status = 400, description = "`invalid_service_id`"),
        (status = 403, description = "`forbidden_person_lookup`, `forbidden_service_lookup`"),
        (status = 404, description = "`person_not_found`, `service_not_found`"),
    ),
    security(("token" = []), ("bearer" = []), ("service_key" = []), ("service_key_bearer" = [])))]
async fn get_person_in_service(
    State(identity): State<Identity>,
    credential: Credential,
    ClientAddress(address): ClientAddress,
    Path((person, service)): Path<(Ref<PersonId>, Ref<ServiceId>)>,
) -> Result<Json<PersonInService>> {
    let (user, service_id, effective) = match credential {
        Credential::Token(token) => oneself(&identity, (Presented::Session(token), address), &person, &service).await?,
        Credential::Access(token) => oneself(&identity, (Presented::Access(token), address), &person, &service).await?,
        Credential::ApiKey(key) => oneself(&identity, (Presented::ApiKey(key), address), &person, &service).await?,
        Credential::Key(key) => anyone(&identity, key, &person, &service).await?,
    };
    let valid_until = effective.valid_until();
    let Effective { roles, permissions, .. } = effective;
    Ok(Json(PersonInService { user, service_id, roles, permissions, valid_until }))
}

/// What a person hears: of themselves, whatever the service.
async fn oneself(
    identity: &Identity,
    (token, address): (Presented, IpAddr),
    person: &Ref<PersonId>,
    service: &Ref<ServiceId>,
) -> Result<(Person, ServiceId, Effective)> {
    let Passed { person: owner, payload, rights, .. } =
        token.check(identity, Some(service.clone()), Some(address)).await?;
    let Payload { username, name, .. } = Arc::unwrap_or_clone(payload);
    let user = Person { id: owner, username, name };
    if !user.is(person) {
        let mut conn = identity.db.read().await?;
        let now = Some(identity.clock.now());
        // Whether somebody is there is for those to hear who may read people.
        let may_read = holds(&mut conn, owner, ReadUsers::ID, ServiceId::PORTERO, now).await?;
        if may_read && matches!(token, Presented::Session(_)) {
            find(&mut conn, person).await?;
        }
        return Err(Error::forbidden(
            "forbidden_person_lookup",
            "a person's token may ask about that person only; ask with the person's own token, or with a key of the \
             service",
        ));
    }
    let Rights { service, effective, .. } = rights.ok_or_else(|| service.absent())?;
    Ok((user, service, Arc::unwrap_or_clone(effective)))
}

/// What a backend hears, in its own service: of others than those who hold something there, what it hears of nobody.
async fn anyone(
    identity: &Identity,
    key: KeyHash,
    person: &Ref<PersonId>,
    service: &Ref<ServiceId>,
) -> Result<(Person, ServiceId, Effective)> {
    loop {
        let ask = Ask { key, person: person.clone(), service: service.clone(), now: identity.clock.now() };
        let found = identity.people.ask(ask).await?;
        let backend = Backend::of(gate::keys::passed(identity, found.key)?, key);
        backend.must_be_of(found.service)?;
        let (user, effective) = found.person.ok_or_else(person_not_found)?;
        if effective.roles.is_empty() {
            return Err(person_not_found());
        }
        let now = identity.clock.now();
        if effective.ends_at.is_some_and(|end| end <= now) {
            // A grant ended while the question was under way.
            continue;
        }
        identity.uses.note(user.id, backend.service, now);
        return Ok((user, backend.service, effective));
    }
}

/// Get what a person may do in a service, as an administrator
///
/// Needs `grants:read` in that service or everywhere. With the permission in one service only, you see people who hold
/// something there.
#[utoipa::path(get, path = "/users/{id}/services/{service}", tag = "users",
    params(
        ("id" = i32, Path, description = "the person's id", example = 7),
        ("service" = String, Path, description = "id or name", example = "4"),
    ),
    responses(
        (status = 200, body = PersonInService),
        (status = 400, description = "`invalid_user_id`, `invalid_service_id`"),
        (status = 404, description = "`person_not_found`, `service_not_found`"),
    ))]
async fn get_user_in_service(
    State(identity): State<Identity>,
    by: Holds<ReadGrants>,
    Path((id, service)): Path<(Ref<PersonId>, Ref<ServiceId>)>,
) -> Result<Json<PersonInService>> {
    let mut conn = identity.db.read().await?;
    let now = identity.clock.now();
    let (service_id, by) = by.resolve_within(&mut conn, &service).await?;
    let user = known_there(&mut conn, &by, &Ref::Id(id.id()?), service_id, now).await?;
    let effective = identity.rights.of(&mut conn, user.id, service_id, now).await?;
    let valid_until = effective.valid_until();
    let Effective { roles, permissions, .. } = effective;
    Ok(Json(PersonInService { user, service_id, roles, permissions, valid_until }))
}

/// List the roles that a person holds in a service
///
/// Your own, or with `grants:read` in that service.
#[utoipa::path(get, path = "/people/{person}/services/{service}/roles", tag = "people",
    params(
        ("person" = String, Path, description = "id, username or `person-<id>`", example = "juan"),
        ("service" = String, Path, description = "id or name", example = "4"),
        PageQuery,
    ),
    responses(
        (status = 200, body = Vec<HeldRole>),
        (status = 400, description = "`invalid_service_id`"),
        (status = 404, description = "`person_not_found`, `service_not_found`"),
    ))]
async fn list_person_roles(
    State(identity): State<Identity>,
    caller: Principal,
    Path((person, service)): Path<(Ref<PersonId>, Ref<ServiceId>)>,
    page: Page,
) -> Result<Response> {
    let holds = Holds::<ReadGrants>::of(&identity, &caller).await?;
    let mut conn = identity.db.read().await?;
    let now = identity.clock.now();
    let (person, service) = if caller.is_oneself(&person) {
        (caller.person, gate::store::services::resolve(&mut conn, &service).await?)
    } else {
        // Before anything is said of who or what exists.
        let (service, by) = holds.somewhere()?.resolve_within(&mut conn, &service).await?;
        (known_there(&mut conn, &by, &person, service, now).await?.id, service)
    };
    let roles = store::held(&mut conn, person, service, &page, now).await?;
    Ok(page.respond(roles, |role| role.id.0))
}

/// List the services in which a person holds a role
///
/// Your own, or with `grants:read` everywhere. Excludes Portero itself (service 0).
#[utoipa::path(get, path = "/people/{person_id}/services", tag = "people",
    params(("person_id" = i32, Path, description = "the person's id"), PageQuery),
    responses(
        (status = 200, body = Vec<Service>),
        (status = 400, description = "`invalid_person_id`"),
        (status = 404, description = "`person_not_found`"),
    ))]
async fn list_person_services(
    State(identity): State<Identity>,
    caller: Principal,
    Path(person): Path<Ref<PersonId>>,
    page: Page,
) -> Result<Response> {
    if person.is_name() {
        return Err(Error::bad_request("invalid_person_id", "this route takes a person's id, not a username"));
    }
    if !caller.is_oneself(&person) {
        Holds::<ReadGrants>::of(&identity, &caller).await?.everywhere()?;
    }
    let mut conn = identity.db.read().await?;
    let person = find(&mut conn, &person).await?.id;
    let services = store::services_of(&mut conn, person, &page, identity.clock.now()).await?;
    Ok(page.respond(services, |service| service.id.0))
}

/// List the roles that a service offers
#[utoipa::path(get, path = "/services/{service}/roles", tag = "services",
    params(("service" = String, Path, description = "id or name", example = "4"), PageQuery),
    responses(
        (status = 200, body = Vec<Role>),
        (status = 400, description = "`invalid_service_id`"),
        (status = 404, description = "`service_not_found`"),
    ))]
async fn list_service_roles(
    State(identity): State<Identity>,
    by: Holds<ReadServices>,
    Path(service): Path<Ref<ServiceId>>,
    page: Page,
) -> Result<Response> {
    let mut conn = identity.db.read().await?;
    let (service, _) = by.resolve_within(&mut conn, &service).await?;
    let roles = store::offered(&mut conn, service, &page).await?;
    Ok(page.respond(roles, |role| role.id.0))
}

/// List the people who hold a role in a service
///
/// With `grants:read` in one service only, the role must be one that the service offers; any other is reported as
/// unknown.
#[utoipa::path(get, path = "/services/{service}/roles/{role_id}/people", tag = "services",
    params(
        ("service" = String, Path, description = "id or name", example = "4"),
        ("role_id" = i32, Path, description = "the role's id"),
        PageQuery,
    ),
    responses(
        (status = 200, body = Vec<Holder>),
        (status = 400, description = "`invalid_service_id`, `invalid_role_id`"),
        (status = 404, description = "`service_not_found`, `role_not_found`"),
    ))]
async fn list_role_holders(
    State(identity): State<Identity>,
    by: Holds<ReadGrants>,
    Path((service, role)): Path<(Ref<ServiceId>, Ref<RoleId>)>,
    page: Page,
) -> Result<Response> {
    let mut conn = identity.db.read().await?;
    let (service, by) = by.resolve_within(&mut conn, &service).await?;
    let role = if by.everywhere {
        roles::store::get(&mut conn, role.id()?).await?.id
    } else {
        roles::store::resolve_offered(&mut conn, service, &Ref::Id(role.id()?)).await?
    };
    let people = store::holders(&mut conn, service, role, &page, identity.clock.now()).await?;
    Ok(page.respond(people, |person| person.id.0))
}

/// The person whom a caller named, if it is for them to hear of: who reads the grants of one service alone hears of those who
/// hold something there.
async fn known_there(
    conn: &mut PgConnection,
    by: &Can<ReadGrants>,
    person: &Ref<PersonId>,
    service: ServiceId,
    now: OffsetDateTime,
) -> Result<Person> {
    let person = find(conn, person).await?;
    if by.everywhere || store::holds_anything(conn, person.id, service, now).await? {
        Ok(person)
    } else {
        Err(person_not_found())
    }
}

async fn find(conn: &mut PgConnection, person: &Ref<PersonId>) -> Result<Person> {
    gate::store::people::find(conn, person).await?.ok_or_else(person_not_found)
}
