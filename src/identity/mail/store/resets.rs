//! Who has asked for a new password: written down without a look at who that is, found out afterwards.

use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::may_reset;
use crate::base::email::Email;
use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::base::locale::Locale;
use crate::base::names;
use crate::base::opaque::mail_token::{PATIENCE, Purpose};
use crate::gate::audit::{self, Action, Actor, By, Event};
use crate::gate::store::people;
use crate::identity::mail::Content;
use crate::identity::mail::content::RequestOrigin;
use crate::identity::mail::limits::{PAUSE, may_be_reset};
use crate::platform::database::index;

/// So many from one network may wait to be looked up.
const SHARE: i64 = 100;

/// When so many wait, a network may have one.
const MANY: i64 = 10_000;

/// No more wait.
const MOST: i64 = 20_000;

/// So many are looked up at once.
const AT_ONCE: i64 = 100;

/// Writes down that somebody asked for a new password, without looking whether there is such a person: so it takes as
/// long for those that there are as for those that there are not. Beyond the share of the network where they asked, and
/// when all places are taken, nothing is written; nobody is told.
pub async fn queue_reset(
    conn: &mut PgConnection,
    asked: &Content,
    locale: Option<Locale>,
    now: OffsetDateTime,
) -> Result<()> {
    let network = typed(asked).and_then(|(.., origin)| origin.network());
    let queued = sqlx::query!(
        r#"
        insert into auth.mails (data, locale, created_at, next_try_at, network)
        select $1, $2, $3, $3, $4
        from (
            select count(*) as total from (select from auth.mails where recipient is null limit $7) unaddressed
        ) waiting
        where waiting.total < $7
          and (
              select count(*)
              from (select from auth.mails where recipient is null and network = $4 limit $5) same
          ) < case when waiting.total < $6 then $5 else 1 end
        "#,
        Json(asked) as Json<&Content>,
        locale.map(Locale::as_str),
        now,
        network.as_deref().unwrap_or("unknown"),
        SHARE,
        MANY,
        MOST,
    )
    .execute(conn)
    .await?;
    if queued.rows_affected() == 0 {
        tracing::debug!(network, "too many requests for new passwords wait: one was left out");
    }
    Ok(())
}

/// The address or the username that somebody typed, and where.
fn typed(content: &Content) -> Option<(Option<&str>, Option<&str>, &RequestOrigin)> {
    match content {
        Content::PasswordReset { email, username, origin } => Some((email.as_deref(), username.as_deref(), origin)),
        _ => None,
    }
}

/// Whoever asked, as far as they say.
struct WaitingReset {
    mail: i64,
    content: Content,
    network: Option<String>,
    created_at: OffsetDateTime,
}

/// Looks up who has asked, for many at once, and addresses their mails; those of nobody, and those that would be too many,
/// are deleted. Answers how many were looked up. Neither the disabled nor those without an address get any, nor whom
/// [`may_reset`] excludes.
pub async fn address_resets(conn: &mut PgConnection, now: OffsetDateTime) -> Result<usize> {
    let asked = take(&mut *conn).await?;
    if asked.is_empty() {
        return Ok(0);
    }
    let mut found = find(&mut *conn, &asked).await?;
    // In one order, wherever two instances do so at once.
    found.sort_by_cached_key(|found| found.email.mailbox());
    let mut addressed = Vec::new();
    for ResetRecipient { place, person, email } in found {
        let Some(asked) = asked.get(place) else { continue };
        // Nobody is promoted meanwhile, which would void what was sent before.
        people::hold(&mut *conn, person).await?;
        if may_reset(&mut *conn, person).await?
            && may_be_reset(&mut *conn, &email, asked.network.as_deref(), now).await?
            && address(&mut *conn, asked, person, &email).await?
        {
            addressed.push(asked.mail);
            let origin = typed(&asked.content).map(|(.., origin)| origin.clone().into()).unwrap_or_default();
            let by = By { actor: Actor::Anonymous, origin, now };
            audit::store::insert(&mut *conn, &by, &Event::new(Action::PasswordResetSent).about(person)).await?;
        }
    }
    let left: Vec<i64> = asked.iter().map(|asked| asked.mail).filter(|mail| !addressed.contains(mail)).collect();
    sqlx::query!("delete from auth.mails where id = any ($1)", &left).execute(conn).await?;
    Ok(asked.len())
}

async fn take(conn: &mut PgConnection) -> Result<Vec<WaitingReset>> {
    let rows = sqlx::query!(
        r#"
        select id, data, network, created_at
        from auth.mails
        where recipient is null
        order by id
        limit $1
        for update skip locked
        "#,
        AT_ONCE,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let content = serde_json::from_value::<Content>(row.data).map_err(anyhow::Error::from)?;
            Ok(WaitingReset { mail: row.id, content, network: row.network, created_at: row.created_at })
        })
        .collect()
}

/// Somebody whom one of those meant.
struct ResetRecipient {
    place: usize,
    person: PersonId,
    email: Email,
}

/// Finds them by address or username: as it was typed, or else in other letters of the same. Each once.
async fn find(conn: &mut PgConnection, asked: &[WaitingReset]) -> Result<Vec<ResetRecipient>> {
    let typed = asked.iter().map(|asked| typed(&asked.content));
    let (emails, usernames): (Vec<Option<&str>>, Vec<Option<&str>>) =
        typed.map(|typed| typed.map_or((None, None), |(email, username, _)| (email, username))).unzip();
    let keys: Vec<_> = emails.iter().map(|email| email.map(|email| Email::stored(email).key())).collect();
    let folded: Vec<_> = usernames.iter().map(|name| name.map(names::fold)).collect();
    let rows = sqlx::query!(
        r#"
        select distinct on (p.id) asked.place as "place!", p.id as "id!: PersonId", p.email as "email!"
        from unnest($1::text[], $2::text[], $3::text[], $4::text[]) with ordinality
            as asked (email, email_key, username, folded, place)
        cross join lateral (
            (
                select id, email, disabled_at
                from auth.person
                where auth.fold_address(person.email) = asked.email_key
                  and person.email is not null and removed_at is null
                order by person.email = asked.email desc, email_twin
                limit 1
            )
            union all
            select id, email, disabled_at
            from (
                select id, person.email, disabled_at, person.username = asked.username as is_exact,
                       count(*) over () as alike
                from auth.person
                where auth.fold(person.username) = asked.folded and removed_at is null
            ) named
            where is_exact or alike = 1
        ) p
        where p.email is not null and p.disabled_at is null
        order by p.id, asked.place
        "#,
        &emails as &[Option<&str>],
        &keys as &[Option<String>],
        &usernames as &[Option<&str>],
        &folded as &[Option<String>],
    )
    .fetch_all(conn)
    .await?;
    let found = rows.into_iter();
    found
        .map(|row| Ok(ResetRecipient { place: index(row.place)?, person: row.id, email: Email::stored(&row.email) }))
        .collect()
}

/// Addresses a mail to somebody, unless there was one just now.
async fn address(conn: &mut PgConnection, asked: &WaitingReset, person: PersonId, email: &Email) -> Result<bool> {
    let addressed = sqlx::query!(
        r#"
        with token as (
            insert into auth.mail_tokens as t (mail_id, purpose, person_id, email, created_at, expires_at)
            values ($1, $2, $3, $4, $5, $6)
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
        asked.mail,
        Purpose::PasswordReset.as_str(),
        person.0,
        email.as_str(),
        asked.created_at,
        asked.created_at + PATIENCE,
        asked.created_at - PAUSE,
    )
    .execute(conn)
    .await?;
    Ok(addressed.rows_affected() == 1)
}
