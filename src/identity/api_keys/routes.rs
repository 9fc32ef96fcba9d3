use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use utoipa_axum::routes;

use super::{ApiKeyChange, ApiKeyMade, ApiKeyRevoked, For, ListedApiKey, NewApiKey, change, make_own, revoke, store};
use crate::base::error::Result;
use crate::base::id::{ApiKeyId, Ref};
use crate::base::locale::Language;
use crate::gate::Caller;
use crate::gate::idempotency::once;
use crate::identity::Identity;
use crate::identity::factors::must_be_fresh;
use crate::platform::http::{Json, Page, PageQuery, Path, Route, Routes};

/// `/auth/me/keys`.
pub fn routes() -> Routes<Identity> {
    Routes::new()
        .routes(once(routes!(list_own_keys, create_own_key)).for_anyone())
        .routes(Route::from(routes!(get_own_key, change_own_key, revoke_own_key)).for_anyone())
}

/// List your own API keys
///
/// Never includes the keys themselves: each is shown once, when it is made. One that has expired stays for 30 days.
#[utoipa::path(get, path = "/auth/me/keys", tag = "auth", params(PageQuery),
    responses((status = 200, body = Vec<ListedApiKey>)))]
async fn list_own_keys(State(identity): State<Identity>, caller: Caller, page: Page) -> Result<Response> {
    let mut conn = identity.db.read().await?;
    let keys = store::list(&mut conn, caller.person, &page, identity.clock.now()).await?;
    Ok(page.respond(keys, |key| key.id.0))
}

/// Make yourself an API key
///
/// For a program that acts for you. Accepted within 15 minutes of login. The key may be used for its scopes, as far as you hold them at
/// the moment: what you lose it loses at once. It can't manage keys, change your password, address or factors, or begin a
/// session. You hear of it by mail. It stays valid when you change your password. At most 50 keys at a time, and 50 new keys a day.
#[utoipa::path(post, path = "/auth/me/keys", tag = "auth", request_body = NewApiKey, responses(
    (status = 201, body = ApiKeyMade),
    (status = 403, description = "`reauthentication_required`, `insufficient_permissions`"),
    (status = 409, description = "`too_many_keys`"),
    (status = 429, description = "`too_many_changes`"),
))]
async fn create_own_key(
    State(identity): State<Identity>,
    caller: Caller,
    Language(language): Language,
    Json(new): Json<NewApiKey>,
) -> Result<(StatusCode, Json<ApiKeyMade>)> {
    let made = make_own(&identity, &caller, &new, language).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Get one of your own API keys
#[utoipa::path(get, path = "/auth/me/keys/{id}", tag = "auth",
    params(("id" = i32, Path, description = "the key's id")),
    responses(
        (status = 200, body = ListedApiKey),
        (status = 400, description = "`invalid_api_key_id`"),
        (status = 404, description = "`api_key_not_found`"),
    ))]
async fn get_own_key(
    State(identity): State<Identity>,
    caller: Caller,
    Path(id): Path<Ref<ApiKeyId>>,
) -> Result<Json<ListedApiKey>> {
    let mut conn = identity.db.read().await?;
    Ok(Json(store::get(&mut conn, caller.person, id.id()?, identity.clock.now()).await?))
}

/// Change one of your own API keys
///
/// Its name, its end, or where it may be used from; all but the name within 15 minutes of login. What it may be used for stays:
/// make another key for that.
#[utoipa::path(patch, path = "/auth/me/keys/{id}", tag = "auth",
    params(("id" = i32, Path, description = "the key's id")),
    request_body = ApiKeyChange,
    responses(
        (status = 200, body = ListedApiKey),
        (status = 400, description = "`invalid_api_key_id`"),
        (status = 403, description = "`reauthentication_required`"),
        (status = 404, description = "`api_key_not_found`"),
        (status = 409, description = "`api_key_expired`"),
    ))]
async fn change_own_key(
    State(identity): State<Identity>,
    caller: Caller,
    Path(id): Path<Ref<ApiKeyId>>,
    Json(wanted): Json<ApiKeyChange>,
) -> Result<Json<ListedApiKey>> {
    let id = id.id()?;
    let mut tx = caller.begin(&identity).await?;
    if !wanted.is_only_a_name() {
        let now = tx.by().now;
        must_be_fresh(&mut tx, &caller, now).await?;
    }
    let whom = For::oneself(caller.person);
    let changed = change(&mut tx, &identity, whom, id, &wanted).await?;
    tx.commit([]).await?;
    identity.mailer.wake();
    Ok(Json(changed))
}

/// Revoke one of your own API keys
///
/// Refused in the very next check, on every instance.
#[utoipa::path(delete, path = "/auth/me/keys/{id}", tag = "auth",
    params(("id" = i32, Path, description = "the key's id")),
    responses(
        (status = 200, body = ApiKeyRevoked),
        (status = 400, description = "`invalid_api_key_id`"),
        (status = 404, description = "`api_key_not_found`"),
    ))]
async fn revoke_own_key(
    State(identity): State<Identity>,
    caller: Caller,
    Path(id): Path<Ref<ApiKeyId>>,
) -> Result<Json<ApiKeyRevoked>> {
    let id = id.id()?;
    let mut tx = caller.begin(&identity).await?;
    revoke(&mut tx, caller.person, id).await?;
    tx.commit([]).await?;
    Ok(Json(ApiKeyRevoked::new(id)))
}
