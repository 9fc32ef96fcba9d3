//! The table `auth.authorization_refresh_tokens`.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::AuthorizationId;
use crate::base::opaque::oauth::ClientRefreshHash;
use crate::gate::sessions::RefreshTokenState;

/// How many refresh tokens of an authorization are known when they come again. An older one is refused like any unknown one.
const REMEMBERED: i64 = 500;

/// Stores a new one, which was exchanged for `parent`, if it is not the first.
pub async fn insert(
    conn: &mut PgConnection,
    authorization: AuthorizationId,
    token: ClientRefreshHash,
    parent: Option<ClientRefreshHash>,
    now: OffsetDateTime,
) -> Result<()> {
    sqlx::query!(
        r#"
        insert into auth.authorization_refresh_tokens (token, authorization_id, parent, created_at)
        values ($1, $2, $3, $4)
        "#,
        token.as_bytes(),
        authorization.0,
        parent.as_ref().map(ClientRefreshHash::as_bytes),
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What has become of one, to be asked for under a lock of its authorization.
pub async fn state(conn: &mut PgConnection, token: ClientRefreshHash) -> Result<Option<RefreshTokenState>> {
    let state = sqlx::query_as!(
        RefreshTokenState,
        r#"
        select
            t.exchanged_at,
            (
                select count(*) from auth.authorization_refresh_tokens child where child.parent = t.token
            ) as "children!",
            exists (
                select
                from auth.authorization_refresh_tokens child
                where child.parent = t.token and child.exchanged_at is not null
            ) as "goes_on!"
        from auth.authorization_refresh_tokens t
        where t.token = $1
        "#,
        token.as_bytes(),
    )
    .fetch_optional(conn)
    .await?;
    Ok(state)
}

/// Notes that one is exchanged `now`, and forgets the oldest that were.
pub async fn spend(
    conn: &mut PgConnection,
    authorization: AuthorizationId,
    token: ClientRefreshHash,
    now: OffsetDateTime,
) -> Result<()> {
    sqlx::query!(
        r#"
        with forgotten as (
            delete from auth.authorization_refresh_tokens
            where authorization_id = $1
              and exchanged_at is not null
              and created_at < (
                  select created_at
                  from auth.authorization_refresh_tokens
                  where authorization_id = $1
                  order by created_at desc
                  offset $4
                  limit 1
              )
        )
        update auth.authorization_refresh_tokens set exchanged_at = $3 where token = $2
        "#,
        authorization.0,
        token.as_bytes(),
        now,
        REMEMBERED,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Whether one is good for a refresh at `now`, where its authorization is: nobody has exchanged it.
pub async fn is_good(conn: &mut PgConnection, token: ClientRefreshHash) -> Result<bool> {
    let good = sqlx::query_scalar!(
        r#"
        select exists (
            select from auth.authorization_refresh_tokens where token = $1 and exchanged_at is null
        ) as "good!"
        "#,
        token.as_bytes(),
    );
    Ok(good.fetch_one(conn).await?)
}
