//! An address is somebody's own once they have read a mail that was sent there.

use serde_json::json;
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::email::Email;
use crate::base::error::{Error, Result};
use crate::base::id::PersonId;
use crate::base::locale::Locale;
use crate::base::opaque::mail_token::{MailTokenHash, PATIENCE, Purpose};
use crate::gate;
use crate::gate::audit::{Action, Actor, AuditedTx, By, Event, Origin};
use crate::identity::Identity;
use crate::identity::mail::store::tokens::{self, NewToken};
use crate::identity::mail::{Content, GivenBy, limits};
use crate::identity::people::{self, tell_the_old_address};

/// Sends a token to `email`, which becomes the person's address when it comes back. Until then they keep the one they
/// have; a newer address takes this one's place. A mailbox gets one such mail a minute and a few a day, whoever asks:
/// beyond that the address is kept, without a mail. Call [`Post::wake`](crate::platform::mail::Post::wake) after the commit.
///
/// # Errors
/// 409 `mail_not_configured` where no mail can be sent; 429 `too_many_mails` for whoever gives too many addresses.
pub async fn begin_verification(
    conn: &mut PgConnection,
    identity: &Identity,
    person: PersonId,
    email: &Email,
    asker: GivenBy,
    locale: Option<Locale>,
) -> Result<()> {
    identity.mailer.must_be_open()?;
    let now = identity.clock.now();
    let pending = tokens::pending_email(&mut *conn, person, now).await?;
    if !pending.is_some_and(|pending| pending.is_same(email)) {
        limits::count_asker(&mut *conn, asker, now).await?;
    }
    send_verification(conn, person, email, locale, now).await
}

async fn send_verification(
    conn: &mut PgConnection,
    person: PersonId,
    email: &Email,
    locale: Option<Locale>,
    now: OffsetDateTime,
) -> Result<()> {
    let purpose = Purpose::VerifyEmail;
    let new = NewToken {
        content: &Content::VerifyEmail,
        purpose,
        person: Some(person),
        email,
        locale,
        now,
        expires_at: now + PATIENCE,
    };
    if limits::may_be_proved(&mut *conn, email, now).await? {
        tokens::queue(conn, &new).await?;
        return Ok(());
    }
    tokens::keep(conn, &new).await
}

/// Sends an invitation to `email`; answers the mail that carries it.
///
/// # Errors
/// 409 `mail_not_configured` where no mail can be sent; 429 `too_many_mails`.
pub(super) async fn invite_by_mail(
    conn: &mut PgConnection,
    identity: &Identity,
    from: PersonId,
    email: &Email,
    expires_at: OffsetDateTime,
    locale: Option<Locale>,
) -> Result<i64> {
    identity.mailer.must_be_open()?;
    let now = identity.clock.now();
    limits::count_invitation(&mut *conn, from, email, now).await?;
    let from = Some(people::store::get(&mut *conn, from).await?.name);
    let new = NewToken {
        content: &Content::Invitation { from },
        purpose: Purpose::Invitation,
        person: None,
        email,
        locale,
        now,
        expires_at,
    };
    tokens::queue(conn, &new).await
}

/// Sends the mail once more: for the address that is still to be proved, or for one that an administrator gave. Answers
/// whether there is one.
pub async fn verify_again(identity: &Identity, person: PersonId, locale: Option<Locale>) -> Result<bool> {
    let mut tx = identity.db.begin().await?;
    gate::store::people::lock(&mut tx, person).await?;
    let now = identity.clock.now();
    let pending = tokens::pending_email(&mut tx, person, now).await?;
    let email = match pending {
        Some(email) => Some(email),
        None => people::store::unproved_email(&mut tx, person).await?,
    };
    let Some(email) = email else { return Ok(false) };
    identity.mailer.must_be_open()?;
    send_verification(&mut tx, person, &email, locale, now).await?;
    tx.commit().await?;
    identity.mailer.wake();
    Ok(true)
}

/// Makes the address that a token was sent to its owner's own. Their old one is told.
///
/// # Errors
/// 400 `invalid_verification_token`; 409 `email_taken` when somebody else has it by now.
pub async fn verify_email(identity: &Identity, origin: Origin, presented: &str, locale: Option<Locale>) -> Result<()> {
    let (purpose, now) = (Purpose::VerifyEmail, identity.clock.now());
    let token = MailTokenHash::of(presented).ok_or_else(invalid)?;
    let person = tokens::owner(&mut *identity.db.read().await?, purpose, token, now).await?.ok_or_else(invalid)?.person;
    let by = By { actor: Actor::Person(person), origin, now };
    let mut tx = AuditedTx::new(identity.db.begin().await?, by);
    gate::store::people::lock(&mut tx, person).await?;
    let spent = tokens::spend(&mut tx, purpose, token, now).await?.ok_or_else(invalid)?;
    let before = people::store::email(&mut tx, person).await?;
    tell_the_old_address(&mut tx, identity, person, &spent.email, locale).await?;
    people::store::set_own_email(&mut tx, person, &spent.email, now).await?;
    let verified = Event::new(Action::EmailVerified).about(person).before(json!({"email": before}));
    tx.commit([verified.after(json!({"email": spent.email}))]).await?;
    identity.mailer.wake();
    Ok(())
}

fn invalid() -> Error {
    Error::bad_request(
        "invalid_verification_token",
        "this token is unknown, was used, has expired or was replaced by a newer one; ask for another",
    )
}
