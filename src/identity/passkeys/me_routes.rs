use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{
    OwnPasskeys, Passkey, PasskeyAdded, PasskeyCredential, PasskeyId, PasskeyName, PasskeyOptions, own, register,
    registration_options, remove, rename,
};
use crate::base::error::Result;
use crate::base::id::Ref;
use crate::base::locale::Language;
use crate::gate::Caller;
use crate::gate::idempotency::once;
use crate::identity::Identity;
use crate::platform::http::{Json, Path, Route, Routes};

/// `/auth/me/passkeys…`.
pub fn me_routes() -> Routes<Identity> {
    Routes::new()
        .routes(once(Route::from(routes!(list_passkeys, add_passkey)).for_anyone()))
        .routes(Route::from(routes!(ask_for_new_passkey)).for_anyone())
        .routes(Route::from(routes!(rename_passkey, remove_passkey)).for_anyone())
}

/// List your own passkeys
///
/// With what to tell the browser of them.
#[utoipa::path(get, path = "/auth/me/passkeys", tag = "auth", responses((status = 200, body = OwnPasskeys)))]
async fn list_passkeys(State(identity): State<Identity>, caller: Caller) -> Result<Json<OwnPasskeys>> {
    own(&mut *identity.db.read().await?, &identity, &caller).await.map(Json)
}

/// Ask for a new passkey
///
/// What the browser is to ask for. It can be answered once, at `POST /auth/me/passkeys`, within five minutes.
#[utoipa::path(post, path = "/auth/me/passkeys/options", tag = "auth", responses(
    (status = 200, body = PasskeyOptions),
    (status = 403, description = "`reauthentication_required`"),
    (status = 409, description = "`passkeys_unavailable`, `too_many_passkeys`"),
    (status = 429, description = "`too_many_at_once`"),
))]
async fn ask_for_new_passkey(State(identity): State<Identity>, caller: Caller) -> Result<Json<PasskeyOptions>> {
    registration_options(&identity, &caller).await.map(Json)
}

/// A passkey that an authenticator has made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AddedPasskey {
    /// What to call it.
    #[serde(default)]
    name: Option<PasskeyName>,
    /// All that the browser answers: `credential.toJSON()`.
    #[schema(value_type = PasskeyCredential)]
    credential: Value,
}

/// Add a passkey
///
/// From now on you can log in with it, and it is asked for after your password. Your first second factor comes with recovery codes. You are told by mail.
#[utoipa::path(post, path = "/auth/me/passkeys", tag = "auth", request_body = AddedPasskey, responses(
    (status = 201, body = PasskeyAdded),
    (status = 400, description = "`invalid_passkey`"),
    (status = 403, description = "`reauthentication_required`"),
    (status = 409, description = "`passkey_exists`, `passkeys_unavailable`, `too_many_passkeys`"),
    (status = 429, description = "`too_many_at_once`"),
))]
async fn add_passkey(
    State(identity): State<Identity>,
    caller: Caller,
    Language(language): Language,
    Json(AddedPasskey { name, credential }): Json<AddedPasskey>,
) -> Result<(StatusCode, Json<PasskeyAdded>)> {
    let added = register(&identity, &caller, name, &credential, language).await?;
    Ok((StatusCode::CREATED, Json(added)))
}

/// What to call a passkey.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasskeyRenamed {
    /// Its new name.
    name: PasskeyName,
}

/// Rename one of your passkeys
#[utoipa::path(patch, path = "/auth/me/passkeys/{id}", tag = "auth", request_body = PasskeyRenamed,
    params(("id" = i32, Path, description = "the passkey's id")),
    responses(
        (status = 200, body = Passkey),
        (status = 400, description = "`invalid_passkey_id`"),
        (status = 404, description = "`passkey_not_found`"),
    ))]
async fn rename_passkey(
    State(identity): State<Identity>,
    caller: Caller,
    Path(id): Path<Ref<PasskeyId>>,
    Json(PasskeyRenamed { name }): Json<PasskeyRenamed>,
) -> Result<Json<Passkey>> {
    rename(&identity, &caller, id.id()?, &name).await.map(Json)
}

/// Remove one of your passkeys
///
/// It opens nothing from now on. Tell the browser with `signals`, so that it offers it no more. You are told by mail.
#[utoipa::path(delete, path = "/auth/me/passkeys/{id}", tag = "auth",
    params(("id" = i32, Path, description = "the passkey's id")),
    responses(
        (status = 200, body = OwnPasskeys),
        (status = 400, description = "`invalid_passkey_id`"),
        (status = 403, description = "`reauthentication_required`"),
        (status = 404, description = "`passkey_not_found`"),
        (status = 409, description = "`last_way_in`, `second_factor_required`"),
    ))]
async fn remove_passkey(
    State(identity): State<Identity>,
    caller: Caller,
    Language(language): Language,
    Path(id): Path<Ref<PasskeyId>>,
) -> Result<Json<OwnPasskeys>> {
    remove(&identity, &caller, id.id()?, language).await?;
    own(&mut *identity.db.read().await?, &identity, &caller).await.map(Json)
}
