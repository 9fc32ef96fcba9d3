//! A program registers itself.

use url::Url;

use super::metadata::{Metadata, in_its_words};
use super::routes::must_be_on;
use super::store;
use crate::base::id::ServiceId;
use crate::base::opaque::oauth::{InitialAccessHash, RegistrationAccessToken};
use crate::gate::audit::{Actor, AuditedTx, By, Origin};
use crate::oauth::OAuth;
use crate::oauth::clients::{self, ClientName, Consent, Identifier, Registered, Registration, described};
use crate::oauth::error::{Error, Result};

/// What such a client is registered with: people are always asked.
pub(super) fn registration(service: ServiceId, said: &Metadata) -> Result<Registration> {
    let mut rest = described::read(&said.0).map_err(in_its_words)?;
    let name = rest.client_name.take().unwrap_or_else(|| name_of(rest.redirect_uris.as_deref().unwrap_or_default()));
    let mut new = Registration::begin(name, service, rest, None).map_err(in_its_words)?;
    new.consent = Consent::Ask;
    Ok(new)
}

/// What a client without a name is called: as the host that people go on to.
fn name_of(redirect_uris: &[String]) -> ClientName {
    let host = redirect_uris.first().and_then(|uri| Url::parse(uri).ok()?.host_str().map(str::to_owned));
    let unnamed = || ClientName::try_from("Application".to_owned());
    let name = host.and_then(|host| ClientName::try_from(host).ok()).map_or_else(unnamed, Ok);
    name.expect("a name")
}

/// Registers a client with an initial access token, of which that is one use. Of racing ones no more succeed than it has.
///
/// # Errors
/// 400 `invalid_client_metadata`, `invalid_redirect_uri`; 401 `invalid_token`; 403 `access_denied` for a service that has as
/// many clients as it may.
pub(super) async fn register(
    oauth: &OAuth,
    origin: &Origin,
    token: InitialAccessHash,
    said: &Metadata,
) -> Result<(Registered, RegistrationAccessToken)> {
    let now = oauth.clock.now();
    let by = By { actor: Actor::Anonymous, origin: origin.clone(), now };
    let mut tx = AuditedTx::new(oauth.db.begin().await?, by);
    let service = store::service_of(&mut tx, token, now).await?.ok_or_else(Error::invalid_token)?;
    must_be_on(oauth)?;
    let new = registration(service, said)?;
    let identifier = Identifier::of_random(oauth.random_id()?);
    let made = clients::register(&mut tx, oauth, (service, identifier), &new, None).await.map_err(in_its_words)?;
    // Last: it is locked for as short as can be, and after the service.
    if !store::spend(&mut tx, token, now).await? {
        return Err(Error::invalid_token());
    }
    let access: RegistrationAccessToken = oauth.generate(now)?;
    store::set_access_token(&mut tx, made.shown.id, access.hash()).await?;
    tx.commit([]).await?;
    Ok((made, access))
}
