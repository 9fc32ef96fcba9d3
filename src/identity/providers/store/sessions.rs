//! The tables `auth.provider_sessions` and `auth.provider_logouts`: sessions that began at a provider, and end with its own.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::{PersonId, ProviderId, ProviderLinkId};
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

/// Takes what was noted so.
pub async fn take_pending(
    conn: &mut PgConnection,
    token: MfaTokenHash,
) -> Result<Option<(ProviderLinkId, Option<String>)>> {
    let row = sqlx::query!(
        r#"delete from auth.provider_pending where token = $1 returning link_id as "link: ProviderLinkId", sid"#,
        token.as_bytes(),
    );
    Ok(row.fetch_optional(conn).await?.map(|row| (row.link, row.sid)))
}

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
