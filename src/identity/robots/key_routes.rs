//! The keys of a robot: its owner makes and changes them, or an administrator who holds what it holds.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use utoipa_axum::routes;

use super::routes::{begin_with, must_look_after};
use super::store;
use crate::base::error::{Error, Result};
use crate::base::id::{ApiKeyId, PersonId, Ref};
use crate::base::locale::Language;
use crate::gate::audit::AuditedTx;
use crate::gate::idempotency::once;
use crate::gate::permission::ReadUsers;
use crate::gate::store::must_be_as_mighty;
use crate::gate::{Caller, Holds, Principal, must_cover};
use crate::identity::Identity;
use crate::identity::api_keys::{
    self, ApiKeyChange, ApiKeyMade, ApiKeyRevoked, For, ListedApiKey, NewApiKey, change, make, revoke,
};
use crate::identity::factors::must_be_fresh;
use crate::platform::http::{Json, Page, PageQuery, Path, Routes};

/// `/robots/{id}/keys`.
pub fn key_routes() -> Routes<Identity> {
    Routes::new()
        .routes(once(routes!(list_keys_of_robot, create_key_of_robot)))
        .routes(routes!(change_key_of_robot, revoke_key_of_robot))
}

/// List a robot's API keys
///
/// Of your own, or of any with `users:read`. One that has expired stays for 30 days.
#[utoipa::path(get, path = "/robots/{id}/keys", tag = "robots",
    params(("id" = i32, Path, description = "the robot's id"), PageQuery),
    responses(
        (status = 200, body = Vec<ListedApiKey>),
        (status = 400, description = "`invalid_user_id`"),
        (status = 403, description = "`api_key_not_allowed`"),
        (status = 404, description = "`robot_not_found`"),
    ))]
async fn list_keys_of_robot(
    State(identity): State<Identity>,
    caller: Caller,
    Path(id): Path<Ref<PersonId>>,
    page: Page,
) -> Result<Response> {
    let caller = Principal::from(caller);
    let may_read = Holds::<ReadUsers>::of(&identity, &caller).await?.everywhere();
    let mut conn = identity.db.read().await?;
    let robot = match (store::get(&mut conn, id.id()?).await, may_read) {
        (Ok(robot), _) if robot.owner_id == caller.person => robot,
        (found, Ok(_)) => found?,
        (Ok(_) | Err(Error::Refused(_)), Err(refused)) => return Err(refused),
        (Err(error), _) => return Err(error),
    };
    let keys = api_keys::store::list(&mut conn, robot.id, &page, identity.clock.now()).await?;
    Ok(page.respond(keys, |key| key.id.0))
}

/// Make a robot an API key
///
/// By its owner, or by an administrator who holds what it holds; within 15 minutes of login. Whoever makes it must hold what it opens of
/// Portero itself. Its owner hears of it by mail. At most 50 keys at a time, and 50 new keys a day.
#[utoipa::path(post, path = "/robots/{id}/keys", tag = "robots",
    params(("id" = i32, Path, description = "the robot's id")),
    request_body = NewApiKey,
    responses(
        (status = 201, body = ApiKeyMade),
        (status = 400, description = "`invalid_user_id`"),
        (status = 403, description = "`api_key_not_allowed`, `reauthentication_required`, `insufficient_permissions`"),
        (status = 404, description = "`robot_not_found`"),
        (status = 409, description = "`too_many_keys`"),
        (status = 429, description = "`too_many_changes`"),
    ))]
async fn create_key_of_robot(
    State(identity): State<Identity>,
    caller: Caller,
    Path(id): Path<Ref<PersonId>>,
    Language(language): Language,
    new: Result<Json<NewApiKey>>,
) -> Result<(StatusCode, Json<ApiKeyMade>)> {
    let robot = id.id()?;
    must_look_after(&identity, &caller, robot).await?;
    let Json(new) = new?;
    let actor = caller.person;
    must_be_fresh(&mut *identity.db.read().await?, &caller, identity.clock.now()).await?;
    let mut tx = begin_with(&identity, caller, robot, vec![robot]).await?;
    let owner = owner_covered_by(&mut tx, actor, robot).await?;
    let made = make(&mut tx, &identity, For { owner: robot, told: owner }, &new, language).await?;
    tx.commit([]).await?;
    identity.mailer.wake();
    Ok((StatusCode::CREATED, Json(made)))
}

/// Whose a robot is. Refuses (403) who is not its owner and does not hold what it holds: by its keys they would act as it.
async fn owner_covered_by(tx: &mut AuditedTx, actor: PersonId, robot: PersonId) -> Result<PersonId> {
    let (owner, now) = (store::get(tx, robot).await?.owner_id, tx.by().now);
    if owner != actor {
        must_cover(tx, &[robot]).await?;
        must_be_as_mighty(tx, actor, robot, now).await?;
    }
    Ok(owner)
}

/// Change a robot's API key
///
/// By its owner, or by an administrator who holds what it holds: its name, its end, or where it may be used from. All but the name within 15 minutes of login, and by who
/// holds what it opens of Portero itself. What it may be used for stays: make another key for that. Its owner hears of all but a new name by mail.
#[utoipa::path(patch, path = "/robots/{id}/keys/{key_id}", tag = "robots",
    params(
        ("id" = i32, Path, description = "the robot's id"),
        ("key_id" = i32, Path, description = "the key's id"),
    ),
    request_body = ApiKeyChange,
    responses(
        (status = 200, body = ListedApiKey),
        (status = 400, description = "`invalid_user_id`, `invalid_api_key_id`"),
        (status = 403, description = "`api_key_not_allowed`, `reauthentication_required`, `insufficient_permissions`"),
        (status = 404, description = "`robot_not_found`, `api_key_not_found`"),
        (status = 409, description = "`api_key_expired`"),
    ))]
async fn change_key_of_robot(
    State(identity): State<Identity>,
    caller: Caller,
    Path((id, key)): Path<(Ref<PersonId>, Ref<ApiKeyId>)>,
    wanted: Result<Json<ApiKeyChange>>,
) -> Result<Json<ListedApiKey>> {
    let (robot, key, actor) = (id.id()?, key.id()?, caller.person);
    must_look_after(&identity, &caller, robot).await?;
    let Json(wanted) = wanted?;
    if !wanted.is_only_a_name() {
        must_be_fresh(&mut *identity.db.read().await?, &caller, identity.clock.now()).await?;
    }
    let mut tx = begin_with(&identity, caller, robot, vec![robot]).await?;
    let owner = owner_covered_by(&mut tx, actor, robot).await?;
    let changed = change(&mut tx, &identity, For { owner: robot, told: owner }, key, &wanted).await?;
    tx.commit([]).await?;
    identity.mailer.wake();
    Ok(Json(changed))
}

/// Revoke a robot's API key
///
/// By its owner, or with `users:write`. Refused in the very next check, on every instance.
#[utoipa::path(delete, path = "/robots/{id}/keys/{key_id}", tag = "robots",
    params(
        ("id" = i32, Path, description = "the robot's id"),
        ("key_id" = i32, Path, description = "the key's id"),
    ),
    responses(
        (status = 200, body = ApiKeyRevoked),
        (status = 400, description = "`invalid_user_id`, `invalid_api_key_id`"),
        (status = 403, description = "`api_key_not_allowed`"),
        (status = 404, description = "`robot_not_found`, `api_key_not_found`"),
    ))]
async fn revoke_key_of_robot(
    State(identity): State<Identity>,
    caller: Caller,
    Path((id, key)): Path<(Ref<PersonId>, Ref<ApiKeyId>)>,
) -> Result<Json<ApiKeyRevoked>> {
    let (robot, key, actor) = (id.id()?, key.id()?, caller.person);
    let mut tx = begin_with(&identity, caller, robot, vec![robot]).await?;
    if store::get(&mut tx, robot).await?.owner_id != actor {
        must_cover(&mut tx, &[robot]).await?;
    }
    revoke(&mut tx, robot, key).await?;
    tx.commit([]).await?;
    Ok(Json(ApiKeyRevoked::new(key)))
}
