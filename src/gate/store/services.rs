//! Services, looked up and locked.

use sqlx::PgConnection;

use crate::base::error::Result;
use crate::base::id::{Id, PersonId, Ref, ServiceId};

/// The id of the service that a caller named.
pub async fn resolve(conn: &mut PgConnection, service: &Ref<ServiceId>) -> Result<ServiceId> {
    find(conn, service).await?.ok_or_else(|| service.absent())
}

/// Likewise, if there is one.
pub async fn find(conn: &mut PgConnection, service: &Ref<ServiceId>) -> Result<Option<ServiceId>> {
    let (id, name) = service.key();
    let found = sqlx::query_scalar!(
        r#"select id as "id: ServiceId" from auth.services where (id = $1 or name = $2) and removed_at is null"#,
        id.map(|id| id.0),
        name,
    );
    Ok(found.fetch_optional(conn).await?)
}

/// Keeps the service from being deleted until this transaction ends.
pub async fn hold(conn: &mut PgConnection, id: ServiceId) -> Result<()> {
    sqlx::query_scalar!("select id from auth.services where id = $1 and removed_at is null for share", id.0)
        .fetch_optional(conn)
        .await?
        .map(|_| ())
        .ok_or_else(ServiceId::not_found)
}

/// Keeps the service from any change by others until this transaction ends.
pub async fn lock(conn: &mut PgConnection, id: ServiceId) -> Result<()> {
    sqlx::query_scalar!("select id from auth.services where id = $1 and removed_at is null for no key update", id.0)
        .fetch_optional(conn)
        .await?
        .map(|_| ())
        .ok_or_else(ServiceId::not_found)
}

/// The subjects that clients of a service are: they end with it, and are locked before it.
pub async fn subjects_of_clients(conn: &mut PgConnection, id: ServiceId) -> Result<Vec<PersonId>> {
    let subjects = sqlx::query_scalar!(
        r#"
        select p.id as "id: PersonId"
        from auth.clients c
        join auth.person p on p.client_id = c.id and p.removed_at is null
        where c.service_id = $1 and c.removed_at is null
        order by p.id
        "#,
        id.0,
    );
    Ok(subjects.fetch_all(conn).await?)
}
