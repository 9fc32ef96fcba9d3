use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{
    Code, Enrolment, FactorName, ListedDevice, ListedFactor, RecoveryCodesLeft, ShownCodes, begin_own, confirm_own,
    distrust_all, distrust_own, make_own_codes, remove_own, rename_own, store,
};
use crate::base::error::Result;
use crate::base::id::{FactorId, Ref, TrustedDeviceId};
use crate::gate::Caller;
use crate::gate::idempotency::once;
use crate::identity::Identity;
use crate::platform::http::{Json, Page, PageQuery, Path, Route, Routes};

/// `/auth/me/factors` and what stands in for factors.
pub fn routes() -> Routes<Identity> {
    Routes::new()
        .routes(once(Route::from(routes!(list_factors, begin_factor)).for_anyone()))
        .routes(Route::from(routes!(rename_factor, remove_factor)).for_anyone())
        .routes(Route::from(routes!(confirm_factor)).for_anyone())
        .routes(once(Route::from(routes!(count_recovery_codes, make_recovery_codes)).for_anyone()))
        .routes(Route::from(routes!(list_trusted_devices, distrust_devices)).for_anyone())
        .routes(Route::from(routes!(distrust_device)).for_anyone())
}

/// List your second factors
#[utoipa::path(get, path = "/auth/me/factors", tag = "auth", params(PageQuery),
    responses((status = 200, body = Vec<ListedFactor>)))]
async fn list_factors(State(identity): State<Identity>, caller: Caller, page: Page) -> Result<Response> {
    let factors = store::totp::list(&mut *identity.db.read().await?, caller.person, &page).await?;
    Ok(page.respond(factors, |factor| factor.id.0))
}

/// A second factor to be set up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"type": "totp", "name": "My phone"}))]
struct NewFactor {
    /// `totp`: an authenticator.
    #[serde(rename = "type")]
    kind: NewFactorType,
    /// What you call it.
    name: FactorName,
}

/// What can be set up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum NewFactorType {
    Totp,
}

/// Set up a second factor
///
/// It opens nothing until `POST /auth/me/factors/{id}/confirm` has confirmed it. The secret is shown once. A factor that you have
/// begun before and not confirmed is forgotten. Your login must not be older than 15 minutes.
#[utoipa::path(post, path = "/auth/me/factors", tag = "auth", request_body = NewFactor, responses(
    (status = 201, body = Enrolment),
    (status = 403, description = "`reauthentication_required`"),
    (status = 409, description = "`too_many_factors`"),
))]
async fn begin_factor(
    State(identity): State<Identity>,
    caller: Caller,
    Json(NewFactor { kind: NewFactorType::Totp, name }): Json<NewFactor>,
) -> Result<(StatusCode, Json<Enrolment>)> {
    let enrolment = begin_own(&identity, &caller, &name).await?;
    Ok((StatusCode::CREATED, Json(enrolment)))
}

/// Two codes that your authenticator shows one after the other.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"codes": ["123456", "654321"]}))]
struct Codes {
    /// The earlier one, and the one after it.
    #[schema(value_type = Vec<Code>, min_items = 2, max_items = 2)]
    codes: [Code; 2],
}

/// You have a second factor.
#[derive(Debug, Serialize, ToSchema)]
struct Confirmed {
    #[schema(example = "factor_confirmed")]
    status: &'static str,
    id: FactorId,
    /// With your first factor: codes for when you lose it, each good for one login. Shown only once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>, nullable = false, example = json!(["0123-4567-89ab-cdef"]))]
    recovery_codes: Option<ShownCodes>,
}

/// Confirm a second factor
///
/// By two codes that follow each other. From then on your password alone is not enough to log in; your other sessions go on. Your login must not be older than
/// 15 minutes.
#[utoipa::path(post, path = "/auth/me/factors/{id}/confirm", tag = "auth", request_body = Codes,
    params(("id" = i32, Path, description = "the factor's id")),
    responses(
        (status = 200, body = Confirmed),
        (status = 400, description = "`invalid_factor_id`, `invalid_code`"),
        (status = 403, description = "`reauthentication_required`"),
        (status = 404, description = "`factor_not_found`"),
        (status = 429, description = "`too_many_at_once`"),
    ))]
async fn confirm_factor(
    State(identity): State<Identity>,
    caller: Caller,
    Path(id): Path<Ref<FactorId>>,
    Json(Codes { codes: [first, second] }): Json<Codes>,
) -> Result<Json<Confirmed>> {
    let id = id.id()?;
    let recovery_codes = confirm_own(&identity, &caller, id, [&first, &second]).await?;
    Ok(Json(Confirmed { status: "factor_confirmed", id, recovery_codes }))
}

/// Another name for a factor.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Renamed {
    /// What you call it from now on.
    name: FactorName,
}

/// Something was done with a factor.
#[derive(Debug, Serialize, ToSchema)]
struct FactorDone {
    #[schema(example = "factor_removed")]
    status: &'static str,
    id: FactorId,
}

/// Rename a second factor
///
/// Your login must not be older than 15 minutes.
#[utoipa::path(patch, path = "/auth/me/factors/{id}", tag = "auth", request_body = Renamed,
    params(("id" = i32, Path, description = "the factor's id")),
    responses(
        (status = 200, body = FactorDone),
        (status = 400, description = "`invalid_factor_id`"),
        (status = 403, description = "`reauthentication_required`"),
        (status = 404, description = "`factor_not_found`"),
    ))]
async fn rename_factor(
    State(identity): State<Identity>,
    caller: Caller,
    Path(id): Path<Ref<FactorId>>,
    Json(Renamed { name }): Json<Renamed>,
) -> Result<Json<FactorDone>> {
    let id = id.id()?;
    rename_own(&identity, &caller, id, &name).await?;
    Ok(Json(FactorDone { status: "factor_renamed", id }))
}

/// Remove a second factor
///
/// With the last one go your recovery codes and trusted devices. Your login must not be older than 15 minutes.
#[utoipa::path(delete, path = "/auth/me/factors/{id}", tag = "auth",
    params(("id" = i32, Path, description = "the factor's id")),
    responses(
        (status = 200, body = FactorDone),
        (status = 400, description = "`invalid_factor_id`"),
        (status = 403, description = "`reauthentication_required`"),
        (status = 404, description = "`factor_not_found`"),
        (status = 409, description = "`second_factor_required`"),
    ))]
async fn remove_factor(
    State(identity): State<Identity>,
    caller: Caller,
    Path(id): Path<Ref<FactorId>>,
) -> Result<Json<FactorDone>> {
    let id = id.id()?;
    remove_own(&identity, &caller, id).await?;
    Ok(Json(FactorDone { status: "factor_removed", id }))
}

/// See how many recovery codes you have left
///
/// The codes themselves are shown once, when they are made.
#[utoipa::path(get, path = "/auth/me/recovery-codes", tag = "auth", responses((status = 200, body = RecoveryCodesLeft)))]
async fn count_recovery_codes(State(identity): State<Identity>, caller: Caller) -> Result<Json<RecoveryCodesLeft>> {
    Ok(Json(store::recovery::left(&mut *identity.db.read().await?, caller.person).await?))
}

/// A new set of recovery codes.
#[derive(Debug, Serialize, ToSchema)]
struct NewRecoveryCodes {
    /// Each is good for one login. Shown only once.
    #[schema(value_type = Vec<String>, example = json!(["0123-4567-89ab-cdef"]))]
    recovery_codes: ShownCodes,
}

/// Make new recovery codes
///
/// Ten, in the place of those that you had. Your login must not be older than 15 minutes.
#[utoipa::path(post, path = "/auth/me/recovery-codes", tag = "auth", responses(
    (status = 201, body = NewRecoveryCodes),
    (status = 403, description = "`reauthentication_required`"),
    (status = 409, description = "`no_second_factor`"),
    (status = 429, description = "`too_many_at_once`"),
))]
async fn make_recovery_codes(
    State(identity): State<Identity>,
    caller: Caller,
) -> Result<(StatusCode, Json<NewRecoveryCodes>)> {
    let recovery_codes = make_own_codes(&identity, &caller).await?;
    Ok((StatusCode::CREATED, Json(NewRecoveryCodes { recovery_codes })))
}

/// List the devices that you trust
///
/// There your password is enough, until the time of each is over or your password changes.
#[utoipa::path(get, path = "/auth/me/trusted-devices", tag = "auth", params(PageQuery),
    responses((status = 200, body = Vec<ListedDevice>)))]
async fn list_trusted_devices(State(identity): State<Identity>, caller: Caller, page: Page) -> Result<Response> {
    let now = identity.clock.now();
    let devices = store::trusted::list(&mut *identity.db.read().await?, caller.person, &page, now).await?;
    Ok(page.respond(devices, |device| device.id.0))
}

/// The device is trusted no more.
#[derive(Debug, Serialize, ToSchema)]
struct Distrusted {
    #[schema(example = "device_distrusted")]
    status: &'static str,
    id: TrustedDeviceId,
}

/// Trust a device no more
#[utoipa::path(delete, path = "/auth/me/trusted-devices/{id}", tag = "auth",
    params(("id" = i32, Path, description = "the device's id")),
    responses(
        (status = 200, body = Distrusted),
        (status = 400, description = "`invalid_device_id`"),
        (status = 404, description = "`device_not_found`"),
    ))]
async fn distrust_device(
    State(identity): State<Identity>,
    caller: Caller,
    Path(id): Path<Ref<TrustedDeviceId>>,
) -> Result<Json<Distrusted>> {
    let id = id.id()?;
    distrust_own(&identity, &caller, id).await?;
    Ok(Json(Distrusted { status: "device_distrusted", id }))
}

/// The devices are trusted no more.
#[derive(Debug, Serialize, ToSchema)]
struct AllDistrusted {
    #[schema(example = "devices_distrusted")]
    status: &'static str,
    /// How many.
    #[schema(example = 2)]
    distrusted: u64,
}

/// Trust no device any more
#[utoipa::path(delete, path = "/auth/me/trusted-devices", tag = "auth", responses((status = 200, body = AllDistrusted)))]
async fn distrust_devices(State(identity): State<Identity>, caller: Caller) -> Result<Json<AllDistrusted>> {
    let mut tx = caller.begin(&identity).await?;
    let distrusted = distrust_all(&mut tx, caller.person).await?;
    tx.commit([]).await?;
    Ok(Json(AllDistrusted { status: "devices_distrusted", distrusted }))
}
