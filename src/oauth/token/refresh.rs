//! A refresh token is exchanged for new tokens (RFC 6749 section 6), or ends all of its authorization (RFC 9700 section
//! 4.14.2).

use time::Duration;

use super::allowed::Missed;
use super::answer::IssuedTokens;
use super::of_person::{Nonce, must_have_key, prepare};
use crate::base::error;
use crate::base::opaque::oauth::ClientRefreshHash;
use crate::gate::audit::{Action, Actor, AuditedTx, By, Origin};
use crate::gate::sessions::{Family, RefreshDecision};
use crate::oauth::OAuth;
use crate::oauth::clients::Client;
use crate::oauth::dpop::Thumbprint;
use crate::oauth::error::Error;
use crate::oauth::form::Form;
use crate::oauth::tokens::end;
use crate::oauth::tokens::store::{authorizations, refresh_tokens};
use crate::platform::http::rate_limit;

/// Exchanges a refresh token for a new one beside a new access token. Shortly after, the same one is good for siblings: tabs
/// that refresh at once are no thieves, and a lost answer is asked for again. After that, or once somebody has gone on with
/// what it was exchanged for, all tokens of that login end.
///
/// # Errors
/// 400 `invalid_grant`, also for another client's; `invalid_scope`, `invalid_target`; 429.
pub(super) async fn refresh(
    oauth: &OAuth,
    origin: &Origin,
    client: &Client,
    (form, jkt): (&Form, Option<&Thumbprint>),
) -> std::result::Result<IssuedTokens, Missed> {
    let presented = ClientRefreshHash::of(form.require("refresh_token")?).ok_or_else(unknown)?;
    let found = authorizations::of_refresh_token(&mut *oauth.db.read().await?, presented).await?;
    let now = oauth.clock.now();
    let authorization = found.filter(|found| found.client == client.id && found.is_live(oauth, now));
    let authorization = authorization.ok_or_else(unknown)?;
    must_have_key(&authorization, jkt)?;
    let prepared = prepare(oauth, client, &authorization, (form, jkt), (Nonce::Left, true), now).await?;
    let by = By { actor: Actor::Anonymous, origin: origin.clone(), now };
    let mut tx = AuditedTx::new(oauth.db.begin().await?, by);
    authorizations::hold_owners(&mut tx, &authorization).await?;
    if !authorizations::refresh(&mut tx, authorization.id, prepared.outlived_at(oauth, now), now).await? {
        return Err(unknown().into());
    }
    let state = refresh_tokens::state(&mut tx, presented).await?.ok_or_else(unknown)?;
    match state.decide(oauth.sessions.families.grace, now) {
        RefreshDecision::First => refresh_tokens::spend(&mut tx, authorization.id, presented, now).await?,
        RefreshDecision::Sibling if state.children >= i64::from(Family::REFRESHES) => return Err(too_many().into()),
        RefreshDecision::Sibling => {}
        // Whether anybody has used the access token of before is not known.
        RefreshDecision::IfUnused | RefreshDecision::Refused => {
            let why = (Action::ClientRefreshReplayed, "a refresh token came again");
            end(tx, &authorization, &client.client_id, why).await?;
            return Err(unknown().into());
        }
    }
    if !prepared.store(&mut tx, authorization.id, Some(presented), now).await? {
        return Err(Missed::NotStored(unknown()));
    }
    tx.commit([]).await?;
    Ok(prepared.answer())
}

fn unknown() -> Error {
    Error::invalid_grant("this refresh token is unknown, expired, revoked or another client's: log in again")
}

fn too_many() -> Error {
    let what = "this refresh token was exchanged too often at once: once is enough";
    let wait = Duration::SECOND.unsigned_abs();
    error::Error::into(rate_limit::share_is_taken("too_many_refreshes", what, ("refreshes", Family::REFRESHES), wait))
}
