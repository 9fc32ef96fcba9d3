use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::terms::Keys;
use super::{IssuerChange, NewIssuer, TrustedIssuer, change, distrust, store, trust};
use crate::base::error::Result;
use crate::base::id::{Id, IssuerId, Ref, ServiceId};
use crate::gate::idempotency::once;
use crate::gate::permission::{ReadServices, WriteServices};
use crate::gate::{Holds, LockScope};
use crate::identity::Identity;
use crate::platform::http::{IfMatch, Json, Page, PageQuery, Path, Routes, Tagged, tagged};

/// `/services/{service}/issuers`.
pub fn routes() -> Routes<Identity> {
    Routes::new().routes(once(routes!(list_issuers, add_issuer))).routes(tagged(routes!(
        get_issuer,
        patch_issuer,
        delete_issuer
    )))
}

/// List trusted issuers
///
/// The issuers whose tokens the service takes. Never includes their secrets.
#[utoipa::path(get, path = "/services/{service}/issuers", tag = "issuers",
    params(("service" = String, Path, description = "id or name", example = "4"), PageQuery),
    responses(
        (status = 200, body = Vec<TrustedIssuer>),
        (status = 400, description = "`invalid_service_id`"),
        (status = 404, description = "`service_not_found`"),
    ))]
async fn list_issuers(
    State(identity): State<Identity>,
    by: Holds<ReadServices>,
    Path(service): Path<Ref<ServiceId>>,
    page: Page,
) -> Result<Response> {
    let mut conn = identity.db.read().await?;
    let (service, _) = by.resolve_within(&mut conn, &service).await?;
    let issuers = store::list(&mut conn, service, &page).await?;
    Ok(page.respond(issuers, |issuer| issuer.id.0))
}

/// Trust an issuer
///
/// From now on `POST /check-token`, `POST /check-tokens` and decisions take its JWTs for people, in this service and nowhere else.
/// It can speak for everybody there: so you need `users:write` everywhere and `grants:write` there, too, and must hold what of
/// Portero's own permissions anybody holds there. At most 20 issuers per service.
#[utoipa::path(post, path = "/services/{service}/issuers", tag = "issuers",
    params(("service" = String, Path, description = "id or name", example = "4")),
    request_body = NewIssuer,
    responses(
        (status = 201, body = TrustedIssuer),
        (status = 400, description = "`invalid_service_id`"),
        (status = 404, description = "`service_not_found`"),
        (status = 409, description = "`built_in`, `issuer_exists`, `too_many_issuers`"),
    ))]
async fn add_issuer(
    State(identity): State<Identity>,
    by: Holds<WriteServices>,
    Path(service): Path<Ref<ServiceId>>,
    Json(new): Json<NewIssuer>,
) -> Result<(StatusCode, Json<TrustedIssuer>)> {
    let (service, by) = by.resolve_within(&mut *identity.db.read().await?, &service).await?;
    let named = (new.secret.as_ref(), new.jwks.as_ref(), new.jwks_uri.as_deref());
    let keys = Keys::read(&identity, service, named).await?;
    let mut tx = by.begin(&identity, LockScope::default()).await?;
    by.end_of_what_is_made(&mut tx, Some(None)).await?;
    let made = trust(&identity, &mut tx, service, (&new, keys)).await?;
    tx.commit([]).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Get a trusted issuer
#[utoipa::path(get, path = "/services/{service}/issuers/{issuer_id}", tag = "issuers",
    params(
        ("service" = String, Path, description = "id or name", example = "4"),
        ("issuer_id" = i32, Path, description = "the trusted issuer's id"),
    ),
    responses(
        (status = 200, body = TrustedIssuer),
        (status = 400, description = "`invalid_service_id`, `invalid_issuer_id`"),
        (status = 404, description = "`service_not_found`, `issuer_not_found`"),
    ))]
async fn get_issuer(
    State(identity): State<Identity>,
    by: Holds<ReadServices>,
    Path((service, issuer)): Path<(Ref<ServiceId>, Ref<IssuerId>)>,
) -> Result<Tagged<TrustedIssuer>> {
    let mut conn = identity.db.read().await?;
    let (service, _) = by.resolve_within(&mut conn, &service).await?;
    let found = store::find(&mut conn, service, issuer.id()?).await?;
    Tagged::whole(found.ok_or_else(IssuerId::not_found)?)
}

/// Change a trusted issuer
///
/// Counts from the very next check on, on every instance. You need what it takes to trust one.
#[utoipa::path(patch, path = "/services/{service}/issuers/{issuer_id}", tag = "issuers",
    params(
        ("service" = String, Path, description = "id or name", example = "4"),
        ("issuer_id" = i32, Path, description = "the trusted issuer's id"),
    ),
    request_body = IssuerChange,
    responses(
        (status = 200, body = TrustedIssuer),
        (status = 400, description = "`invalid_service_id`, `invalid_issuer_id`"),
        (status = 404, description = "`service_not_found`, `issuer_not_found`"),
        (status = 409, description = "`issuer_exists`"),
    ))]
async fn patch_issuer(
    State(identity): State<Identity>,
    by: Holds<WriteServices>,
    Path((service, issuer)): Path<(Ref<ServiceId>, Ref<IssuerId>)>,
    if_match: IfMatch,
    Json(wanted): Json<IssuerChange>,
) -> Result<Tagged<TrustedIssuer>> {
    let (service, by) = by.resolve_within(&mut *identity.db.read().await?, &service).await?;
    let id = issuer.id()?;
    wanted.must_change_something()?;
    let named = (wanted.secret.as_ref(), wanted.jwks.as_ref(), wanted.jwks_uri.as_deref());
    let keys = Keys::read(&identity, service, named).await?;
    let mut tx = by.begin(&identity, LockScope::default()).await?;
    by.end_of_what_is_made(&mut tx, Some(None)).await?;
    let changed = change(&identity, &mut tx, (service, id), (&wanted, keys), Some(&if_match)).await?;
    tx.commit([]).await?;
    Ok(changed)
}

/// The issuer is trusted no longer.
#[derive(Debug, Serialize, ToSchema)]
struct IssuerRemoved {
    #[schema(example = "issuer_removed")]
    status: &'static str,
    service_id: ServiceId,
    issuer_id: IssuerId,
}

/// Stop trusting an issuer
///
/// Its tokens are refused in the very next check, on every instance.
#[utoipa::path(delete, path = "/services/{service}/issuers/{issuer_id}", tag = "issuers",
    params(
        ("service" = String, Path, description = "id or name", example = "4"),
        ("issuer_id" = i32, Path, description = "the trusted issuer's id"),
    ),
    responses(
        (status = 200, body = IssuerRemoved),
        (status = 400, description = "`invalid_service_id`, `invalid_issuer_id`"),
        (status = 404, description = "`service_not_found`, `issuer_not_found`"),
    ))]
async fn delete_issuer(
    State(identity): State<Identity>,
    by: Holds<WriteServices>,
    Path((service, issuer)): Path<(Ref<ServiceId>, Ref<IssuerId>)>,
    if_match: IfMatch,
) -> Result<Json<IssuerRemoved>> {
    let (service, by) = by.resolve_within(&mut *identity.db.read().await?, &service).await?;
    let issuer_id = issuer.id()?;
    let mut tx = by.begin(&identity, LockScope::default()).await?;
    distrust(&mut tx, (service, issuer_id), Some(&if_match)).await?;
    tx.commit([]).await?;
    Ok(Json(IssuerRemoved { status: "issuer_removed", service_id: service, issuer_id }))
}
