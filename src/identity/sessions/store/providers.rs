//! The tables `auth.provider_sessions` and `auth.provider_pending`, as logins write them: by which account at a provider a session began.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::ProviderLinkId;
use crate::base::opaque::second_step::MfaTokenHash;
use crate::base::opaque::token::TokenHash;

/// Notes by which account a session began, and forgets some that have ended.
pub async fn note(
    conn: &mut PgConnection,
    token: TokenHash,
    (link, sid): (ProviderLinkId, Option<&str>),
    now: OffsetDateTime,
) -> Result<()> {
    sqlx::query!(
        r#"
        delete from auth.provider_sessions
        where token in (
            select old.token
            from (select token from auth.provider_sessions order by created_at limit 10 for update skip locked) old
            where not exists (select from auth.tokens_cache live where live.token = old.token)
        )
        "#,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        r#"
        insert into auth.provider_sessions (token, link_id, sid, created_at)
        select $1, id, $3, $4 from auth.provider_links where id = $2
        "#,
        token.as_bytes(),
        link.0,
        sid,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes by which account a login began that waits for its second step.
pub async fn note_pending(
    conn: &mut PgConnection,
    token: MfaTokenHash,
    (link, sid): (ProviderLinkId, Option<&str>),
    (now, over): (OffsetDateTime, OffsetDateTime),
) -> Result<()> {
    sqlx::query!(
        r#"
        delete from auth.provider_pending
        where token in (
            select token from auth.provider_pending where created_at <= $1 order by created_at limit 10 for update skip locked
        )
        "#,
        over,
    )
    .execute(&mut *conn)
    .await?;
    let noted = sqlx::query!(
        "insert into auth.provider_pending (token, link_id, sid, created_at) values ($1, $2, $3, $4)",
        token.as_bytes(),
        link.0,
        sid,
        now,
    );
    noted.execute(conn).await?;
    Ok(())
}

/// Notes of a session by which account the login began that has waited for it. `false` where that account lets nobody in any more: it was
/// unlinked or logged out at its provider meanwhile, or the provider is off.
pub async fn note_second_step(
    conn: &mut PgConnection,
    waited: MfaTokenHash,
    session: TokenHash,
    now: OffsetDateTime,
) -> Result<bool> {
    let Some((link, sid)) = take_pending(&mut *conn, waited).await? else { return Ok(false) };
    note(conn, session, (link, sid.as_deref()), now).await?;
    Ok(true)
}

async fn take_pending(
    conn: &mut PgConnection,
    token: MfaTokenHash,
) -> Result<Option<(ProviderLinkId, Option<String>)>> {
    let row = sqlx::query!(
        r#"
        delete from auth.provider_pending p
        using auth.provider_links l, auth.providers at
        where p.token = $1 and l.id = p.link_id and at.id = l.provider_id and at.is_enabled
        returning p.link_id as "link: ProviderLinkId", p.sid
        "#,
        token.as_bytes(),
    );
    Ok(row.fetch_optional(conn).await?.map(|row| (row.link, row.sid)))
}
