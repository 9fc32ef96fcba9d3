//! Somebody is sent to a provider.

use super::store::logins::{self, NewLogin};
use super::{BrowserHash, Kind, Onward, PATIENCE, Partner, Proofs, Refusal, Told, Wishes, github, oidc, store};
use crate::base::error::Result;
use crate::base::id::{PersonId, Ref};
use crate::base::opaque::provider::{LoginState, State};
use crate::identity::Identity;
use crate::identity::accounts::PresentedInvitation;

/// Who goes where, and what for.
#[derive(Debug)]
pub struct Departure<'a> {
    /// The provider's name.
    pub provider: &'a str,
    /// What the cookie of the browser has.
    pub browser: &'a str,
    /// Whose account is to be linked; `None`: they log in.
    pub person: Option<PersonId>,
    pub onward: Onward,
    pub invitation: Option<PresentedInvitation>,
    pub wishes: Wishes,
}

/// Notes that somebody goes to a provider; answers the address, and what the provider is called.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn depart(identity: &Identity, who: Departure<'_>) -> Result<Told<(String, String)>> {
    let row = store::find(&mut *identity.db.read().await?, &Ref::parse_name(who.provider)).await?;
    let Some(row) = row.filter(|row| row.stored.is_enabled) else { return Ok(Err(Refusal::Unknown)) };
    let partner = Partner::of(identity, row).await?;
    let now = identity.clock.now();
    let state: LoginState = identity.generate::<State>(now)?;
    let proofs = Proofs { state: state.reveal().to_owned().into(), browser: who.browser.to_owned().into() };
    let address = match partner.kind {
        Kind::Github => github::address(&partner, &proofs),
        Kind::Oidc => {
            let known = &identity.providers.metadata;
            match known.of(&identity.outbound, (partner.id, &partner.issuer), now).await {
                Ok(metadata) => oidc::address(&metadata, &partner, &proofs, &who.wishes),
                Err(why) => {
                    tracing::warn!(provider = partner.name, %why, "a login at an identity provider can't begin");
                    return Ok(Err(Refusal::Unusable));
                }
            }
        }
    };
    let new = NewLogin {
        state: state.hash(),
        browser: BrowserHash::of(who.browser),
        provider: partner.id,
        person: who.person,
        onward: &who.onward,
        invitation: who.invitation,
        now,
    };
    let mut tx = identity.db.begin().await?;
    logins::insert(&mut tx, &new, now - PATIENCE).await?;
    tx.commit().await?;
    Ok(Ok((address, partner.display_name)))
}
