//! Administrators see the API keys of people and robots, and revoke them, as they end sessions.

use axum::extract::State;
use axum::response::Response;
use utoipa_axum::routes;

use super::{ApiKeyRevoked, ApiKeysRevoked, ListedApiKey, revoke, revoke_all, store};
use crate::base::error::Result;
use crate::base::id::{ApiKeyId, PersonId, Ref};
use crate::gate::permission::{ReadUsers, WriteUsers};
use crate::gate::{Can, LockScope, must_cover};
use crate::identity::Identity;
use crate::identity::people;
use crate::platform::http::{Json, Page, PageQuery, Path, Routes};

/// `/users/{id}/keys`.
pub fn user_routes() -> Routes<Identity> {
    Routes::new().routes(routes!(list_keys_of_user, revoke_keys_of_user)).routes(routes!(revoke_key_of_user))
}

/// List a person's API keys
///
/// Or a robot's. Never includes the keys themselves.
#[utoipa::path(get, path = "/users/{id}/keys", tag = "users",
    params(("id" = i32, Path, description = "the person's id"), PageQuery),
    responses(
        (status = 200, body = Vec<ListedApiKey>),
        (status = 400, description = "`invalid_user_id`"),
        (status = 404, description = "`user_not_found`"),
    ))]
async fn list_keys_of_user(
    State(identity): State<Identity>,
    _: Can<ReadUsers>,
    Path(id): Path<Ref<PersonId>>,
    page: Page,
) -> Result<Response> {
    let mut conn = identity.db.read().await?;
    let person = people::store::get(&mut conn, id.id()?).await?;
    let keys = store::list(&mut conn, person.id, &page, identity.clock.now()).await?;
    Ok(page.respond(keys, |key| key.id.0))
}

/// Revoke a person's API keys
///
/// Or a robot's: all of them. Refused in the very next check, on every instance. You cannot revoke keys of somebody who holds more than you do.
#[utoipa::path(delete, path = "/users/{id}/keys", tag = "users",
    params(("id" = i32, Path, description = "the person's id")),
    responses(
        (status = 200, body = ApiKeysRevoked),
        (status = 400, description = "`invalid_user_id`"),
        (status = 403, description = "`api_key_not_allowed`"),
        (status = 404, description = "`user_not_found`"),
    ))]
async fn revoke_keys_of_user(
    State(identity): State<Identity>,
    by: Can<WriteUsers>,
    Path(id): Path<Ref<PersonId>>,
) -> Result<Json<ApiKeysRevoked>> {
    by.must_be_logged_in()?;
    let id = id.id()?;
    let mut tx = by.begin(&identity, LockScope::person(id)).await?;
    people::store::get(&mut tx, id).await?;
    must_cover(&mut tx, &[id]).await?;
    let revoked = revoke_all(&mut tx, id).await?;
    tx.commit([]).await?;
    Ok(Json(ApiKeysRevoked::new(revoked)))
}

/// Revoke a person's API key
///
/// Or a robot's.
#[utoipa::path(delete, path = "/users/{id}/keys/{key_id}", tag = "users",
    params(
        ("id" = i32, Path, description = "the person's id"),
        ("key_id" = i32, Path, description = "the key's id"),
    ),
    responses(
        (status = 200, body = ApiKeyRevoked),
        (status = 400, description = "`invalid_user_id`, `invalid_api_key_id`"),
        (status = 403, description = "`api_key_not_allowed`"),
        (status = 404, description = "`user_not_found`, `api_key_not_found`"),
    ))]
async fn revoke_key_of_user(
    State(identity): State<Identity>,
    by: Can<WriteUsers>,
    Path((id, key)): Path<(Ref<PersonId>, Ref<ApiKeyId>)>,
) -> Result<Json<ApiKeyRevoked>> {
    by.must_be_logged_in()?;
    let (id, key) = (id.id()?, key.id()?);
    let mut tx = by.begin(&identity, LockScope::person(id)).await?;
    people::store::get(&mut tx, id).await?;
    must_cover(&mut tx, &[id]).await?;
    revoke(&mut tx, id, key).await?;
    tx.commit([]).await?;
    Ok(Json(ApiKeyRevoked::new(key)))
}
