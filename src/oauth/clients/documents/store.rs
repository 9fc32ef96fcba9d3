//! Clients of documents among the others in `auth.clients`.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::{ClientId, ServiceId};

/// The document of a client was read, and is to be read again at `expires_at`.
pub async fn keep(conn: &mut PgConnection, client: ClientId, expires_at: OffsetDateTime) -> Result<()> {
    sqlx::query!("update auth.clients set document_expires_at = $2 where id = $1", client.0, expires_at)
        .execute(conn)
        .await?;
    Ok(())
}

/// Forgets the one that has not been asked for the longest of those that do nothing for anybody, where a service has `most`
/// clients of documents; answers which.
pub async fn make_room(conn: &mut PgConnection, service: ServiceId, most: i64) -> Result<Option<String>> {
    let forgotten = sqlx::query_scalar!(
        r#"
        delete from auth.clients
        where id = (
            select c.id
            from auth.clients c
            where c.service_id = $1 and c.removed_at is null and c.document_expires_at is not null
              and not exists (select from auth.authorizations a where a.client_id = c.id)
              and not exists (select from auth.consents k where k.client_id = c.id)
            order by c.document_expires_at, c.id
            limit 1
            for update skip locked
        )
          and (
              select count(*)
              from auth.clients
              where service_id = $1 and removed_at is null and starts_with(client_id, 'https://')
          ) >= $2
        returning client_id
        "#,
        service.0,
        most,
    );
    Ok(forgotten.fetch_optional(conn).await?)
}
