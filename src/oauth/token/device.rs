//! A device polls for its tokens (RFC 8628 section 3.4).

use time::OffsetDateTime;

use super::allowed::{Allowed, Missed};
use super::answer::IssuedTokens;
use super::code::may_refresh;
use super::of_person::{Nonce, prepare};
use crate::base::error;
use crate::base::id::AuthorizationId;
use crate::base::opaque::oauth::DeviceCodeHash;
use crate::oauth::OAuth;
use crate::oauth::clients::{Client, Known};
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
    allowed: Allowed<'_>,
    (form, jkt): (&Form, Option<&Thumbprint>),
) -> Result<IssuedTokens> {
    let code = DeviceCodeHash::of(form.require("device_code")?).ok_or_else(unknown)?;
    let now = oauth.clock.now();
    let mut tx = oauth.db.begin().await?;
    let polled = store::lock(&mut tx, code, allowed.known.client.id).await?.ok_or_else(unknown)?;
    let poll = polled.decide(now);
    let interval = if let Poll::SlowDown(interval) = poll { interval } else { polled.interval };
    store::note_poll(&mut tx, polled.id, interval, now).await?;
    tx.commit().await.map_err(error::Error::from)?;
    match poll {
        Poll::Allowed(authorization) => {
            let what = (polled.id, authorization);
            let tokens = |known: Known| async move { tokens(oauth, &known.client, what, (form, jkt), now).await };
            allowed.issue(oauth, tokens).await
        }
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
) -> std::result::Result<IssuedTokens, Missed> {
    let found = authorizations::of_id(&mut *oauth.db.read().await?, authorization).await?;
    // It began when the person said yes; its lifetime begins now.
    let mut authorization = found.ok_or_else(denied)?;
    authorization.login.expires_at = now + oauth.sessions.families.absolute;
    let with_refresh = may_refresh(client, &authorization);
    let prepared = prepare(oauth, client, &authorization, (form, jkt), (Nonce::Left, with_refresh), now).await?;
    let ends = (prepared.outlived_at(oauth, now).min(authorization.login.expires_at), authorization.login.expires_at);
    let bound_to = jkt.filter(|_| client.is_public());
    let mut tx = oauth.db.begin().await?;
    authorizations::hold_owners(&mut tx, &authorization).await?;
    if !authorizations::go_on(&mut tx, authorization.id, ends, bound_to, now).await? {
        return Err(denied().into());
    }
    if !store::redeem(&mut tx, device, now).await? {
        return Err(unknown().into());
    }
    if !prepared.store(&mut tx, authorization.id, None, now).await? {
        return Err(Missed::NotStored(denied()));
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
