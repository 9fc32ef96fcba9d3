//! The tables `auth.service_roles` and `auth.person_service_role`, and the roles of direct grants.

mod direct;
mod expired;
mod gains;
mod holders;
mod lists;
pub mod of_groups;
pub mod on_resources;
mod pre_hijacking;
mod review;

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{GrantTerms, Granted, RequestedTerms};
use crate::base::error::{OnConstraint, Result};
use crate::base::id::{Id, PersonId, RoleId, ServiceId};
use crate::gate;
use crate::identity::mail::store::tokens::void_before_promotion;

pub use direct::{direct_standing, grant_direct, revoke_direct};
pub use expired::{is_any_expired, sweep};
pub use gains::{anothers_password_of, planted_for_newcomers};
pub use holders::holders;
pub use lists::{LastGrant, held, list, offered, services_of};
pub use pre_hijacking::{PlantedFor, anothers_password, gives_porteros_own, planted_for_holders};
pub use review::{Selection, confirm, review};

/// Lets a service offer a role; twice is safe. Answers whether it had not offered it.
pub async fn offer(conn: &mut PgConnection, service: ServiceId, role: RoleId) -> Result<bool> {
    gate::store::services::hold(conn, service).await?;
    loop {
        let made = sqlx::query!(
            "insert into auth.service_roles (service_id, role_id) values ($1, $2) on conflict do nothing",
            service.0,
            role.0,
        )
        .execute(&mut *conn)
        .await
        .on_constraint("service_roles_role_fkey", RoleId::not_found())?;
        // Somebody may be taking the one that stands out of the service: then it is for us to make it again.
        let stands = sqlx::query_scalar!(
            "select service_id from auth.service_roles where service_id = $1 and role_id = $2 for key share",
            service.0,
            role.0,
        )
        .fetch_optional(&mut *conn)
        .await?;
        if stands.is_some() {
            return Ok(made.rows_affected() == 1);
        }
    }
}

/// Keeps everybody from giving a role in a service, or changing for how long, until this transaction ends.
pub async fn lock_offer(conn: &mut PgConnection, service: ServiceId, role: RoleId) -> Result<()> {
    sqlx::query_scalar!(
        "select service_id from auth.service_roles where service_id = $1 and role_id = $2 for update",
        service.0,
        role.0,
    )
    .fetch_optional(conn)
    .await?;
    Ok(())
}

/// Takes a role out of a service, and from everybody who holds it there; twice is safe. Answers whether it was offered.
pub async fn withdraw(conn: &mut PgConnection, service: ServiceId, role: RoleId) -> Result<bool> {
    let withdrawn =
        sqlx::query!("delete from auth.service_roles where service_id = $1 and role_id = $2", service.0, role.0)
            .execute(conn)
            .await?;
    Ok(withdrawn.rows_affected() == 1)
}

/// The terms on which a person holds a role in a service at `now`.
pub async fn current_terms(
    conn: &mut PgConnection,
    person: PersonId,
    service: ServiceId,
    role: RoleId,
    now: OffsetDateTime,
) -> Result<Option<GrantTerms>> {
    let current = sqlx::query_as!(
        GrantTerms,
        r#"
        select expires_at, reason
        from auth.person_service_role
        where person_id = $1 and service_id = $2 and role_id = $3 and auth.lasts(expires_at, $4)
        "#,
        person.0,
        service.0,
        role.0,
        now,
    )
    .fetch_optional(conn)
    .await?;
    Ok(current)
}

/// Whether a person holds anything in a service, or on one of its resources, at `now`.
pub async fn holds_anything(
    conn: &mut PgConnection,
    person: PersonId,
    service: ServiceId,
    now: OffsetDateTime,
) -> Result<bool> {
    let holds = sqlx::query_scalar!(
        r#"
        select exists (
            select from auth.roles_at($3) held where held.person_id = $1 and held.service_id = $2
        ) or exists (
            select from auth.roles_on_resources_at($3) held where held.person_id = $1 and held.service_id = $2
        ) as "holds!"
        "#,
        person.0,
        service.0,
        now,
    )
    .fetch_one(conn)
    .await?;
    Ok(holds)
}

/// Gives a person a role in a service, which offers it from then on, or changes the terms on which they hold it. Twice
/// is safe.
pub async fn grant(
    conn: &mut PgConnection,
    person: PersonId,
    service: ServiceId,
    role: RoleId,
    terms: &RequestedTerms,
) -> Result<Granted> {
    gate::store::people::must_be_here(conn, person).await?;
    offer(conn, service, role).await?;
    loop {
        let found = sqlx::query_as!(
            GrantTerms,
            r#"
            select expires_at, reason
            from auth.person_service_role
            where person_id = $1 and service_id = $2 and role_id = $3
            for no key update
            "#,
            person.0,
            service.0,
            role.0,
        )
        .fetch_optional(&mut *conn)
        .await?;
        match found {
            Some(over) if over.is_over(terms.now) => {
                give_anew(conn, person, service, role, terms).await?;
                void_before_promotion(conn, person, role).await?;
                return Ok(Granted::Added { over: Some(over), now: terms.anew() });
            }
            Some(before) => return change(conn, person, service, role, before, terms).await,
            None if insert(conn, person, service, role, terms).await? => {
                void_before_promotion(conn, person, role).await?;
                return Ok(Granted::Added { over: None, now: terms.anew() });
            }
            // Somebody gives it at this very moment: then it stands.
            None => {}
        }
    }
}

async fn insert(
    conn: &mut PgConnection,
    person: PersonId,
    service: ServiceId,
    role: RoleId,
    terms: &RequestedTerms,
) -> Result<bool> {
    let inserted = sqlx::query!(
        r#"
        insert into auth.person_service_role
            (person_id, service_id, role_id, created_at, expires_at, reason, granted_by)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict do nothing
        "#,
        person.0,
        service.0,
        role.0,
        terms.now,
        terms.anew().expires_at,
        terms.anew().reason,
        terms.by.map(|by| by.0),
    )
    .execute(conn)
    .await
    .on_constraint("person_service_role_offer_fkey", RoleId::not_found())?;
    Ok(inserted.rows_affected() == 1)
}

/// What is over and was not swept up yet makes room for a new grant.
async fn give_anew(
    conn: &mut PgConnection,
    person: PersonId,
    service: ServiceId,
    role: RoleId,
    terms: &RequestedTerms,
) -> Result<()> {
    sqlx::query!(
        r#"
        update auth.person_service_role
        set created_at = $4, expires_at = $5, reason = $6, granted_by = $7, confirmed_at = null, confirmed_by = null
        where person_id = $1 and service_id = $2 and role_id = $3
        "#,
        person.0,
        service.0,
        role.0,
        terms.now,
        terms.anew().expires_at,
        terms.anew().reason,
        terms.by.map(|by| by.0),
    )
    .execute(conn)
    .await?;
    Ok(())
}

async fn change(
    conn: &mut PgConnection,
    person: PersonId,
    service: ServiceId,
    role: RoleId,
    before: GrantTerms,
    terms: &RequestedTerms,
) -> Result<Granted> {
    let after = terms.over(&before);
    if after == before {
        return Ok(Granted::Unchanged);
    }
    sqlx::query!(
        r#"
        update auth.person_service_role
        set expires_at = $4, reason = $5
        where person_id = $1 and service_id = $2 and role_id = $3
        "#,
        person.0,
        service.0,
        role.0,
        after.expires_at,
        after.reason,
    )
    .execute(conn)
    .await?;
    Ok(Granted::Changed { before, after })
}

/// Takes a role in a service from a person; twice is safe. Answers on which terms they had held it at `now`.
pub async fn revoke(
    conn: &mut PgConnection,
    person: PersonId,
    service: ServiceId,
    role: RoleId,
    now: OffsetDateTime,
) -> Result<Option<GrantTerms>> {
    let revoked = sqlx::query_as!(
        GrantTerms,
        r#"
        delete from auth.person_service_role
        where person_id = $1 and service_id = $2 and role_id = $3 and auth.lasts(expires_at, $4)
        returning expires_at, reason
        "#,
        person.0,
        service.0,
        role.0,
        now,
    )
    .fetch_optional(conn)
    .await?;
    Ok(revoked)
}
