//! The table `auth.services`.

use sqlx::PgConnection;

use super::{ClaimNames, NewService, Service, ServiceChange, ServiceName};
use crate::base::error::{Error, OnConstraint, Result};
use crate::base::id::{Id, ServiceId};
use crate::base::made::Made;
use crate::base::names::{self, Description};
use crate::platform::http::{ETag, Page, Tagged, Total};

/// One page of services, Portero itself left out.
pub async fn list(conn: &mut PgConnection, page: &Page) -> Result<Vec<Service>> {
    Total::rows(conn, page, |page| {
        sqlx::query_as!(
            Service,
            r#"
            select id as "id: ServiceId", name, description, claims
            from auth.services
            where removed_at is null
              and id > greatest($1, 0)
              and ($2::text is null or auth.fold(name) ^@ $2)
            order by id
            limit $3
            "#,
            page.after(0),
            page.prefix(),
            page.fetch(),
        )
    })
    .await
}

/// 404 where there is none.
pub async fn get(conn: &mut PgConnection, id: ServiceId) -> Result<Service> {
    sqlx::query_as!(
        Service,
        r#"select id as "id: ServiceId", name, description, claims from auth.services where id = $1 and removed_at is null"#,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or_else(ServiceId::not_found)
}

/// Likewise, with the tag of its state.
pub async fn tagged(conn: &mut PgConnection, id: ServiceId) -> Result<Tagged<Service>> {
    let row = sqlx::query!(
        r#"
        select name, description, claims, updated_at
        from auth.services
        where id = $1 and removed_at is null
        "#,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or_else(ServiceId::not_found)?;
    let shown = Service { id, name: row.name, description: row.description, claims: row.claims };
    Ok(Tagged { etag: ETag::of(&(&shown, row.updated_at))?, shown })
}

/// Registers a service, or answers the one that stands. 409 when that one has another description, or other claims, than is asked
/// for.
pub async fn ensure(conn: &mut PgConnection, new: &NewService) -> Result<Made<Service>> {
    let description = new.description.as_ref().map(Description::as_str);
    let claims = new.claims.as_ref().map(ClaimNames::texts);
    // The second statement misses only a row that is deleted between the two: then the first one's turn has come.
    loop {
        let made = sqlx::query_as!(
            Service,
            r#"
            insert into auth.services (name, description, claims)
            values ($1, $2, coalesce($3::text[], '{}'))
            on conflict do nothing
            returning id as "id: ServiceId", name, description, claims
            "#,
            new.name.as_str(),
            description,
            claims.as_deref(),
        )
        .fetch_optional(&mut *conn)
        .await?;
        if let Some(made) = made {
            return Ok(Made::New(made));
        }
        let standing = sqlx::query_as!(
            Service,
            r#"
            select id as "id: ServiceId", name, description, claims
            from auth.services
            where name = $1 and removed_at is null
            "#,
            new.name.as_str(),
        )
        .fetch_optional(&mut *conn)
        .await?;
        match standing {
            // Portero itself is nobody's to register.
            Some(standing) if standing.id == ServiceId::PORTERO => return Err(exists()),
            Some(standing) if claims.as_ref().is_some_and(|claims| *claims != standing.claims) => return Err(exists()),
            Some(standing) => {
                return Made::standing(standing, |there| there.description.as_deref(), description, exists());
            }
            None => must_have_no_twin(&mut *conn, &new.name).await?,
        }
    }
}

/// Changes name, description or claims. The unique index decides whether the name is free.
pub async fn update(conn: &mut PgConnection, id: ServiceId, change: &ServiceChange) -> Result<()> {
    let claims = change.claims.value().map(ClaimNames::texts);
    let updated = sqlx::query!(
        r#"
        update auth.services
        set name = coalesce($2, name),
            description = case when $4 then description else $3 end,
            claims = case when $6 then claims else coalesce($5::text[], '{}') end,
            updated_at = now()
        where id = $1 and removed_at is null
        "#,
        id.0,
        change.name.as_ref().map(ServiceName::as_str),
        change.description.value().map(Description::as_str),
        change.description.keeps(),
        claims.as_deref(),
        change.claims.keeps(),
    )
    .execute(conn)
    .await
    .on_constraint("services_name_key", exists())
    .on_constraint("services_name_folded_key", twin())?;
    if updated.rows_affected() == 0 { Err(ServiceId::not_found()) } else { Ok(()) }
}

/// Takes a service out of every answer; the trigger `services_end` takes its roles from everybody.
pub async fn remove(conn: &mut PgConnection, id: ServiceId) -> Result<()> {
    let removed = sqlx::query!(
        "update auth.services set removed_at = now(), updated_at = now() where id = $1 and removed_at is null",
        id.0,
    )
    .execute(conn)
    .await?;
    if removed.rows_affected() == 0 { Err(ServiceId::not_found()) } else { Ok(()) }
}

async fn must_have_no_twin(conn: &mut PgConnection, name: &ServiceName) -> Result<()> {
    let has_twin = sqlx::query_scalar!(
        r#"
        select exists (
            select from auth.services
            where auth.fold(name) = $1 and name <> $2 and removed_at is null
        ) as "has_twin!"
        "#,
        names::fold(name.as_str()),
        name.as_str(),
    )
    .fetch_one(conn)
    .await?;
    if has_twin { Err(twin()) } else { Ok(()) }
}

/// 409: the name is taken but for its case.
fn twin() -> Error {
    names::twin("service_exists", "service")
}

/// 409: the name is taken by a service that differs.
fn exists() -> Error {
    Error::conflict("service_exists", "another service has that name; choose another, or use that one")
}
