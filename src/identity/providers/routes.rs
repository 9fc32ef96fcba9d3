use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::sealed::Sealed;
use super::store::{self, Row};
use super::{NewProvider, Provider, ProviderChange, add, change, remove};
use crate::base::error::Result;
use crate::base::id::{ProviderId, Ref};
use crate::base::patch::Patch;
use crate::gate::idempotency::once;
use crate::gate::permission::{ReadUsers, WriteUsers};
use crate::gate::{Can, LockScope};
use crate::identity::Identity;
use crate::platform::http::{IfMatch, Json, Page, PageQuery, Path, Routes, Tagged, tagged};

/// `/providers`.
pub fn routes() -> Routes<Identity> {
    Routes::new().routes(once(routes!(list_providers, add_provider))).routes(tagged(routes!(
        get_provider,
        patch_provider,
        delete_provider
    )))
}

/// List identity providers
///
/// Where people have accounts by which they log in here. Never includes secrets.
#[utoipa::path(get, path = "/providers", tag = "providers", params(PageQuery),
    responses((status = 200, body = Vec<Provider>)))]
async fn list_providers(State(identity): State<Identity>, _: Can<ReadUsers>, page: Page) -> Result<Response> {
    let rows = store::list(&mut *identity.db.read().await?, &page).await?;
    let own = identity.foreign.own_issuer();
    let shown = rows.into_iter().map(|row| row.shown(own)).collect::<Vec<_>>();
    Ok(page.respond(shown, |provider| provider.id.0))
}

/// Add an identity provider
///
/// From now on the login page offers it. It can let people in: so you need `users:write` and `grants:write` everywhere, and must
/// hold what of Portero's own permissions anybody holds there. At most 50.
#[utoipa::path(post, path = "/providers", tag = "providers", request_body = NewProvider,
    responses(
        (status = 201, body = Provider),
        (status = 400, description = "`invalid_group_id`"),
        (status = 404, description = "`group_not_found`"),
        (status = 409, description = "`provider_exists`, `too_many_providers`"),
    ))]
async fn add_provider(
    State(identity): State<Identity>,
    by: Can<WriteUsers>,
    Json(new): Json<NewProvider>,
) -> Result<(StatusCode, Json<Provider>)> {
    let secret = match &new.client_secret {
        Some(secret) => Some(Sealed::seal(&identity, new.name.as_str(), secret.as_bytes()).await?),
        None => None,
    };
    let mut tx = by.begin(&identity, LockScope::default()).await?;
    by.end_of_what_is_made(&mut tx, Some(None)).await?;
    let made = add(&identity, &mut tx, &new, secret).await?;
    tx.commit([]).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

async fn named(identity: &Identity, provider: &Ref<ProviderId>) -> Result<Row> {
    store::find(&mut *identity.db.read().await?, provider).await?.ok_or_else(|| provider.absent())
}

/// Get an identity provider
#[utoipa::path(get, path = "/providers/{provider}", tag = "providers",
    params(("provider" = String, Path, description = "id or name", example = "google")),
    responses(
        (status = 200, body = Provider),
        (status = 400, description = "`invalid_provider_id`"),
        (status = 404, description = "`provider_not_found`"),
    ))]
async fn get_provider(
    State(identity): State<Identity>,
    _: Can<ReadUsers>,
    Path(provider): Path<Ref<ProviderId>>,
) -> Result<Tagged<Provider>> {
    Tagged::whole(named(&identity, &provider).await?.shown(identity.foreign.own_issuer()))
}

/// Change an identity provider
///
/// Counts from the next login on, on every instance. Its name, its kind and its issuer stay: links are by these. You need what
/// it takes to add one.
#[utoipa::path(patch, path = "/providers/{provider}", tag = "providers",
    params(("provider" = String, Path, description = "id or name", example = "google")),
    request_body = ProviderChange,
    responses(
        (status = 200, body = Provider),
        (status = 400, description = "`invalid_provider_id`, `invalid_group_id`"),
        (status = 404, description = "`provider_not_found`, `group_not_found`"),
    ))]
async fn patch_provider(
    State(identity): State<Identity>,
    by: Can<WriteUsers>,
    Path(provider): Path<Ref<ProviderId>>,
    if_match: IfMatch,
    Json(wanted): Json<ProviderChange>,
) -> Result<Tagged<Provider>> {
    let row = named(&identity, &provider).await?;
    wanted.must_change_something()?;
    let secret = match &wanted.client_secret {
        Patch::Keep => Patch::Keep,
        Patch::Clear => Patch::Clear,
        Patch::Set(secret) => Patch::Set(Sealed::seal(&identity, &row.stored.name, secret.as_bytes()).await?),
    };
    let mut tx = by.begin(&identity, LockScope::default()).await?;
    by.end_of_what_is_made(&mut tx, Some(None)).await?;
    let changed = change(&identity, &mut tx, row.id, (&wanted, secret), Some(&if_match)).await?;
    tx.commit([]).await?;
    Ok(changed)
}

/// The provider is gone.
#[derive(Debug, Serialize, ToSchema)]
struct ProviderRemoved {
    #[schema(example = "provider_removed")]
    status: &'static str,
    provider_id: ProviderId,
}

/// Remove an identity provider
///
/// All links to accounts there go with it, and sessions that began there end. Who has no other way in asks for a new password.
#[utoipa::path(delete, path = "/providers/{provider}", tag = "providers",
    params(("provider" = String, Path, description = "id or name", example = "google")),
    responses(
        (status = 200, body = ProviderRemoved),
        (status = 400, description = "`invalid_provider_id`"),
        (status = 404, description = "`provider_not_found`"),
    ))]
async fn delete_provider(
    State(identity): State<Identity>,
    by: Can<WriteUsers>,
    Path(provider): Path<Ref<ProviderId>>,
    if_match: IfMatch,
) -> Result<Json<ProviderRemoved>> {
    let row = named(&identity, &provider).await?;
    let mut tx = by.begin(&identity, LockScope::default()).await?;
    remove(&identity, &mut tx, row.id, Some(&if_match)).await?;
    tx.commit([]).await?;
    Ok(Json(ProviderRemoved { status: "provider_removed", provider_id: row.id }))
}
