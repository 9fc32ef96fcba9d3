use axum::extract::State;
use utoipa_axum::routes;

use super::{PolicySettings, PolicySettingsChange, settings, settle};
use crate::access::Access;
use crate::base::error::{Error, Result};
use crate::base::id::{Ref, ServiceId};
use crate::gate::permission::{ReadServices, WriteServices};
use crate::gate::{Holds, LockScope};
use crate::platform::http::{IfMatch, Json, Path, Routes, Tagged, tagged};

/// `/services/{service}/policy-settings`.
pub fn routes() -> Routes<Access> {
    Routes::new().routes(tagged(routes!(get_policy_settings, patch_policy_settings)))
}

/// Get what decides in a service
#[utoipa::path(get, path = "/services/{service}/policy-settings", tag = "policies",
    params(("service" = String, Path, description = "id or name", example = "4")),
    responses(
        (status = 200, body = PolicySettings),
        (status = 400, description = "`invalid_service_id`"),
        (status = 404, description = "`service_not_found`"),
    ))]
async fn get_policy_settings(
    State(access): State<Access>,
    by: Holds<ReadServices>,
    Path(service): Path<Ref<ServiceId>>,
) -> Result<Tagged<PolicySettings>> {
    let mut conn = access.db.read().await?;
    let (service, _) = by.resolve_within(&mut conn, &service).await?;
    settings(&mut conn, service).await
}

/// Change what decides in a service
///
/// When policies begin to decide in a service that has none, it gets three: policies (`auth_policies`) and people (`auth_users`) are for
/// administrators, and everything else is for whom it belongs to (`user_id = auth_user.id`).
#[utoipa::path(patch, path = "/services/{service}/policy-settings", tag = "policies",
    params(("service" = String, Path, description = "id or name", example = "4")),
    request_body = PolicySettingsChange,
    responses(
        (status = 200, body = PolicySettings),
        (status = 400, description = "`invalid_service_id`"),
        (status = 404, description = "`service_not_found`"),
        (status = 409, description = "`built_in`"),
    ))]
async fn patch_policy_settings(
    State(access): State<Access>,
    by: Holds<WriteServices>,
    Path(service): Path<Ref<ServiceId>>,
    if_match: IfMatch,
    Json(said): Json<PolicySettingsChange>,
) -> Result<Tagged<PolicySettings>> {
    if said.policies_decide.keeps() && said.permissions_decide.is_none() {
        return Err(Error::invalid_field("", "nothing to change: send `policies_decide` or `permissions_decide`"));
    }
    let (service, by) = by.resolve_within(&mut *access.db.read().await?, &service).await?;
    let mut tx = by.begin(&access, LockScope::default()).await?;
    let settled = settle(&mut tx, service, said, Some(&if_match)).await?;
    tx.commit([]).await?;
    Ok(settled)
}
