//! The tables `auth.provider_sessions`, `auth.provider_pending` and `auth.provider_logouts`: what began at a provider ends with its own.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::{PersonId, ProviderId, ProviderLinkId};
use crate::base::opaque::token::TokenHash;

/// Notes that the provider asked somebody before now who they are.
pub async fn note_authentication(conn: &mut PgConnection, token: TokenHash, at: OffsetDateTime) -> Result<()> {
    sqlx::query!("update auth.tokens_cache set authenticated_at = $2 where token = $1", token.as_bytes(), at)
        .execute(conn)
        .await?;
    Ok(())
}

/// A session that began at a provider.
#[derive(Debug)]
pub struct Begun {
    pub token: TokenHash,
    pub person: PersonId,
}

/// Those of an account, or of one session of the provider.
pub async fn of_account(
    conn: &mut PgConnection,
    provider: ProviderId,
    (subject, sid): (Option<&str>, Option<&str>),
) -> Result<Vec<Begun>> {
    let rows = sqlx::query!(
        r#"
        select s.token, live.person_id as "person: PersonId"
        from auth.provider_links l
        join auth.provider_sessions s on s.link_id = l.id
        join auth.tokens_cache live on live.token = s.token
        where l.provider_id = $1
          and ($2::text is null or l.subject = $2)
          and ($3::text is null or s.sid = $3)
        order by live.person_id
        "#,
        provider.0,
        subject,
        sid,
    );
    let rows = rows.fetch_all(conn).await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| Some(Begun { token: TokenHash::stored(&row.token)?, person: row.person }))
        .collect())
}

/// Lets no login go on that waits for its second step after such an account. A session that one of them is just beginning is there once this has returned.
pub async fn forget_pending(
    conn: &mut PgConnection,
    provider: ProviderId,
    (subject, sid): (Option<&str>, Option<&str>),
) -> Result<()> {
    let forgotten = sqlx::query!(
        r#"
        delete from auth.provider_pending p
        using auth.provider_links l
        where l.id = p.link_id and l.provider_id = $1
          and ($2::text is null or l.subject = $2)
          and ($3::text is null or p.sid = $3)
        "#,
        provider.0,
        subject,
        sid,
    );
    forgotten.execute(conn).await?;
    Ok(())
}

/// Those that began by a link.
pub async fn of_link(conn: &mut PgConnection, link: ProviderLinkId) -> Result<Vec<Begun>> {
    let rows = sqlx::query!(
        r#"
        select s.token, live.person_id as "person: PersonId"
        from auth.provider_sessions s
        join auth.tokens_cache live on live.token = s.token
        where s.link_id = $1
        "#,
        link.0,
    );
    let rows = rows.fetch_all(conn).await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| Some(Begun { token: TokenHash::stored(&row.token)?, person: row.person }))
        .collect())
}

/// All that began at a provider.
pub async fn of_provider(conn: &mut PgConnection, provider: ProviderId) -> Result<Vec<Begun>> {
    of_account(conn, provider, (None, None)).await
}

/// Whose these are, by id.
pub async fn people_of(conn: &mut PgConnection, provider: ProviderId) -> Result<Vec<PersonId>> {
    let mut people: Vec<PersonId> = of_provider(conn, provider).await?.iter().map(|begun| begun.person).collect();
    people.dedup();
    Ok(people)
}

/// Ends sessions, and their families with them; answers how many.
pub async fn end(conn: &mut PgConnection, sessions: &[Begun]) -> Result<u64> {
    let tokens: Vec<&[u8]> = sessions.iter().map(|begun| begun.token.as_bytes()).collect();
    let families = sqlx::query!(
        r#"
        delete from auth.refresh_families
        where id in (select family_id from auth.tokens_cache where token = any ($1::bytea[]) and family_id is not null)
        "#,
        &tokens as &[&[u8]],
    );
    let families = families.execute(&mut *conn).await?.rows_affected();
    let alone = sqlx::query!("delete from auth.tokens_cache where token = any ($1::bytea[])", &tokens as &[&[u8]]);
    Ok(families + alone.execute(conn).await?.rows_affected())
}

/// Spends the id of a logout token; `false` where it has come before. Forgets some that are over.
pub async fn spend_logout(
    conn: &mut PgConnection,
    provider: ProviderId,
    jti: &[u8; 32],
    (now, expires_at): (OffsetDateTime, OffsetDateTime),
) -> Result<bool> {
    sqlx::query!(
        r#"
        delete from auth.provider_logouts
        where (provider_id, jti) in (
            select provider_id, jti from auth.provider_logouts where expires_at <= $1 order by expires_at limit 10
            for update skip locked
        )
        "#,
        now,
    )
    .execute(&mut *conn)
    .await?;
    let spent = sqlx::query!(
        r#"
        insert into auth.provider_logouts (provider_id, jti, expires_at) values ($1, $2, $3)
        on conflict on constraint provider_logouts_pkey do nothing
        "#,
        provider.0,
        jti.as_slice(),
        expires_at,
    );
    Ok(spent.execute(conn).await?.rows_affected() == 1)
}
