//! A client that has registered itself looks after that (RFC 7592).

use super::metadata::{Metadata, in_its_words, invalid};
use super::register::registration;
use super::store;
use crate::base::error;
use crate::base::opaque::oauth::{ClientSecret, ClientSecretHash, RegistrationAccessHash};
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
/// what its tokens are for, whether people are asked. A secret, where it has just come to need one.
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
    let said_now = registration(client.service, said)?;
    let new = Registration {
        audience: client.audience.clone(),
        token_format: client.token_format,
        token_seconds: Registration::from(client).token_seconds,
        requires_pkce: client.requires_pkce || client.is_public() || said_now.is_public(),
        consent: client.consent,
        admits: client.admits,
        ..said_now
    };
    let now = oauth.clock.now();
    let mut tx = AuditedTx::new(oauth.db.begin().await?, by(oauth, origin));
    let shown = change::replace(&mut tx, client, new).await.map_err(gone_or_in_its_words)?;
    let secret = clients::missing_secret(&mut tx, oauth, &shown, now).await?;
    tx.commit([]).await?;
    Ok((shown, secret))
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
