//! The tables `auth.mails`, `auth.mail_tokens` and `auth.mail_limits`.

mod dead;
pub mod limits;
mod resets;
pub mod tokens;

use sqlx::PgConnection;
use sqlx::types::Json;
use time::{Duration, OffsetDateTime};

use super::Content;
use super::limits::may_be_told;
use crate::base::email::Email;
use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::base::locale::Locale;
use crate::identity::Identity;

pub use crate::platform::metrics::MailQueueCounts;
pub use dead::{DeadLetter, clear, dead_letters, queue_counts, retry};
pub use resets::{address_resets, queue_reset};

/// Queues a mail to a person in the transaction of what it tells, if they have an address: the one that they have at
/// this point of it. Call [`Post::wake`](super::Post::wake) after the commit. One that is not proved gets so many a day.
///
/// Nothing is queued where none can be sent: else years of it would go out on the day somebody sets `SMTP_URL`.
pub async fn queue(
    conn: &mut PgConnection,
    identity: &Identity,
    person: PersonId,
    content: &Content,
    locale: Option<Locale>,
) -> Result<()> {
    if !identity.mailer.is_open() {
        return Ok(());
    }
    let now = identity.clock.now();
    let to = sqlx::query!(
        r#"
        select email as "email!", email_verified_at is not null as "is_proved!"
        from auth.person
        where id = $1 and email is not null
        "#,
        person.0,
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(to) = to else { return Ok(()) };
    if !to.is_proved && !may_be_told(&mut *conn, &Email::stored(&to.email), now).await? {
        return Ok(());
    }
    sqlx::query!(
        r#"
        insert into auth.mails (data, recipient, person_id, locale, created_at, next_try_at)
        values ($1, $2, $3, $4, $5, $5)
        "#,
        Json(content) as Json<&Content>,
        to.email,
        person.0,
        locale.map(Locale::as_str),
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A mail to be sent, which is the claimer's until `lease` is over.
#[derive(Debug)]
pub struct Claimed {
    pub id: i64,
    pub content: Content,
    /// The language of the request that caused it.
    pub locale: Option<Locale>,
    /// When it was queued.
    pub created_at: OffsetDateTime,
    /// How often it has been tried, this time included.
    pub attempts: i32,
}

/// Claims up to `limit` mails that are due, each for one instance. What tells of something goes before what somebody has
/// asked for.
pub async fn claim(conn: &mut PgConnection, now: OffsetDateTime, lease: Duration, limit: i64) -> Result<Vec<Claimed>> {
    let mut claimed = claim_some(&mut *conn, true, now, lease, limit).await?;
    let left = limit - i64::try_from(claimed.len()).unwrap_or(limit);
    if left > 0 {
        claimed.extend(claim_some(conn, false, now, lease, left).await?);
    }
    Ok(claimed)
}

async fn claim_some(
    conn: &mut PgConnection,
    notices: bool,
    now: OffsetDateTime,
    lease: Duration,
    limit: i64,
) -> Result<Vec<Claimed>> {
    let rows = sqlx::query!(
        r#"
        update auth.mails
        set attempts = attempts + 1, next_try_at = $2
        where id = any (array(
            select id
            from auth.mails
            where dead_at is null and recipient is not null and is_notice = $4 and next_try_at <= $1
            order by next_try_at
            limit $3
            for update skip locked
        ))
        returning id, data, locale, created_at, attempts
        "#,
        now,
        now + lease,
        limit,
        notices,
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
            })
        })
        .collect()
}

/// What is looked up when a mail is sent.
#[derive(Debug)]
pub struct Receiver {
    pub recipient: Email,
    /// Whether they have proved that this is their address.
    pub is_proved: bool,
    pub name: Option<String>,
    /// The language that they have chosen.
    pub locale: Option<Locale>,
    /// Whether programs act for them by API keys.
    pub has_api_keys: bool,
}

/// Finds out where a mail goes; `None` when it is not there any more.
pub async fn receiver(conn: &mut PgConnection, mail: i64, now: OffsetDateTime) -> Result<Option<Receiver>> {
    let row = sqlx::query!(
        r#"
        select m.recipient as "recipient!", p.name as "name?", p.locale,
               coalesce(p.email = m.recipient and p.email_verified_at is not null, false) as "is_proved!",
               exists (
                   select from auth.api_keys k where k.person_id = m.person_id and k.expires_at > $2
               ) as "has_api_keys!"
        from auth.mails m
        left join auth.person p on p.id = m.person_id
        where m.id = $1 and m.recipient is not null
        "#,
        mail,
        now,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Receiver {
        recipient: Email::stored(&row.recipient),
        is_proved: row.is_proved,
        name: row.name,
        locale: row.locale.as_deref().and_then(Locale::stored),
        has_api_keys: row.has_api_keys,
    }))
}

/// Whether mail may give somebody a new password. For whoever holds anything of Portero's own it does only at an address that
/// they have proved, and that nobody but an administrator gave them: any other could have been planted while they held nothing.
/// Who has turned their password off gets another only where recovery codes go with it.
pub async fn may_reset(conn: &mut PgConnection, person: PersonId) -> Result<bool> {
    let may = sqlx::query_scalar!(
        r#"
        select (p.password_off_at is null or exists (select from auth.recovery_codes where person_id = p.id))
            and ((p.email_verified_at is not null and p.email_given_by is null) or not (
            exists (
                select
                from auth.person_service_role psr
                join auth.role_permission rp on rp.role_id = psr.role_id
                where psr.person_id = p.id and rp.permission_id <= 0
            )
            or exists (
                select
                from auth.group_people inside
                join auth.group_service_role given on given.group_id = inside.group_id
                join auth.role_permission rp on rp.role_id = given.role_id
                where inside.person_id = p.id and rp.permission_id <= 0
            )
            or exists (
                select
                from auth.resource_roles held
                join auth.role_permission rp on rp.role_id = held.role_id
                where held.person_id = p.id and rp.permission_id <= 0
            )
            or exists (
                select
                from auth.group_people inside
                join auth.resource_roles given on given.group_id = inside.group_id
                join auth.role_permission rp on rp.role_id = given.role_id
                where inside.person_id = p.id and rp.permission_id <= 0
            )
        )) as "may!"
        from auth.person p
        where p.id = $1
        "#,
        person.0,
    )
    .fetch_optional(conn)
    .await?;
    Ok(may.unwrap_or(false))
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
