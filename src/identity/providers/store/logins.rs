//! The table `auth.provider_logins`: who was sent to a provider, and is to come back.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::{PersonId, ProviderId};
use crate::base::opaque::invitation::InvitationHash;
use crate::base::opaque::mail_token::MailTokenHash;
use crate::base::opaque::provider::LoginStateHash;
use crate::identity::accounts::PresentedInvitation;
use crate::identity::providers::{BrowserHash, Onward};

/// A login that begins.
#[derive(Debug)]
pub struct NewLogin<'a> {
    pub state: LoginStateHash,
    pub browser: BrowserHash,
    pub provider: ProviderId,
    /// Whose account is to be linked.
    pub person: Option<PersonId>,
    pub onward: &'a Onward,
    pub invitation: Option<PresentedInvitation>,
    pub now: OffsetDateTime,
}

/// Notes a login, and forgets some that nobody has come back from: more than begin, so that they never pile up.
pub async fn insert(conn: &mut PgConnection, new: &NewLogin<'_>, over: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        r#"
        delete from auth.provider_logins
        where state in (
            select state from auth.provider_logins where created_at <= $1 order by created_at limit 10 for update skip locked
        )
        "#,
        over,
    )
    .execute(&mut *conn)
    .await?;
    let (invitation, is_mailed) = match &new.invitation {
        Some(PresentedInvitation::HandedOver(hash)) => (Some(hash.as_bytes()), false),
        Some(PresentedInvitation::Mailed(hash)) => (Some(hash.as_bytes()), true),
        Some(PresentedInvitation::Other) | None => (None, false),
    };
    sqlx::query!(
        r#"
        insert into auth.provider_logins
            (state, browser, provider_id, person_id, request, device, invitation, is_mailed, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        "#,
        new.state.as_bytes(),
        new.browser.as_bytes(),
        new.provider.0,
        new.person.map(|person| person.0),
        new.onward.request,
        new.onward.device,
        invitation,
        is_mailed,
        new.now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A login that somebody has come back from.
#[derive(Debug)]
pub struct Login {
    pub person: Option<PersonId>,
    pub onward: Onward,
    pub invitation: Option<PresentedInvitation>,
}

/// Takes the login that has this state, in the browser in which it began: nobody takes it again.
pub async fn take(
    conn: &mut PgConnection,
    (state, browser, provider): (LoginStateHash, BrowserHash, ProviderId),
    since: OffsetDateTime,
) -> Result<Option<Login>> {
    let row = sqlx::query!(
        r#"
        delete from auth.provider_logins
        where state = $1 and browser = $2 and provider_id = $3 and created_at > $4
        returning person_id as "person: PersonId", request, device, invitation, is_mailed
        "#,
        state.as_bytes(),
        browser.as_bytes(),
        provider.0,
        since,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| {
        let bytes = row.invitation.as_deref();
        let invitation = if row.is_mailed {
            bytes.and_then(MailTokenHash::stored).map(PresentedInvitation::Mailed)
        } else {
            bytes.and_then(InvitationHash::stored).map(PresentedInvitation::HandedOver)
        };
        Login { person: row.person, onward: Onward { request: row.request, device: row.device }, invitation }
    }))
}
