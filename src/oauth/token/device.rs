//! A device polls for its tokens (RFC 8628 section 3.4).

use time::OffsetDateTime;

use super::answer::IssuedTokens;
use super::code::may_refresh;
use super::of_person::{Nonce, prepare};
use crate::base::error;
use crate::base::id::AuthorizationId;
use crate::base::opaque::oauth::DeviceCodeHash;
use crate::oauth::OAuth;
use crate::oauth::clients::Client;
use crate::oauth::device::{Poll, store};
use crate::oauth::dpop::Thumbprint;
use crate::oauth::error::{Error, Result};
use crate::oauth::form::Form;
use crate::oauth::tokens::store::authorizations;

/// The tokens of a device that somebody has let in: once. Until then it is told to go on, slower each time it comes too soon.
///
/// # Errors
/// 400 `authorization_pending`, `slow_down`, `access_denied`, `expired_token`, `invalid_grant`, `invalid_scope`,
/// `invalid_target`.
pub(super) async fn redeem(
    oauth: &OAuth,
    client: &Client,
    (form, jkt): (&Form, Option<&Thumbprint>),
) -> Result<IssuedTokens> {
    let code = DeviceCodeHash::of(form.require("device_code")?).ok_or_else(unknown)?;
    let now = oauth.clock.now();
    let mut tx = oauth.db.begin().await?;
    let polled = store::lock(&mut tx, code, client.id).await?.ok_or_else(unknown)?;
    let poll = polled.decide(now);
    let interval = if let Poll::SlowDown(interval) = poll { interval } else { polled.interval };
    store::note_poll(&mut tx, polled.id, interval, now).await?;
    tx.commit().await.map_err(error::Error::from)?;
    match poll {
        Poll::Allowed(authorization) => tokens(oauth, client, (polled.id, authorization), (form, jkt), now).await,
        Poll::Pending => Err(Error::of_a_poll("authorization_pending", "nobody has answered yet: poll again")),
        Poll::SlowDown(_) => {
            Err(Error::of_a_poll("slow_down", "wait for five seconds more between two polls, from now on"))
        }
        Poll::Denied => Err(denied()),
        Poll::Expired => Err(Error::of_a_poll("expired_token", "this code has expired: ask for another")),
        Poll::Used => Err(unknown()),
    }
}

async fn tokens(
    oauth: &OAuth,
    client: &Client,
    (device, authorization): (i64, AuthorizationId),
    (form, jkt): (&Form, Option<&Thumbprint>),
    now: OffsetDateTime,
) -> Result<IssuedTokens> {
    let found = authorizations::of_id(&mut *oauth.db.read().await?, authorization).await?;
    // It began when the person said yes; its lifetime begins now.
    let mut authorization = found.ok_or_else(denied)?;
    authorization.login.expires_at = now + oauth.sessions.families.absolute;
    let with_refresh = may_refresh(client, &authorization);
    let prepared = prepare(oauth, client, &authorization, (form, jkt), (Nonce::Left, with_refresh), now).await?;
    let ends_at = if with_refresh { authorization.login.expires_at } else { prepared.access.new.expires_at };
    let mut tx = oauth.db.begin().await?;
    authorizations::hold_owners(&mut tx, &authorization).await?;
    if !authorizations::go_on(&mut tx, authorization.id, (ends_at, jkt.filter(|_| client.is_public())), now).await? {
        return Err(denied());
    }
    if !store::redeem(&mut tx, device, now).await? {
        return Err(unknown());
    }
    if !prepared.store(&mut tx, authorization.id, None, now).await? {
        return Err(denied());
    }
    tx.commit().await.map_err(error::Error::from)?;
    Ok(prepared.answer())
}

fn unknown() -> Error {
    Error::invalid_grant("this device_code is unknown, was used, or is another client's: ask for another")
}

fn denied() -> Error {
    Error::of_a_poll("access_denied", "the person said no, or has taken it back")
}
