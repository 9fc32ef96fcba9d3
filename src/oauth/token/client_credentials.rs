//! A client acts for itself (RFC 6749 section 4.4).

use super::allowed::Missed;
use super::answer::IssuedTokens;
use super::scope::requested;
use crate::oauth::OAuth;
use crate::oauth::clients::Known;
use crate::oauth::dpop::Thumbprint;
use crate::oauth::error::Error;
use crate::oauth::form::Form;
use crate::oauth::scopes::{ADDRESS, EMAIL, OFFLINE_ACCESS, OPENID, PHONE, PROFILE, SUPERUSER, written};
use crate::oauth::tokens::{Grant, Subject, mint};

/// What is about a person who is logged in, or only theirs.
pub(super) const OF_A_LOGIN: [&str; 7] = [OPENID, PROFILE, EMAIL, PHONE, ADDRESS, OFFLINE_ACCESS, SUPERUSER];

/// An access token of the client's own: of its scopes those that it asks for, and of permissions those that it holds.
///
/// # Errors
/// 400 `unauthorized_client`, `invalid_scope`, `invalid_target`.
pub(super) async fn grant(
    oauth: &OAuth,
    known: &Known,
    (form, jkt): (&Form, Option<&Thumbprint>),
) -> std::result::Result<IssuedTokens, Missed> {
    let client = &known.client;
    let ended = || Error::unauthorized_client("this client is nobody by itself: it was disabled or removed");
    let subject = client.subject.ok_or_else(ended)?;
    let asked = match form.get("scope") {
        Some(scope) => requested(scope, &client.scopes)?,
        None => client.scopes.clone(),
    };
    let asked: Vec<String> = asked.into_iter().filter(|scope| !OF_A_LOGIN.contains(&scope.as_str())).collect();
    let audience = known.audience.narrowed(&oauth.issuer, form.all("resource"))?;
    let (audience, scopes) = audience.granted(&client.scopes, &asked);
    let (now, subject) = (oauth.clock.now(), Subject::Client(subject, &client.client_id));
    let grant = Grant { client, subject, audience: &audience, scopes: &scopes, login: None, jkt };
    let minted = mint(oauth, &grant, now).await?;
    let (expires_in, token_type, access_token) = (minted.expires_in(), minted.token_type(), minted.text);
    if !oauth.issues.ask(minted.new).await? {
        return Err(Missed::NotStored(ended()));
    }
    let (scope, refresh_token, id_token) = (written(&scopes), None, None);
    let issued_token_type = None;
    Ok(IssuedTokens { access_token, token_type, expires_in, scope, refresh_token, id_token, issued_token_type })
}
