use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::{Error, Result};
use crate::base::id::{ClientId, ClientSecretId, Id};
use crate::base::opaque::oauth::ClientSecretHash;
use crate::oauth::clients::Secret;

/// Gives a client a secret, which ends at `expires_at`.
pub async fn insert_secret(
    conn: &mut PgConnection,
    client: ClientId,
    secret: ClientSecretHash,
    (now, expires_at): (OffsetDateTime, Option<OffsetDateTime>),
) -> Result<Secret> {
    let id = sqlx::query_scalar!(
        r#"
        insert into auth.client_secrets (client_id, secret, created_at, expires_at)
        values ($1, $2, $3, $4)
        returning id as "id: ClientSecretId"
        "#,
        client.0,
        secret.as_bytes(),
        now,
        expires_at,
    )
    .fetch_one(conn)
    .await?;
    Ok(Secret { id, fingerprint: secret.fingerprint(), created_at: now, last_used_at: None, expires_at })
}

/// The secrets of a client that are good at `now`, the oldest first: they are few.
pub async fn secrets(conn: &mut PgConnection, client: ClientId, now: OffsetDateTime) -> Result<Vec<Secret>> {
    let secrets = sqlx::query_as!(
        Secret,
        r#"
        select id as "id: ClientSecretId", left(encode(secret, 'hex'), 8) as "fingerprint!", created_at, last_used_at,
               expires_at
        from auth.client_secrets
        where client_id = $1 and auth.lasts(expires_at, $2)
        order by id
        "#,
        client.0,
        now,
    );
    Ok(secrets.fetch_all(conn).await?)
}

/// How many of these there are.
pub async fn live_secrets(conn: &mut PgConnection, client: ClientId, now: OffsetDateTime) -> Result<usize> {
    Ok(secrets(conn, client, now).await?.len())
}

/// Ends all secrets of a client at `end`, if they last as long; those that are over by then are swept up.
pub async fn end_secrets(
    conn: &mut PgConnection,
    client: ClientId,
    (now, end): (OffsetDateTime, OffsetDateTime),
) -> Result<()> {
    sqlx::query!(
        "update auth.client_secrets set expires_at = $2 where client_id = $1 and auth.lasts(expires_at, $2)",
        client.0,
        end,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!("delete from auth.client_secrets where client_id = $1 and expires_at <= $2", client.0, now)
        .execute(conn)
        .await?;
    Ok(())
}

/// Ends one of a client's secrets at once.
///
/// # Errors
/// 404 `client_secret_not_found`.
pub async fn end_secret(conn: &mut PgConnection, client: ClientId, secret: ClientSecretId) -> Result<()> {
    let ended = sqlx::query!("delete from auth.client_secrets where id = $1 and client_id = $2", secret.0, client.0)
        .execute(conn)
        .await?;
    if ended.rows_affected() == 0 { Err::<(), Error>(ClientSecretId::not_found()) } else { Ok(()) }
}
