//! In what a service trusts an issuer is changed, or it trusts it no longer.

use serde_json::json;

use super::store::Stored;
use super::terms::{Keys, audiences, must_be_told_apart};
use super::trust::{may_speak_for_all, must_be_new};
use super::{ClaimName, IssuerChange, IssuerName, TrustedIssuer, store};
use crate::base::error::Result;
use crate::base::id::{Id, IssuerId, ServiceId};
use crate::base::patch::Patch;
use crate::gate::Gate;
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::gate::store::services;
use crate::platform::http::{IfMatch, Tagged};

/// Changes a trusted issuer of `service`, and tells of it. `keys` are those that `change` names, read before.
///
/// # Errors
/// As of [`trust`](super::trust()); 404 `issuer_not_found`; 412 where it is not as `if_match` says.
pub async fn change(
    gate: &Gate,
    tx: &mut AuditedTx,
    (service, id): (ServiceId, IssuerId),
    (change, keys): (&IssuerChange, Option<Keys>),
    if_match: Option<&IfMatch>,
) -> Result<Tagged<TrustedIssuer>> {
    let before = held(tx, (service, id), if_match).await?;
    may_speak_for_all(tx, service).await?;
    let has_secret = keys.as_ref().map_or(before.has_secret, |keys| matches!(keys, Keys::Secret(..)));
    let issuer = match &change.issuer {
        Patch::Keep => before.issuer.clone(),
        Patch::Clear => None,
        Patch::Set(issuer) => Some(IssuerName::as_str(issuer).to_owned()),
    };
    must_be_told_apart(gate, issuer.as_deref(), has_secret)?;
    must_be_new(tx, service, (issuer.as_deref(), Some(id))).await?;
    let stored = Stored {
        issuer,
        audiences: match &change.audiences {
            Some(names) => audiences(names)?,
            None => before.audiences.clone(),
        },
        leeway_seconds: change.leeway_seconds.map_or(before.leeway_seconds, |leeway| leeway.0),
        person_claim: change.person_claim.as_ref().map_or(before.person_claim.as_str(), ClaimName::as_str).to_owned(),
        person_by: change.person_by.unwrap_or(before.person_by),
    };
    store::update(tx, id, (&stored, keys.as_ref())).await?;
    let after = store::find(tx, service, id).await?.ok_or_else(IssuerId::not_found)?;
    let mut event = Event::new(Action::TrustedIssuerChanged).within(service).changed(&before, &after);
    if let (Some(Keys::Secret(..)), Some(after)) = (&keys, &mut event.after) {
        after["secret_changed"] = json!(true);
    }
    tx.tell(event);
    Tagged::whole(after)
}

/// Makes a service trust an issuer no longer, and tells of it: its tokens are refused from the very next check on.
///
/// # Errors
/// 404 `issuer_not_found`; 412 where it is not as `if_match` says.
pub async fn distrust(
    tx: &mut AuditedTx,
    (service, id): (ServiceId, IssuerId),
    if_match: Option<&IfMatch>,
) -> Result<TrustedIssuer> {
    let before = held(tx, (service, id), if_match).await?;
    store::delete(tx, id).await?;
    tx.tell(Event::new(Action::TrustedIssuerRemoved).within(service).before(&before));
    Ok(before)
}

async fn held(
    tx: &mut AuditedTx,
    (service, id): (ServiceId, IssuerId),
    if_match: Option<&IfMatch>,
) -> Result<TrustedIssuer> {
    services::lock(tx, service).await?;
    let before = Tagged::whole(store::find(tx, service, id).await?.ok_or_else(IssuerId::not_found)?)?;
    if let Some(if_match) = if_match {
        if_match.allows(&before.etag)?;
    }
    Ok(before.shown)
}
