//! Portero's administrators: who holds the role Administrator in Portero itself.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::make_administrator;
use crate::access::grants::{Given, Grantable, Holder, Notice, Taken, store, take};
use crate::base::error::Result;
use crate::base::id::{PersonId, Ref, RoleId, ServiceId};
use crate::base::person::{Person, person_not_found};
use crate::gate;
use crate::gate::audit::AuditedTx;
use crate::gate::permission::{ReadGrants, WriteGrants};
use crate::gate::{Can, LockScope};
use crate::identity::Identity;
use crate::platform::http::{Json, Page, PageQuery, Path, Routes};

const PLACE: (ServiceId, RoleId) = (ServiceId::PORTERO, RoleId::ADMINISTRATOR);

/// `/administrators`.
pub fn administrator_routes() -> Routes<Identity> {
    Routes::new().routes(routes!(list_administrators)).routes(routes!(promote_administrator, demote_administrator))
}

/// List the administrators
#[utoipa::path(get, path = "/administrators", tag = "grants", params(PageQuery),
    responses((status = 200, body = Vec<Holder>)))]
async fn list_administrators(State(identity): State<Identity>, _: Can<ReadGrants>, page: Page) -> Result<Response> {
    let (service, role) = PLACE;
    let people = store::holders(&mut *identity.db.read().await?, service, role, &page, identity.clock.now()).await?;
    Ok(page.respond(people, |person| person.id.0))
}

/// The new administrator.
#[derive(Debug, Serialize, ToSchema)]
struct Promoted {
    #[serde(flatten)]
    person: Person,
    /// What the caller should know about the person. Only if there is something.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    notices: Vec<Notice>,
}

/// Make somebody an administrator
///
/// Makes the person a permanent administrator, removing any expiry. Only a permanent administrator may do this. Safe
/// to repeat.
#[utoipa::path(put, path = "/administrators/{person}", tag = "grants",
    params(("person" = String, Path, description = "id or username", example = "8")),
    responses(
        (status = 200, body = Promoted),
        (status = 404, description = "`person_not_found`"),
        (status = 409, description = "`password_set_by_another`"),
    ))]
async fn promote_administrator(
    State(identity): State<Identity>,
    by: Can<WriteGrants>,
    Path(person): Path<Ref<PersonId>>,
) -> Result<Json<Promoted>> {
    let (mut tx, person) = begin(&identity, &by, &person).await?;
    let Given { notices, .. } = make_administrator(&mut tx, person.id).await?;
    tx.commit([]).await?;
    Ok(Json(Promoted { person, notices }))
}

/// The person is no longer an administrator.
#[derive(Debug, Serialize, ToSchema)]
struct AdministratorDemoted {
    #[schema(example = "administrator_demoted")]
    status: &'static str,
    user_id: PersonId,
    /// False if the person was not an administrator.
    #[schema(example = true)]
    revoked: bool,
}

/// Remove an administrator
///
/// Only an administrator whose own role lasts at least as long may do this, and the last administrator stays. Takes
/// effect in the very next request. Safe to repeat.
#[utoipa::path(delete, path = "/administrators/{person}", tag = "grants",
    params(("person" = String, Path, description = "id or username", example = "8")),
    responses(
        (status = 200, body = AdministratorDemoted),
        (status = 404, description = "`person_not_found`"),
        (status = 409, description = "`last_administrator`"),
    ))]
async fn demote_administrator(
    State(identity): State<Identity>,
    by: Can<WriteGrants>,
    Path(person): Path<Ref<PersonId>>,
) -> Result<Json<AdministratorDemoted>> {
    let (mut tx, person) = begin(&identity, &by, &person).await?;
    let (service, role) = PLACE;
    let Taken { was_held: revoked, .. } = take(&mut tx, (person.id, service, Grantable::Role(role))).await?;
    tx.commit([]).await?;
    Ok(Json(AdministratorDemoted { status: "administrator_demoted", user_id: person.id, revoked }))
}

async fn begin(identity: &Identity, by: &Can<WriteGrants>, person: &Ref<PersonId>) -> Result<(AuditedTx, Person)> {
    let found = gate::store::people::find(&mut *identity.db.read().await?, person).await?;
    let person = found.ok_or_else(person_not_found)?;
    let (service, role) = PLACE;
    let tx = by.begin(identity, LockScope::grant(person.id, service, role)).await?;
    Ok((tx, person))
}
