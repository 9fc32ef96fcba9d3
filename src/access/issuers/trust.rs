//! A service begins to trust an issuer: whoever makes it so lets others speak for everybody there.

use super::store::Stored;
use super::terms::{Keys, audiences, must_be_told_apart};
use super::{ClaimName, IssuerName, NewIssuer, TrustedIssuer, store};
use crate::base::error::{Error, Result};
use crate::base::id::{IssuerId, ServiceId};
use crate::gate::Gate;
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::gate::store::{must_speak_for_all, services};
use crate::platform::http::Page;

/// How many issuers a service may trust.
const MOST: i64 = 20;

/// The claim that names a person, unless another is named (RFC 7519 section 4.1.2).
const SUBJECT: &str = "sub";

/// Makes a service trust an issuer, and tells of it. `keys` are those that `new` names, read before.
///
/// # Errors
/// 400 for what can't be told apart; 403 for who may not speak for everybody there; 404 `service_not_found`; 409 `built_in`,
/// `issuer_exists`, `too_many_issuers`.
pub async fn trust(
    gate: &Gate,
    tx: &mut AuditedTx,
    service: ServiceId,
    (new, keys): (&NewIssuer, Option<Keys>),
) -> Result<TrustedIssuer> {
    must_be_of_others(service)?;
    let keys = keys.ok_or_else(|| {
        Error::invalid_field("", "send one of `secret`, `jwks` and `jwks_uri`: what the issuer signs with")
    })?;
    let issuer = new.issuer.as_ref().map(IssuerName::as_str);
    must_be_told_apart(gate, issuer, matches!(keys, Keys::Secret(..)))?;
    services::lock(tx, service).await?;
    may_speak_for_all(tx, service).await?;
    if store::count(tx, service).await? >= MOST {
        return Err(Error::conflict("too_many_issuers", "this service trusts twenty issuers: remove those not in use"));
    }
    let stored = Stored {
        issuer: issuer.map(str::to_owned),
        audiences: audiences(&new.audiences)?,
        leeway_seconds: new.leeway_seconds.unwrap_or_default().0,
        person_claim: new.person_claim.as_ref().map_or(SUBJECT, ClaimName::as_str).to_owned(),
        person_by: new.person_by,
    };
    must_be_new(tx, service, (issuer, None)).await?;
    let by = tx.by().person();
    let made = store::insert(tx, service, (&stored, &keys), by).await?;
    tx.tell(Event::new(Action::TrustedIssuerAdded).within(service).after(&made));
    Ok(made)
}

/// Refuses (403) whoever could not do all that others may by this.
pub(super) async fn may_speak_for_all(tx: &mut AuditedTx, service: ServiceId) -> Result<()> {
    let Some(actor) = tx.by().person() else { return Ok(()) };
    let now = tx.by().now;
    must_speak_for_all(tx, actor, service, now).await
}

/// Refuses (409 `issuer_exists`) where the service trusts another one of that name, or without one.
pub(super) async fn must_be_new(
    tx: &mut AuditedTx,
    service: ServiceId,
    (issuer, this): (Option<&str>, Option<IssuerId>),
) -> Result<()> {
    let trusted = store::list(tx, service, &Page::first(None)).await?;
    let Some(other) = trusted.iter().find(|one| one.issuer.as_deref() == issuer && Some(one.id) != this) else {
        return Ok(());
    };
    let id = other.id;
    Err(store::exists(match issuer {
        Some(issuer) => format!("the service already trusts the issuer `{issuer}` (id {id}): change that one"),
        None => format!("the service already has a secret without an issuer (id {id}): change that one"),
    }))
}

/// 409: Portero itself takes its own tokens alone.
pub(super) fn must_be_of_others(service: ServiceId) -> Result<()> {
    if service == ServiceId::PORTERO {
        return Err(Error::conflict(
            "built_in",
            "Portero itself trusts no other issuer: trust one for a service of yours",
        ));
    }
    Ok(())
}
