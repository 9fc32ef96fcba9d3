use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{FactorOfUser, reauthentication_required, remove_all, store};
use crate::base::error::Result;
use crate::base::id::{PersonId, Ref};
use crate::gate::permission::{ReadUsers, WriteUsers};
use crate::gate::{Can, LockScope};
use crate::identity::Identity;
use crate::identity::people;
use crate::platform::http::{Json, Page, PageQuery, Path, Routes};

/// `/users/{id}/factors`.
pub fn user_routes() -> Routes<Identity> {
    Routes::new().routes(routes!(list_factors_of_user, remove_factors_of_user))
}

/// List a person's second factors
///
/// Their passkeys, the latest first, then their authenticators; never a key, or what they share with Portero. Ids are those of their type: for the next page follow
/// `Link`.
#[utoipa::path(get, path = "/users/{id}/factors", tag = "users",
    params(("id" = i32, Path, description = "the person's id"), PageQuery),
    responses(
        (status = 200, body = Vec<FactorOfUser>),
        (status = 400, description = "`invalid_user_id`"),
        (status = 404, description = "`user_not_found`"),
    ))]
async fn list_factors_of_user(
    State(identity): State<Identity>,
    _: Can<ReadUsers>,
    Path(id): Path<Ref<PersonId>>,
    page: Page,
) -> Result<Response> {
    let mut conn = identity.db.read().await?;
    let person = people::store::get(&mut conn, id.id()?).await?;
    let factors = store::list_all(&mut conn, person.id, &page).await?;
    Ok(page.respond(factors, |factor| factor.place))
}

/// The factors were removed.
#[derive(Debug, Serialize, ToSchema)]
struct FactorsRemoved {
    #[schema(example = "factors_removed")]
    status: &'static str,
    id: PersonId,
    /// How many.
    #[schema(example = 1)]
    removed: u64,
}

/// Remove a person's second factors
///
/// All of them, with their passkeys, recovery codes and trusted devices: for who has lost them. They hear of it by mail. From then on their password is enough,
/// so you must hold what they hold, as for a new password. Your own you remove at `/auth/me/factors`.
#[utoipa::path(delete, path = "/users/{id}/factors", tag = "users",
    params(("id" = i32, Path, description = "the person's id")),
    responses(
        (status = 200, body = FactorsRemoved),
        (status = 400, description = "`invalid_user_id`"),
        (status = 403, description = "`api_key_not_allowed`, `reauthentication_required`"),
        (status = 404, description = "`user_not_found`"),
    ))]
async fn remove_factors_of_user(
    State(identity): State<Identity>,
    by: Can<WriteUsers>,
    Path(id): Path<Ref<PersonId>>,
) -> Result<Json<FactorsRemoved>> {
    by.must_be_logged_in()?;
    let id = id.id()?;
    if id == by.actor {
        return Err(reauthentication_required(
            "your own second factors you remove at DELETE /auth/me/factors/{id}, shortly after a login with one of them",
        ));
    }
    let mut tx = by.begin(&identity, LockScope::person(id)).await?;
    let removed = remove_all(&mut tx, &identity, id).await?;
    tx.commit([]).await?;
    identity.mailer.wake();
    Ok(Json(FactorsRemoved { status: "factors_removed", id, removed }))
}
