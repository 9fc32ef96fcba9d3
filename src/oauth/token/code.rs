//! A code is exchanged for tokens (RFC 6749 section 4.1.3).

use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::allowed::Missed;
use super::answer::IssuedTokens;
use super::of_person::{Nonce, must_have_key, prepare};
use crate::base::error;
use crate::base::opaque::oauth::CodeHash;
use crate::gate::audit::{Action, Actor, AuditedTx, By, Origin};
use crate::oauth::OAuth;
use crate::oauth::clients::{Client, GrantType};
use crate::oauth::dpop::Thumbprint;
use crate::oauth::error::{Error, Result};
use crate::oauth::form::Form;
use crate::oauth::scopes::{OFFLINE_ACCESS, OPENID};
use crate::oauth::tokens::store::authorizations;
use crate::oauth::tokens::{Authorization, end};

/// Exchanges a code. One that was exchanged before ends all that it gave: somebody else may have it (RFC 9700 section 4.5.1).
///
/// # Errors
/// 400 `invalid_grant`, `invalid_scope`, `invalid_target`.
pub(super) async fn redeem(
    oauth: &OAuth,
    origin: &Origin,
    client: &Client,
    (form, jkt): (&Form, Option<&Thumbprint>),
) -> std::result::Result<IssuedTokens, Missed> {
    let code = CodeHash::of(form.require("code")?).ok_or_else(unknown)?;
    let found = authorizations::of_code(&mut *oauth.db.read().await?, code).await?;
    let authorization = found.filter(|found| found.client == client.id).ok_or_else(unknown)?;
    let now = oauth.clock.now();
    must_match(&authorization, form)?;
    must_have_key(&authorization, jkt)?;
    let is_in_time = authorization.code_expires_at.is_some_and(|end| now < end) && now < authorization.login.expires_at;
    if !is_in_time {
        // Too late for whoever had it; but who comes after somebody else did, tells of a theft also then.
        return Err(replayed_or(oauth, origin, client, &authorization, expired()).await.into());
    }
    let wanted = (Nonce::Told, may_refresh(client, &authorization));
    let prepared = prepare(oauth, client, &authorization, (form, jkt), wanted, now).await?;
    let mut tx = oauth.db.begin().await?;
    authorizations::hold_owners(&mut tx, &authorization).await?;
    let expires_at = prepared.outlived_at(oauth, now);
    // Whoever keeps a secret proves by that who they are, and may change their key.
    let bound_to = jkt.filter(|_| client.is_public());
    if !authorizations::redeem(&mut tx, authorization.id, (expires_at, bound_to), now).await? {
        tx.rollback().await.map_err(error::Error::from)?;
        return Err(replayed_or(oauth, origin, client, &authorization, unknown()).await.into());
    }
    if !prepared.store(&mut tx, authorization.id, None, now).await? {
        return Err(Missed::NotStored(unknown()));
    }
    tx.commit().await.map_err(error::Error::from)?;
    Ok(prepared.answer())
}

/// Whether a client gets a refresh token: if it may refresh, and, where it asks who somebody is, if that was granted
/// (OpenID Connect Core section 11).
pub(super) fn may_refresh(client: &Client, authorization: &Authorization) -> bool {
    let has = |scope: &str| authorization.scopes.iter().any(|granted| granted == scope);
    client.may(GrantType::RefreshToken) && (has(OFFLINE_ACCESS) || !has(OPENID))
}

/// Refuses a code at another redirect URI than it was sent to, and one whose verifier is not that of its challenge: neither may
/// be there without the other (RFC 9700 section 4.8.2).
fn must_match(authorization: &Authorization, form: &Form) -> Result<()> {
    if authorization.redirect_uri.as_deref() != form.get("redirect_uri") {
        return Err(Error::invalid_grant("redirect_uri is not the one that this code was sent to"));
    }
    let refused = match (&authorization.code_challenge, form.get("code_verifier")) {
        (None, None) => return Ok(()),
        (Some(_), None) => "code_verifier is missing: the code was asked for with a code_challenge",
        (None, Some(_)) => "the code was asked for without a code_challenge: leave code_verifier out",
        (Some(challenge), Some(verifier)) if is_verifier(verifier) && answers(challenge, verifier) => return Ok(()),
        (Some(_), Some(_)) => "code_verifier is not the one of the code_challenge",
    };
    Err(Error::invalid_grant(refused))
}

/// RFC 7636 section 4.1.
fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
}

/// `S256` (RFC 7636 section 4.6).
fn answers(challenge: &str, verifier: &str) -> bool {
    let computed = Base64UrlUnpadded::encode_string(&Sha256::digest(verifier));
    computed.as_bytes().ct_eq(challenge.as_bytes()).into()
}

/// Ends an authorization whose code was redeemed before; the refusal.
async fn replayed_or(
    oauth: &OAuth,
    origin: &Origin,
    client: &Client,
    authorization: &Authorization,
    refusal: Error,
) -> Error {
    let ended = async {
        if !authorizations::is_redeemed(&mut *oauth.db.read().await?, authorization.id).await? {
            return Ok(());
        }
        let by = By { actor: Actor::Anonymous, origin: origin.clone(), now: oauth.clock.now() };
        let tx = AuditedTx::new(oauth.db.begin().await?, by);
        let why = (Action::CodeReplayed, "its code came again");
        end(tx, authorization, &client.client_id, why).await
    };
    let ended: error::Result<()> = ended.await;
    ended.err().map_or(refusal, Error::from)
}

fn unknown() -> Error {
    Error::invalid_grant("this code is unknown, was used, or is another client's: begin again at /oauth/authorize")
}

fn expired() -> Error {
    Error::invalid_grant("this code has expired: begin again at /oauth/authorize")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_answers_the_challenge_of_the_standards_example() {
        // RFC 7636 appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert!(is_verifier(verifier) && answers("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", verifier));
        assert!(!answers(verifier, verifier), "plain is not taken");
        assert!(!is_verifier(&"a".repeat(42)) && !is_verifier(&"a".repeat(129)) && !is_verifier(&"ñ".repeat(43)));
    }
}
