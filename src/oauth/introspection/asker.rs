//! Who may ask what a token is good for: a confidential client, or a backend with a key of its service.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use super::{Answer, Ask, Asked, Seen};
use crate::base::id::ServiceId;
use crate::base::opaque::oauth::AccessTokenHash;
use crate::gate::audit::Origin;
use crate::gate::keys;
use crate::oauth::OAuth;
use crate::oauth::clients::{Client, Presented};
use crate::oauth::error::{Error, Result};
use crate::oauth::form::Form;
use crate::platform::http::credential::{self, Credential};

/// Who asks, as the request says.
pub(super) enum Asker {
    Key(crate::base::opaque::service_key::KeyHash),
    Client(Presented),
}

/// Who asks, proved.
pub(super) enum Proved {
    Service(ServiceId),
    Client(std::sync::Arc<Client>),
}

impl Asker {
    /// Reads who asks.
    ///
    /// # Errors
    /// 400 `invalid_request` for both; 401 `invalid_client` for neither.
    pub(super) fn read(headers: &HeaderMap, form: &Form) -> Result<Self> {
        let key = match credential::presented(headers) {
            Ok(Credential::Key(key)) => Some(key),
            _ => None,
        };
        let names_a_client =
            ["client_id", "client_secret", "client_assertion"].iter().any(|name| form.get(name).is_some());
        match key {
            // Whoever says by two headers who they are may be neither.
            Some(_) if is_of_a_client(headers) => Err(Error::invalid_client()),
            Some(_) if names_a_client => {
                Err(Error::invalid_request("a service's key and a client were sent: send one of them"))
            }
            Some(key) => Ok(Self::Key(key)),
            None => Presented::read(headers, form).map(Self::Client),
        }
    }

    /// What they ask.
    pub(super) fn ask(&self, oauth: &OAuth, token: Option<AccessTokenHash>) -> Ask {
        let by = match self {
            Self::Key(key) => Asked::Key(*key),
            Self::Client(presented) => Asked::Client(presented.ask(oauth)),
        };
        Ask { by, token, now: oauth.clock.now() }
    }

    /// Whether they are who they say they are.
    ///
    /// # Errors
    /// 401 `invalid_client`, also for a public client, which anybody can be.
    pub(super) async fn prove(&self, oauth: &OAuth, origin: &Origin, answer: &mut Answer) -> Result<Proved> {
        match self {
            Self::Key(_) => {
                let key = keys::passed(oauth, answer.key).map_err(|_| Error::invalid_client())?;
                Ok(Proved::Service(key.service))
            }
            Self::Client(presented) => {
                let known = presented.verify(oauth, origin, answer.client.take()).await?;
                if known.client.is_public() { Err(Error::invalid_client()) } else { Ok(Proved::Client(known.client)) }
            }
        }
    }
}

/// Whether `Authorization` is no key's.
fn is_of_a_client(headers: &HeaderMap) -> bool {
    let schemes = headers.get_all(AUTHORIZATION).iter().map(|value| value.to_str().unwrap_or_default());
    schemes
        .map(|value| value.split(' ').next().unwrap_or_default())
        .any(|scheme| !scheme.eq_ignore_ascii_case("bearer"))
}

impl Proved {
    /// Whether a token is for them to hear of: it is for their service, or their own. A client that no administrator has
    /// registered does not speak for its service.
    pub(super) fn may_see(&self, seen: &Seen) -> bool {
        match self {
            Self::Service(service) => seen.token.services.contains(service),
            Self::Client(client) => {
                let is_for_service = seen.token.services.contains(&client.service);
                seen.token.client == client.id || (is_for_service && !client.is_of_stranger())
            }
        }
    }
}
