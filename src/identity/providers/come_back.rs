//! Somebody comes back from a provider.

use super::account::{Account, Fault};
use super::store::logins::{self, Login};
use super::{BrowserHash, Kind, PATIENCE, Partner, Proofs, Refusal, Told, github, oidc, store};
use crate::base::error::Result;
use crate::base::id::Ref;
use crate::base::opaque::provider::LoginStateHash;
use crate::identity::Identity;

/// What the browser brings (RFC 6749 section 4.1.2).
#[derive(Clone, Copy, Debug)]
pub struct Returning<'a> {
    /// The provider at whose address it arrives.
    pub provider: &'a str,
    /// What the cookie of the browser has.
    pub browser: Option<&'a str>,
    pub state: Option<&'a str>,
    pub code: Option<&'a str>,
    /// Why there is no code.
    pub error: Option<&'a str>,
    /// Who answers (RFC 9207).
    pub iss: Option<&'a str>,
}

/// Somebody who is back, and whom the provider is still to be asked about.
#[derive(Debug)]
pub struct Back {
    pub login: Login,
    partner: Partner,
    proofs: Proofs,
}

/// Somebody whom a provider knows, and what they wanted.
#[derive(Debug)]
pub struct Returned {
    pub partner: Partner,
    pub login: Login,
    pub account: Account,
}

/// Takes what a browser brings from a provider, once.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn come_back(identity: &Identity, who: &Returning<'_>) -> Result<Told<Back>> {
    let row = store::find(&mut *identity.db.read().await?, &Ref::parse_name(who.provider)).await?;
    let Some(row) = row.filter(|row| row.stored.is_enabled) else { return Ok(Err(Refusal::Unknown)) };
    let (Some(state), Some(browser)) = (who.state, who.browser) else { return Ok(Err(Refusal::Over)) };
    let Some(hash) = LoginStateHash::of(state) else { return Ok(Err(Refusal::Over)) };
    let mut tx = identity.db.begin().await?;
    let since = identity.clock.now() - PATIENCE;
    let login = logins::take(&mut tx, (hash, BrowserHash::of(browser), row.id), since).await?;
    tx.commit().await?;
    let Some(login) = login else { return Ok(Err(Refusal::Over)) };
    let partner = Partner::of(identity, row).await?;
    let proofs = Proofs { state: state.to_owned().into(), browser: browser.to_owned().into() };
    Ok(Ok(Back { login, partner, proofs }))
}

/// Asks the provider who that is.
///
/// # Errors
/// `Denied` and `Unusable`.
pub async fn recognize(identity: &Identity, back: Back, who: &Returning<'_>) -> Told<Returned> {
    let Back { login, partner, proofs } = back;
    match asked(identity, (&partner, &proofs), who).await {
        Ok(Some(account)) => Ok(Returned { partner, login, account }),
        Ok(None) => Err(Refusal::Denied),
        Err(why) => {
            tracing::warn!(provider = partner.name, %why, "the answer of an identity provider is refused");
            Err(Refusal::Unusable)
        }
    }
}

/// Who it is; `None` where they, or the provider, said no.
async fn asked(
    identity: &Identity,
    (partner, proofs): (&Partner, &Proofs),
    who: &Returning<'_>,
) -> std::result::Result<Option<Account>, Fault> {
    // Before anything is sent anywhere: a code of one provider is not for another (RFC 9700 section 4.4).
    if who.iss.is_some_and(|iss| iss != partner.issuer) {
        return Err(Fault::because("its answer is of another issuer"));
    }
    let metadata = match partner.kind {
        Kind::Github => None,
        Kind::Oidc => {
            let known = &identity.providers.metadata;
            Some(known.of(&identity.outbound, (partner.id, &partner.issuer), identity.clock.now()).await?)
        }
    };
    if who.iss.is_none() && metadata.as_ref().is_some_and(|metadata| metadata.names_itself) {
        return Err(Fault::because("its answer does not say whose it is, though it says that its answers do"));
    }
    if who.error == Some("access_denied") {
        return Ok(None);
    }
    let code = match (who.error, who.code) {
        (None, Some(code)) => code,
        (Some(error), _) => {
            let error: String = error.chars().filter(char::is_ascii_graphic).take(80).collect();
            return Err(Fault(format!("it answered {error}")));
        }
        (None, None) => return Err(Fault::because("its answer has no code")),
    };
    let account = match &metadata {
        None => github::redeem(identity, (partner, proofs), code).await?,
        Some(metadata) => oidc::redeem(identity, metadata, (partner, proofs), code).await?,
    };
    Ok(Some(account))
}
