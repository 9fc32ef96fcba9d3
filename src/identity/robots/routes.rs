use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use utoipa_axum::routes;

use super::{NewRobot, Robot, RobotChange, create, pass_on, store};
use crate::base::error::{Error, Result};
use crate::base::id::{PersonId, Ref, ServiceId};
use crate::base::person::unknown_person;
use crate::gate;
use crate::gate::audit::AuditedTx;
use crate::gate::effective::store::holds;
use crate::gate::idempotency::once;
use crate::gate::permission::{BuiltIn, ReadUsers, WriteUsers};
use crate::gate::{Caller, Can, Holds, LockScope, Principal};
use crate::identity::Identity;
use crate::identity::people::{self, PersonChange, RequestedChange};
use crate::platform::http::{Json, Page, PageQuery, Path, Route, Routes};

/// `/robots` and `/auth/me/robots`.
pub fn routes() -> Routes<Identity> {
    Routes::new()
        .routes(once(routes!(list_robots, create_robot)))
        .routes(Route::from(routes!(list_own_robots)).for_anyone())
        .routes(routes!(get_robot, change_robot))
}

/// List robots
///
/// They are also among `GET /users`.
#[utoipa::path(get, path = "/robots", tag = "robots", params(PageQuery), responses((status = 200, body = Vec<Robot>)))]
async fn list_robots(State(identity): State<Identity>, _: Can<ReadUsers>, page: Page) -> Result<Response> {
    let robots = store::list(&mut *identity.db.read().await?, None, &page).await?;
    Ok(page.respond(robots, |robot| robot.id.0))
}

/// List your own robots
#[utoipa::path(get, path = "/auth/me/robots", tag = "robots", params(PageQuery),
    responses((status = 200, body = Vec<Robot>)))]
async fn list_own_robots(State(identity): State<Identity>, caller: Caller, page: Page) -> Result<Response> {
    let robots = store::list(&mut *identity.db.read().await?, Some(caller.person), &page).await?;
    Ok(page.respond(robots, |robot| robot.id.0))
}

/// Register a robot
///
/// A person of a program, without a way to log in: no password, no address, no mails. It holds what it is granted, as people do, and
/// acts by API keys that its owner makes (`POST /robots/{id}/keys`). It is disabled with its owner, unless it is passed on before.
#[utoipa::path(post, path = "/robots", tag = "robots", request_body = NewRobot, responses(
    (status = 201, body = Robot),
    (status = 400, description = "`invalid_user_id`"),
    (status = 404, description = "`person_not_found`"),
    (status = 409, description = "`user_exists`, `not_an_owner`"),
))]
async fn create_robot(
    State(identity): State<Identity>,
    by: Can<WriteUsers>,
    Json(new): Json<NewRobot>,
) -> Result<(StatusCode, Json<Robot>)> {
    let owner = match &new.owner {
        Some(owner) => find(&identity, owner).await?,
        None => by.actor,
    };
    let mut tx = by.begin(&identity, LockScope::person(owner)).await?;
    let robot = create(&mut tx, &new.username, new.name.as_ref(), owner).await?;
    tx.commit([]).await?;
    Ok((StatusCode::CREATED, Json(robot)))
}

/// Get a robot
///
/// Your own, or any with `users:read`.
#[utoipa::path(get, path = "/robots/{id}", tag = "robots",
    params(("id" = i32, Path, description = "the robot's id")),
    responses(
        (status = 200, body = Robot),
        (status = 400, description = "`invalid_user_id`"),
        (status = 404, description = "`robot_not_found`"),
    ))]
async fn get_robot(
    State(identity): State<Identity>,
    caller: Principal,
    Path(id): Path<Ref<PersonId>>,
) -> Result<Json<Robot>> {
    let may_read = Holds::<ReadUsers>::of(&identity, &caller).await?.everywhere();
    let robot = own(&identity, &caller, &id).await?;
    match (robot, may_read) {
        (Some(robot), _) => Ok(Json(robot)),
        (None, Ok(_)) => Ok(Json(store::get(&mut *identity.db.read().await?, id.id()?).await?)),
        (None, Err(refused)) => Err(refused),
    }
}

/// Change a robot
///
/// Your own, or any with `users:write`: its name, or its owner. Whoever is not its owner and passes it on must hold what it holds. Its keys
/// stand: the new owner replaces those that the old one knows.
#[utoipa::path(patch, path = "/robots/{id}", tag = "robots",
    params(("id" = i32, Path, description = "the robot's id")),
    request_body = RobotChange,
    responses(
        (status = 200, body = Robot),
        (status = 400, description = "`invalid_user_id`"),
        (status = 403, description = "`api_key_not_allowed`"),
        (status = 404, description = "`robot_not_found`, `person_not_found`"),
        (status = 409, description = "`not_an_owner`"),
    ))]
async fn change_robot(
    State(identity): State<Identity>,
    caller: Caller,
    Path(id): Path<Ref<PersonId>>,
    wanted: Result<Json<RobotChange>>,
) -> Result<Json<Robot>> {
    let robot = id.id()?;
    must_look_after(&identity, &caller, robot).await?;
    let Json(wanted) = wanted?;
    if wanted.name.is_none() && wanted.owner.is_none() {
        return Err(Error::invalid_field("", "nothing to change: send `name` or `owner`"));
    }
    let owner = match &wanted.owner {
        Some(owner) => Some(find(&identity, owner).await?),
        None => None,
    };
    let people: Vec<PersonId> = [robot].into_iter().chain(owner).collect();
    let mut tx = begin_with(&identity, caller, robot, people).await?;
    if let Some(owner) = owner {
        pass_on(&mut tx, robot, owner).await?;
    }
    if let Some(name) = wanted.name {
        let change = PersonChange { name: Some(name), ..PersonChange::default() };
        let wanted = RequestedChange { change: &change, password_hash: None, if_match: None, language: None };
        people::change(&mut tx, &identity, robot, &wanted).await?;
    }
    let robot = store::get(&mut tx, robot).await?;
    tx.commit([]).await?;
    Ok(Json(robot))
}

/// The robot that a request names, if it is the caller's own.
async fn own(identity: &Identity, caller: &Principal, id: &Ref<PersonId>) -> Result<Option<Robot>> {
    let Ref::Id(id) = id else { return Ok(None) };
    let robot = match store::get(&mut *identity.db.read().await?, *id).await {
        Ok(robot) => robot,
        Err(Error::Refused(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let is_own = robot.owner_id == caller.person && caller.means.session().is_some();
    Ok(is_own.then_some(robot))
}

/// Refuses (403) whoever neither owns a robot nor may change people, whatever the rest of the request says.
pub(super) async fn must_look_after(identity: &Identity, caller: &Caller, robot: PersonId) -> Result<()> {
    let mut conn = identity.db.read().await?;
    match store::get(&mut conn, robot).await {
        Ok(found) if found.owner_id == caller.person => return Ok(()),
        Ok(_) | Err(Error::Refused(_)) => {}
        Err(error) => return Err(error),
    }
    let now = Some(identity.clock.now());
    let may = holds(&mut conn, caller.person, WriteUsers::ID, ServiceId::PORTERO, now).await?;
    if may { Ok(()) } else { Err(not_ones_own()) }
}

/// Begins a change of a robot by its owner, or by whoever may change people.
///
/// # Errors
/// 401; 403 for whoever is neither; 404 `robot_not_found`.
pub(super) async fn begin_with(
    identity: &Identity,
    caller: Caller,
    robot: PersonId,
    people: Vec<PersonId>,
) -> Result<AuditedTx> {
    let mut tx = caller.begin_about(identity, &people).await?;
    // Whoever is not its owner hears nothing of it, unless they may change people.
    match store::get(&mut tx, robot).await {
        Ok(found) if found.owner_id == caller.person => return Ok(tx),
        Ok(_) | Err(Error::Refused(_)) => drop(tx),
        Err(error) => return Err(error),
    }
    let by = Holds::<WriteUsers>::of(identity, &Principal::from(caller)).await?.everywhere();
    let by = by.map_err(|_| not_ones_own())?;
    let mut tx = by.begin(identity, LockScope::people(people)).await?;
    store::get(&mut tx, robot).await?;
    Ok(tx)
}

fn not_ones_own() -> Error {
    let detail = format!("this is for the owner of the robot, or needs the permission `{}`", WriteUsers::NAME);
    Error::forbidden("insufficient_permissions", detail).with("permission", WriteUsers::NAME)
}

async fn find(identity: &Identity, person: &Ref<PersonId>) -> Result<PersonId> {
    let found = gate::store::people::find(&mut *identity.db.read().await?, person).await?;
    Ok(found.ok_or_else(|| unknown_person(person))?.id)
}
