//! Tokens are prepared for a client as it was when it was looked up, and stored if it is so still.

use super::answer::IssuedTokens;
use crate::base::error;
use crate::oauth::OAuth;
use crate::oauth::clients::{Ask, GrantType, Known};
use crate::oauth::dpop::Thumbprint;
use crate::oauth::error::{Error, Result};

/// So often they are prepared. Nobody changes a client as often as that.
const TRIES: u32 = 4;

/// Why there are no tokens.
#[derive(Debug)]
pub(super) enum Missed {
    /// They are refused.
    Refused(Error),
    /// They were not stored: refused, unless that is because the client has changed meanwhile.
    NotStored(Error),
}

impl From<Error> for Missed {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<error::Error> for Missed {
    fn from(error: error::Error) -> Self {
        Self::Refused(error.into())
    }
}

/// A client that may get tokens by a grant.
#[derive(Clone, Debug)]
pub(super) struct Allowed<'a> {
    pub(super) known: Known,
    grant: GrantType,
    key: Option<&'a Thumbprint>,
}

impl<'a> Allowed<'a> {
    /// Refuses (400) a client that was not registered for the grant, and one that must prove a key and has not.
    pub(super) fn new(known: Known, grant: GrantType, key: Option<&'a Thumbprint>) -> Result<Self> {
        if !known.client.may(grant) {
            return Err(Error::unauthorized_client("this client was not registered for this grant_type"));
        }
        if known.client.requires_dpop && key.is_none() {
            return Err(Error::invalid_request(
                "the tokens of this client are bound to a key: send a proof in the header DPoP (RFC 9449)",
            ));
        }
        Ok(Self { known, grant, key })
    }

    /// What `issue` answers for the client as it is: asked once more where that has changed while the tokens were prepared.
    ///
    /// # Errors
    /// Those of `issue`, and of [`Allowed::new`] where the client may get tokens so no longer.
    pub(super) async fn issue<F>(mut self, oauth: &OAuth, issue: impl Fn(Known) -> F) -> Result<IssuedTokens>
    where
        F: Future<Output = std::result::Result<IssuedTokens, Missed>>,
    {
        for _ in 0..TRIES {
            let refusal = match issue(self.known.clone()).await {
                Ok(tokens) => return Ok(tokens),
                Err(Missed::Refused(refusal)) => return Err(refusal),
                Err(Missed::NotStored(refusal)) => refusal,
            };
            let client = &self.known.client;
            let ask = Ask { client_id: client.client_id.clone(), secret: None, now: oauth.clock.now() };
            self = match oauth.client_lookups.ask(ask).await? {
                Some(changed) if changed.client.version != client.version => Self::new(changed, self.grant, self.key)?,
                _ => return Err(refusal),
            };
        }
        Err(error::Error::Busy("a client was changed again and again while tokens were prepared for it").into())
    }
}
