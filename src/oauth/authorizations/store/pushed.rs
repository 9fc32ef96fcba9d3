//! The table `auth.pushed_requests`.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::ClientId;
use crate::base::opaque::oauth::PushedRequestHash;
use crate::base::opaque::token::TokenHash;

/// Stores a request that nobody has opened.
pub async fn insert(
    conn: &mut PgConnection,
    reference: PushedRequestHash,
    client: ClientId,
    parameters: &str,
    expires_at: OffsetDateTime,
) -> Result<()> {
    sqlx::query!(
        "insert into auth.pushed_requests (reference, client_id, parameters, expires_at) values ($1, $2, $3, $4)",
        reference.as_bytes(),
        client.0,
        parameters,
        expires_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A request that was opened.
#[derive(Debug)]
pub struct Opened {
    /// What was pushed.
    pub parameters: String,
    /// The digest of the session of whoever has logged in for it.
    pub session: Option<Vec<u8>>,
}

/// A client's request that was opened.
pub async fn opened(
    conn: &mut PgConnection,
    reference: PushedRequestHash,
    client_id: &str,
    now: OffsetDateTime,
) -> Result<Option<Opened>> {
    let opened = sqlx::query_as!(
        Opened,
        r#"
        select p.parameters, p.session
        from auth.pushed_requests p
        join auth.clients c on c.id = p.client_id
        where p.reference = $1 and c.client_id = $2 and p.opened_at is not null and p.expires_at > $3
        "#,
        reference.as_bytes(),
        client_id,
        now,
    );
    Ok(opened.fetch_optional(conn).await?)
}

/// Opens a client's request, which is known by another reference from `now` on, until `expires_at`; answers whether it was this
/// that did. Of any number of racing ones exactly one does.
pub async fn open(
    conn: &mut PgConnection,
    (reference, next): (PushedRequestHash, PushedRequestHash),
    client_id: &str,
    (now, expires_at): (OffsetDateTime, OffsetDateTime),
) -> Result<bool> {
    let opened = sqlx::query!(
        r#"
        update auth.pushed_requests p
        set reference = $2, opened_at = $4, expires_at = $5
        from auth.clients c
        where c.id = p.client_id
          and p.reference = $1
          and c.client_id = $3
          and p.opened_at is null
          and p.expires_at > $4
        "#,
        reference.as_bytes(),
        next.as_bytes(),
        client_id,
        now,
        expires_at,
    )
    .execute(conn)
    .await?;
    Ok(opened.rows_affected() == 1)
}

/// Notes the session of somebody who has logged in for one that was opened.
pub async fn note_login(conn: &mut PgConnection, reference: PushedRequestHash, session: TokenHash) -> Result<()> {
    sqlx::query!(
        "update auth.pushed_requests set session = $2 where reference = $1 and opened_at is not null",
        reference.as_bytes(),
        session.as_bytes(),
    )
    .execute(conn)
    .await?;
    Ok(())
}
