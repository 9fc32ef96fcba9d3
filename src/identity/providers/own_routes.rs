use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::store::links;
use super::{LinkedAccount, unlink};
use crate::base::error::Result;
use crate::base::id::{ProviderLinkId, Ref};
use crate::gate::Caller;
use crate::identity::Identity;
use crate::identity::login::must_be_fresh;
use crate::platform::http::{Json, Path, Route, Routes};

/// `/auth/me/providers`.
pub fn own_routes() -> Routes<Identity> {
    Routes::new()
        .routes(Route::from(routes!(list_linked_accounts)).for_anyone())
        .routes(Route::from(routes!(unlink_account)).for_anyone())
}

/// List your linked accounts
///
/// The accounts at other identity providers by which you log in, at most 20. You link one on a page, where you are sent to the
/// provider.
#[utoipa::path(get, path = "/auth/me/providers", tag = "auth", responses((status = 200, body = Vec<LinkedAccount>)))]
async fn list_linked_accounts(State(identity): State<Identity>, caller: Caller) -> Result<Json<Vec<LinkedAccount>>> {
    Ok(Json(links::list(&mut *identity.db.read().await?, caller.person).await?))
}

/// The account is linked no longer.
#[derive(Debug, Serialize, ToSchema)]
struct AccountUnlinked {
    #[schema(example = "account_unlinked")]
    status: &'static str,
    id: ProviderLinkId,
}

/// Unlink an account
///
/// Never the last way in. It takes a login of the last 15 minutes. Sessions that began by the account end, but for this one.
#[utoipa::path(delete, path = "/auth/me/providers/{id}", tag = "auth",
    params(("id" = i32, Path, description = "the link's id")),
    responses(
        (status = 200, body = AccountUnlinked),
        (status = 400, description = "`invalid_linked_account_id`"),
        (status = 403, description = "`reauthentication_required`"),
        (status = 404, description = "`linked_account_not_found`"),
        (status = 409, description = "`last_way_in`"),
    ))]
async fn unlink_account(
    State(identity): State<Identity>,
    caller: Caller,
    Path(id): Path<Ref<ProviderLinkId>>,
) -> Result<Json<AccountUnlinked>> {
    let id = id.id()?;
    let mut tx = caller.begin(&identity).await?;
    let now = tx.by().now;
    must_be_fresh(&mut tx, &caller, now).await?;
    unlink(&mut tx, &identity, (caller.person, id), caller.token).await?;
    tx.commit([]).await?;
    identity.mailer.wake();
    Ok(Json(AccountUnlinked { status: "account_unlinked", id }))
}
