//! The tokens that mails carry. Whether one is good is decided here, where it is read, whatever has been cleared away.

use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use crate::base::email::Email;
use crate::base::error::Result;
use crate::base::id::{PersonId, RoleId};
use crate::base::locale::Locale;
use crate::base::opaque::mail_token::{MailTokenHash, PATIENCE, Purpose};
use crate::gate::store::Gain;
use crate::identity::mail::Content;

/// What is to be proved or opened by a token in a mail.
#[derive(Debug)]
pub struct NewToken<'a> {
    /// What the mail says.
    pub content: &'a Content,
    pub purpose: Purpose,
    /// Whose; nobody's, where the receiver is nobody yet.
    pub person: Option<PersonId>,
    /// Where it is sent.
    pub email: &'a Email,
    /// The language of the request that caused it.
    pub locale: Option<Locale>,
    pub now: OffsetDateTime,
    /// Until when it is good.
    pub expires_at: OffsetDateTime,
}

/// Queues a mail with a token, which takes the place of an earlier one for the same person and purpose. Answers the id of
/// the mail.
pub async fn queue(conn: &mut PgConnection, new: &NewToken<'_>) -> Result<i64> {
    let queued = sqlx::query_scalar!(
        r#"
        with token as (
            insert into auth.mail_tokens as t (mail_id, purpose, person_id, email, created_at, expires_at)
            values (nextval(pg_get_serial_sequence('auth.mails', 'id')), $1, $2, $3, $4, $5)
            on conflict on constraint mail_tokens_person_key do update
            set mail_id = excluded.mail_id, email = excluded.email, token_hash = null,
                created_at = excluded.created_at, expires_at = excluded.expires_at
            returning mail_id
        )
        insert into auth.mails (id, data, recipient, person_id, locale, created_at, next_try_at)
        select mail_id, $6, $3, $2, $7, $4, $4
        from token
        returning id
        "#,
        new.purpose.as_str(),
        new.person.map(|person| person.0),
        new.email.as_str(),
        new.now,
        new.expires_at,
        Json(new.content) as Json<&Content>,
        new.locale.map(Locale::as_str),
    )
    .fetch_one(conn)
    .await?;
    Ok(queued)
}

/// Keeps an address that somebody has to prove, without a mail. What was sent there already stays good.
pub async fn keep(conn: &mut PgConnection, new: &NewToken<'_>) -> Result<()> {
    sqlx::query!(
        r#"
        insert into auth.mail_tokens as t (mail_id, purpose, person_id, email, created_at, expires_at)
        values (nextval(pg_get_serial_sequence('auth.mails', 'id')), $1, $2, $3, $4, $5)
        on conflict on constraint mail_tokens_person_key do update
        set mail_id = excluded.mail_id, email = excluded.email, token_hash = null,
            created_at = excluded.created_at, expires_at = excluded.expires_at
        where auth.fold_address(t.email) <> auth.fold_address(excluded.email) or t.expires_at <= excluded.created_at
        "#,
        new.purpose.as_str(),
        new.person.map(|person| person.0),
        new.email.as_str(),
        new.now,
        new.expires_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Gives the mail with this id its token; answers until when that is good. `None` when nobody wants it any more: a newer
/// one has taken its place, it was used or is over, or the person has changed what ends it.
pub async fn give(
    conn: &mut PgConnection,
    mail: i64,
    purpose: Purpose,
    token: MailTokenHash,
    now: OffsetDateTime,
) -> Result<Option<OffsetDateTime>> {
    let until = purpose.good_for().map(|time| now + time);
    let expires_at = sqlx::query_scalar!(
        r#"
        update auth.mail_tokens
        set token_hash = $2, expires_at = coalesce($4, expires_at)
        where mail_id = $1
          and case when $4::timestamptz is null then expires_at > $3 else created_at > $5 end
        returning expires_at
        "#,
        mail,
        token.as_bytes(),
        now,
        until,
        now - PATIENCE,
    )
    .fetch_optional(conn)
    .await?;
    Ok(expires_at)
}

/// Takes back what a mail carries: if it was not sent yet, it is not.
pub async fn take_back(conn: &mut PgConnection, mail: i64) -> Result<()> {
    sqlx::query!("delete from auth.mail_tokens where mail_id = $1", mail).execute(conn).await?;
    Ok(())
}

/// Whoever holds something of Portero's own by `role` from now on: what was mailed to them before opens nothing any more, since
/// somebody else may have had it sent while they held nothing.
pub async fn void_before_promotion(conn: &mut PgConnection, person: PersonId, role: RoleId) -> Result<()> {
    sqlx::query!(
        r#"
        delete from auth.mail_tokens
        where person_id = $1
          and exists (select from auth.role_permission where role_id = $2 and permission_id <= 0)
        "#,
        person.0,
        role.0,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Likewise for everybody who holds `role`, which carries more of Portero's own from now on.
pub async fn void_of_holders(conn: &mut PgConnection, role: RoleId) -> Result<()> {
    sqlx::query!(
        r#"
        delete from auth.mail_tokens t
        where exists (
            select from auth.person_service_role held where held.person_id = t.person_id and held.role_id = $1
        )
        or exists (
            select
            from auth.group_people inside
            join auth.group_service_role given on given.group_id = inside.group_id
            where inside.person_id = t.person_id and given.role_id = $1
        )
        or exists (
            select from auth.resource_roles held where held.person_id = t.person_id and held.role_id = $1
        )
        or exists (
            select
            from auth.group_people inside
            cross join lateral (
                select from auth.resource_roles held where held.group_id = inside.group_id and held.role_id = $1 limit 1
            ) given
            where inside.person_id = t.person_id
        )
        "#,
        role.0,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Likewise for whoever comes to hold something of Portero's own by a group.
pub async fn void_before_gain(conn: &mut PgConnection, gain: Gain, now: OffsetDateTime) -> Result<()> {
    let [person, people_of, by_group, service, role] = gain.key();
    sqlx::query!(
        r#"
        delete from auth.mail_tokens
        where person_id in (select $1::int union all select person_id from auth.group_people where group_id = $2)
          and exists (
              select
              from (
                  select role_id from auth.roles_of_group($3, $6)
                  union all
                  select $5::int where $4::int is not null
              ) gained
              join auth.role_permission rp on rp.role_id = gained.role_id
              where rp.permission_id <= 0
          )
        "#,
        person,
        people_of,
        by_group,
        service,
        role,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Whose token somebody presents.
#[derive(Debug)]
pub struct Owner {
    pub person: PersonId,
    pub username: String,
    pub name: String,
    /// Where their mail goes now.
    pub email: Option<String>,
}

/// Whose token this is, if it is good for `purpose` now and they may log in.
pub async fn owner(
    conn: &mut PgConnection,
    purpose: Purpose,
    token: MailTokenHash,
    now: OffsetDateTime,
) -> Result<Option<Owner>> {
    let owner = sqlx::query_as!(
        Owner,
        r#"
        select p.id as "person: PersonId", p.username, p.name, p.email
        from auth.mail_tokens t
        join auth.person p on p.id = t.person_id and p.removed_at is null and p.disabled_at is null
        where t.token_hash = $1 and t.purpose = $2 and t.expires_at > $3
        "#,
        token.as_bytes(),
        purpose.as_str(),
        now,
    )
    .fetch_optional(conn)
    .await?;
    Ok(owner)
}

/// What was opened.
#[derive(Debug)]
pub struct Spent {
    /// Whose it was; nobody's, of an invitation.
    pub person: Option<PersonId>,
    /// The address that it was sent to.
    pub email: Email,
    /// The mail that carried it.
    pub mail: i64,
}

/// Uses a token up; `None` when it is not good (any more) for `purpose`. Of many at once, one gets it. Where it has an
/// owner, they are to be locked before.
pub async fn spend(
    conn: &mut PgConnection,
    purpose: Purpose,
    token: MailTokenHash,
    now: OffsetDateTime,
) -> Result<Option<Spent>> {
    let spent = sqlx::query!(
        r#"
        delete from auth.mail_tokens
        where token_hash = $1 and purpose = $2 and expires_at > $3
        returning person_id as "person: PersonId", email, mail_id
        "#,
        token.as_bytes(),
        purpose.as_str(),
        now,
    )
    .fetch_optional(conn)
    .await?;
    let Some(spent) = spent else { return Ok(None) };
    Ok(Some(Spent { person: spent.person, email: Email::stored(&spent.email), mail: spent.mail_id }))
}

/// The address that somebody has still to prove.
pub async fn pending_email(conn: &mut PgConnection, person: PersonId, now: OffsetDateTime) -> Result<Option<Email>> {
    let pending = sqlx::query_scalar!(
        "select email from auth.mail_tokens where person_id = $1 and purpose = $2 and expires_at > $3",
        person.0,
        Purpose::VerifyEmail.as_str(),
        now,
    )
    .fetch_optional(conn)
    .await?;
    Ok(pending.map(|email| Email::stored(&email)))
}
