//! Authorizations (RFC 6749 section 4.1): a client asks, the person logs in and agrees, and the client gets a code.

mod acr;
mod agree;
mod claims;
mod code;
mod decide;
mod fault;
mod grant;
mod prompt;
mod pushed;
mod pushed_routes;
mod redirect;
mod request;
pub mod store;

pub use acr::WantedAcr;
pub use agree::{agree, deny};
pub use decide::{Next, decide};
pub use fault::Fault;
pub use grant::Grant;
pub use prompt::{MaxAge, Prompt};
pub use pushed_routes::pushed_routes;
pub(in crate::oauth) use redirect::is_registered;
pub use redirect::{Answer, ResponseMode, Target};
pub use request::{Checked, Expected, Refused, Request, check};

use std::sync::Arc;

use time::{Duration, OffsetDateTime};

use crate::base::amr::Amr;
use crate::base::error::{Error, Result};
use crate::base::id::PersonId;
use crate::base::opaque::token::TokenHash;
use crate::gate;
use crate::gate::sessions::Payload;
use crate::gate::sessions::store::authentication;
use crate::oauth::clients::Client;
use crate::oauth::{OAuth, consents};

/// A session in a browser.
#[derive(Clone, Debug)]
pub struct Browser {
    /// Its token.
    pub token: TokenHash,
    /// Whose it is.
    pub person: PersonId,
    /// What they are called.
    pub payload: Arc<Payload>,
    /// When they last proved who they are.
    pub logged_in_at: OffsetDateTime,
    /// And by what means.
    pub amr: Amr,
}

impl Browser {
    /// The session of a token, if it is one still. It is renewed when that is due.
    ///
    /// # Errors
    /// When Postgres can't be asked.
    pub async fn of(oauth: &OAuth, token: TokenHash) -> Result<Option<Self>> {
        match gate::check::check(oauth, token, None).await {
            Ok(checked) => {
                let (person, payload) = (checked.session.person, checked.session.payload);
                let proved = authentication(&mut *oauth.db.read().await?, token).await?;
                // It has ended just now, where nothing is known of it.
                Ok(proved.map(|proved| Self { token, person, payload, logged_in_at: proved.at, amr: proved.amr }))
            }
            Err(Error::Refused(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Whether whoever has this session, or none, may be sent to a client unawares: where no administrator has registered it, only if
/// they let it act for them (RFC 9700 section 4.11.2).
///
/// # Errors
/// When Postgres can't be asked.
pub async fn may_be_sent(oauth: &OAuth, client: &Client, browser: Option<&Browser>) -> Result<bool> {
    let Some(browser) = browser.filter(|_| client.is_of_stranger()) else { return Ok(!client.is_of_stranger()) };
    let mut conn = oauth.db.read().await?;
    consents::store::knows(&mut conn, (browser.person, client.id), oauth.clock.now()).await
}

impl Request {
    /// Whether a session is as new as the request wants it, or was that before somebody took this time to `read`.
    fn is_content_with(&self, browser: &Browser, now: OffsetDateTime, read: Duration) -> bool {
        let has = self.pushed.as_ref().is_some_and(|pushed| pushed.was_logged_in_for(browser));
        let age = self.max_age.map(|age| if has { age.once_logged_in() } else { age });
        age.is_none_or(|age| age.allows(browser.logged_in_at + read, now)) && (has || !self.prompt.login)
    }

    /// What `person` would grant; `None` for whom the client does not let in.
    async fn grant(&self, oauth: &OAuth, person: PersonId) -> Result<Option<Grant>> {
        let grant = Grant::of(oauth, &self.client, (&self.scopes, &self.audience), person).await?;
        Ok(grant.map(|grant| Grant { claim_scopes: self.claim_scopes.clone(), ..grant }))
    }
}
