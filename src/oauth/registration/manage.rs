//! A client that has registered itself looks after that (RFC 7592).

use super::metadata::{Metadata, in_its_words, invalid};
use super::register::registration;
use super::store;
use crate::base::error;
use crate::base::opaque::oauth::{ClientSecret, ClientSecretHash, RegistrationAccessHash};
use crate::gate::access_tokens::scope::is_of_a_service;
use crate::gate::audit::{Actor, AuditedTx, By, Origin};
use crate::oauth::OAuth;
use crate::oauth::clients::{self, Ask, Client, Registration, Shown, change, remove};
use crate::oauth::error::{Error, Result};

/// The client that a token belongs to, if that is the one that is named. An unknown token, one of another client and one of a
/// client that is gone are the same.
///
/// # Errors
/// 401 `invalid_token`.
pub(super) async fn authenticate(oauth: &OAuth, token: RegistrationAccessHash, client_id: &str) -> Result<Client> {
    let mut conn = oauth.db.read().await?;
    let own = store::client_of(&mut conn, token).await?.filter(|own| own == client_id);
    let own = own.ok_or_else(Error::invalid_token)?;
    clients::store::find(&mut conn, &own).await?.ok_or_else(Error::invalid_token)
}

/// Writes all of a client anew: what is not said is as if it had never been. What is not for it to say stays: whom it lets in,
/// what its tokens are for, whether people are asked. So does what it must do: PKCE, DPoP, pushed requests. Answers a secret,
/// too, where it has just come to need one.
///
/// # Errors
/// 400 `invalid_client_metadata`, `invalid_redirect_uri`; 401 `invalid_token` for a client that has ended meanwhile.
pub(super) async fn replace(
    oauth: &OAuth,
    origin: &Origin,
    client: &Client,
    said: &Metadata,
) -> Result<(Shown, Option<ClientSecret>)> {
    must_be_of(oauth, client, said).await?;
    let says_scope = said.0.get("scope").is_some_and(|scope| !scope.is_null());
    let said = registration(client.service, said)?;
    if says_scope {
        must_be_within(&said.scopes, &client.scopes)?;
    }
    let new = Registration {
        requires_pkce: client.requires_pkce || client.is_public() || said.is_public(),
        requires_dpop: client.requires_dpop || said.requires_dpop,
        requires_par: client.requires_par || said.requires_par,
        name: said.name,
        auth_method: said.auth_method,
        grant_types: said.grant_types,
        redirect_uris: said.redirect_uris,
        post_logout_redirect_uris: said.post_logout_redirect_uris,
        backchannel_logout_uri: said.backchannel_logout_uri,
        scopes: if says_scope { said.scopes } else { client.scopes.clone() },
        signing_alg: said.signing_alg,
        jwks: said.jwks,
        jwks_uri: said.jwks_uri,
        ..Registration::from(client)
    };
    let now = oauth.clock.now();
    let mut tx = AuditedTx::new(oauth.db.begin().await?, by(oauth, origin));
    let shown = change::replace(&mut tx, &oauth.outbound, client, new).await.map_err(gone_or_in_its_words)?;
    let secret = clients::missing_secret(&mut tx, oauth, &shown, now).await?;
    tx.commit([]).await?;
    Ok((shown, secret))
}

/// Refuses (400 `invalid_client_metadata`) scopes by which a client could get more than by those that it has: an administrator may
/// have taken the rest from it.
fn must_be_within(said: &[String], had: &[String]) -> Result<()> {
    let permissions = |scopes: &[String]| scopes.iter().filter(|scope| is_of_a_service(scope)).count();
    let more = said.iter().find(|scope| !had.contains(scope) && (permissions(had) > 0 || !is_of_a_service(scope)));
    match more {
        Some(scope) => {
            Err(invalid(&format!("scope is not for this client to widen: an administrator gives it {scope}")))
        }
        None if permissions(had) > 0 && permissions(said) == 0 => {
            Err(invalid("scope has no permission any more, which would allow all of them: delete the client instead"))
        }
        None => Ok(()),
    }
}

/// Deletes a client.
///
/// # Errors
/// 401 `invalid_token` for a client that has ended meanwhile.
pub(super) async fn delete(oauth: &OAuth, origin: &Origin, client: &Client) -> Result<()> {
    let mut tx = AuditedTx::new(oauth.db.begin().await?, by(oauth, origin));
    remove(&mut tx, client, None).await.map_err(gone_or_in_its_words)?;
    tx.commit([]).await?;
    Ok(())
}

fn by(oauth: &OAuth, origin: &Origin) -> By {
    By { actor: Actor::Anonymous, origin: origin.clone(), now: oauth.clock.now() }
}

/// Whoever says who they are, and with which secret, says what is true (section 2.2).
async fn must_be_of(oauth: &OAuth, client: &Client, said: &Metadata) -> Result<()> {
    if said.text("client_id") != Some(client.client_id.as_str()) {
        return Err(invalid("client_id must be that of this client"));
    }
    let Some(secret) = said.0.get("client_secret") else { return Ok(()) };
    let secret = secret.as_str().and_then(ClientSecretHash::of);
    let ask = Ask { client_id: client.client_id.clone(), secret, now: oauth.clock.now() };
    let knows = oauth.client_lookups.ask(ask).await?.is_some_and(|known| known.knows_secret);
    if knows { Ok(()) } else { Err(invalid("client_secret must be that of this client: leave it out")) }
}

fn gone_or_in_its_words(refused: error::Error) -> Error {
    match &refused {
        error::Error::Refused(refusal) if refusal.code == "client_not_found" => Error::invalid_token(),
        _ => in_its_words(refused),
    }
}
