//! The tables `auth.mails` and `auth.mail_tokens`.

mod dead;
pub mod tokens;

use sqlx::PgConnection;
use sqlx::types::Json;
use time::{Duration, OffsetDateTime};

use super::{Content, Locale, Purpose};
use crate::app::App;
use crate::error::{Error, Result};
use crate::users::{Email, PersonId};

pub use dead::{DeadLetter, Standing, clear, dead_letters, retry, standing};

/// So many may wait to be asked for a new password: there are more requests than people only when somebody floods us.
const MOST_UNADDRESSED: i64 = 10_000;

/// Queues a mail to a person in the transaction of what it tells, if they have an address: the one that they have at
/// this point of it. Call [`Post::wake`](super::Post::wake) after the commit.
///
/// Nothing is queued where none can be sent: else years of it would go out on the day somebody sets `SMTP_URL`.
pub async fn queue(
    conn: &mut PgConnection,
    app: &App,
    person: PersonId,
    content: &Content,
    locale: Option<Locale>,
) -> Result<()> {
    if !app.post.is_open() {
        return Ok(());
    }
    sqlx::query!(
        r#"
        insert into auth.mails (data, recipient, person_id, locale, created_at, next_try_at)
        select $1, email, id, $3, $4, $4
        from auth.person
        where id = $2 and email is not null
        "#,
        Json(content) as Json<&Content>,
        person.0,
        locale.map(Locale::as_str),
        app.clock.now(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes down that somebody asked for a new password, without looking whether there is such a person: so it takes as
/// long for those that there are as for those that there are not.
///
/// # Errors
/// 503 when too many wait.
pub async fn queue_reset(
    conn: &mut PgConnection,
    asked: &Content,
    locale: Option<Locale>,
    now: OffsetDateTime,
) -> Result<()> {
    let queued = sqlx::query!(
        r#"
        insert into auth.mails (data, locale, created_at, next_try_at)
        select $1, $2, $3, $3
        where (
            select count(*) from (select from auth.mails where recipient is null limit $4) unaddressed
        ) < $4
        "#,
        Json(asked) as Json<&Content>,
        locale.map(Locale::as_str),
        now,
        MOST_UNADDRESSED,
    )
    .execute(conn)
    .await?;
    if queued.rows_affected() == 0 { Err(Error::Busy("too many requests for new passwords wait")) } else { Ok(()) }
}

/// A mail to be sent, which is the claimer's until `lease` is over.
#[derive(Debug)]
pub struct Claimed {
    /// Its id.
    pub id: i64,
    /// What it says.
    pub content: Content,
    /// The language of the request that caused it.
    pub locale: Option<Locale>,
    /// When it was queued.
    pub created_at: OffsetDateTime,
    /// How often it has been tried, this time included.
    pub attempts: i32,
    /// Whether it was known where it goes before it was claimed.
    pub is_addressed: bool,
}

/// Claims up to `limit` mails that are due, each for one instance.
pub async fn claim(conn: &mut PgConnection, now: OffsetDateTime, lease: Duration, limit: i64) -> Result<Vec<Claimed>> {
    let rows = sqlx::query!(
        r#"
        update auth.mails
        set attempts = attempts + 1, next_try_at = $2
        where id = any (array(
            select id
            from auth.mails
            where dead_at is null and next_try_at <= $1
            order by next_try_at
            limit $3
            for update skip locked
        ))
        returning id, data, recipient is not null as "is_addressed!", locale, created_at, attempts
        "#,
        now,
        now + lease,
        limit,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Claimed {
                id: row.id,
                content: serde_json::from_value::<Content>(row.data).map_err(anyhow::Error::from)?,
                locale: row.locale.as_deref().and_then(Locale::stored),
                created_at: row.created_at,
                attempts: row.attempts,
                is_addressed: row.is_addressed,
            })
        })
        .collect()
}

/// What is looked up when a mail is sent.
#[derive(Debug)]
pub struct Addressed {
    /// Whose it is.
    pub person: Option<PersonId>,
    /// Where it goes.
    pub recipient: Email,
    /// What its receiver is called.
    pub name: Option<String>,
    /// The language that they have chosen.
    pub locale: Option<Locale>,
}

/// Finds out where a mail goes; `None` when it goes nowhere: nobody is there, or they were sent one just now.
pub async fn address(conn: &mut PgConnection, mail: &Claimed) -> Result<Option<Addressed>> {
    if let (Content::PasswordReset { email, username, .. }, false) = (&mail.content, mail.is_addressed)
        && !address_reset(conn, mail, email.as_deref(), username.as_deref()).await?
    {
        return Ok(None);
    }
    let row = sqlx::query!(
        r#"
        select m.recipient as "recipient!", p.id as "person?: PersonId", p.name as "name?", p.locale
        from auth.mails m
        left join auth.person p on p.id = m.person_id
        where m.id = $1
        "#,
        mail.id,
    )
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let recipient = row.recipient.parse().map_err(|fault: String| Error::Internal(anyhow::anyhow!(fault)))?;
    let locale = row.locale.as_deref().and_then(Locale::stored);
    Ok(Some(Addressed { person: row.person, recipient, name: row.name, locale }))
}

/// Whether mail may give somebody a new password. For whoever holds anything of Portero's own it does only at an address that
/// they have proved, and that nobody but an administrator gave them: any other could have been planted while they held nothing.
pub async fn may_reset(conn: &mut PgConnection, person: PersonId) -> Result<bool> {
    let may = sqlx::query_scalar!(
        r#"
        select (p.email_verified_at is not null and p.email_given_by is null) or not exists (
            select
            from auth.person_service_role psr
            join auth.role_permission rp on rp.role_id = psr.role_id
            where psr.person_id = p.id and rp.permission_id <= 0
        ) as "may!"
        from auth.person p
        where p.id = $1
        "#,
        person.0,
    )
    .fetch_optional(conn)
    .await?;
    Ok(may.unwrap_or(false))
}

/// Addresses a mail to whoever has this address or this username, unless there was one just now. Neither the disabled
/// nor those without an address get any, nor whom [`may_reset`] excludes.
async fn address_reset(
    conn: &mut PgConnection,
    mail: &Claimed,
    email: Option<&str>,
    username: Option<&str>,
) -> Result<bool> {
    let addressed = sqlx::query!(
        r#"
        with named as (
            select id, email, email_verified_at, email_given_by
            from auth.person
            where lower(email) = lower($2) and email is not null and removed_at is null and disabled_at is null
            union all
            select id, email, email_verified_at, email_given_by
            from auth.person
            where username = $3 and email is not null and removed_at is null and disabled_at is null
        ), person as (
            select id, email
            from named
            where (email_verified_at is not null and email_given_by is null) or not exists (
                select
                from auth.person_service_role psr
                join auth.role_permission rp on rp.role_id = psr.role_id
                where psr.person_id = named.id and rp.permission_id <= 0
            )
        ), token as (
            insert into auth.mail_tokens as t (mail_id, purpose, person_id, email, created_at, expires_at)
            select $1, $4, id, email, $5, $6
            from person
            on conflict on constraint mail_tokens_person_key do update
            set mail_id = excluded.mail_id, email = excluded.email, token_hash = null,
                created_at = excluded.created_at, expires_at = excluded.expires_at
            where t.created_at <= $7
            returning person_id, email
        )
        update auth.mails m
        set recipient = token.email, person_id = token.person_id
        from token
        where m.id = $1
        "#,
        mail.id,
        email,
        username,
        Purpose::PasswordReset.as_str(),
        mail.created_at,
        mail.created_at + Purpose::PasswordReset.lifetime(),
        mail.created_at - super::content::PAUSE,
    )
    .execute(conn)
    .await?;
    Ok(addressed.rows_affected() == 1)
}

/// It is out, or nobody wants it any more.
pub async fn delete(conn: &mut PgConnection, id: i64) -> Result<()> {
    sqlx::query!("delete from auth.mails where id = $1", id).execute(conn).await?;
    Ok(())
}

/// It is to be tried again at `next`, or never again when that is `None`. Nothing happens when somebody else has taken it
/// over meanwhile.
pub async fn put_back(
    conn: &mut PgConnection,
    mail: &Claimed,
    next: Option<OffsetDateTime>,
    now: OffsetDateTime,
    error: &str,
) -> Result<()> {
    sqlx::query!(
        r#"
        update auth.mails
        set next_try_at = coalesce($3, next_try_at),
            dead_at = case when $3::timestamptz is null then $4::timestamptz end,
            last_error = $5
        where id = $1 and attempts = $2
        "#,
        mail.id,
        mail.attempts,
        next,
        now,
        error,
    )
    .execute(conn)
    .await?;
    Ok(())
}
