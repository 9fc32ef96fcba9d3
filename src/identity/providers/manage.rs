//! Providers are added, changed and removed. Whoever does that says whom others may let in: it takes who may speak for everybody.

use serde_json::json;

use super::provider::{MOST_GROUPS, attributes, scopes};
use super::sealed::Sealed;
use super::store::{self, Row, Stored, sessions};
use super::{NewProvider, Provider, ProviderChange, WantedMapping};
use crate::base::error::{Error, Result};
use crate::base::id::{GroupId, PersonId, ProviderId, Ref, ServiceId};
use crate::base::names::ClaimName;
use crate::base::patch::Patch;
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::gate::store::{must_cover_group, must_speak_for_all, people};
use crate::gate::{Gate, store as gate_store};
use crate::platform::http::{IfMatch, Tagged};

/// How many providers there may be.
const MOST: i64 = 50;

/// Adds a provider, and tells of it. `secret` is that of `new`, sealed before.
///
/// # Errors
/// 400 for what can't be one; 403 for who may not speak for everybody; 409 `provider_exists`, `too_many_providers`.
pub async fn add(gate: &Gate, tx: &mut AuditedTx, new: &NewProvider, secret: Option<Sealed>) -> Result<Provider> {
    may_let_others_in(tx).await?;
    if new.issuer.as_str() == gate.foreign.own_issuer() {
        return Err(Error::invalid_field("issuer", "is Portero itself"));
    }
    gate.outbound.may_be_named(new.issuer.as_str()).map_err(|fault| Error::invalid_field("issuer", &fault))?;
    let groups = resolve(tx, &new.groups).await?;
    if store::count(tx).await? >= MOST {
        return Err(Error::conflict("too_many_providers", "there are fifty providers: remove those not in use"));
    }
    let display_name = new.display_name.as_ref().map_or(new.name.as_str(), |name| name.as_str());
    let stored = Stored {
        name: new.name.as_str().to_owned(),
        display_name: display_name.to_owned(),
        kind: new.kind,
        issuer: new.issuer.as_str().to_owned(),
        client_id: new.client_id.as_str().to_owned(),
        secret,
        scopes: scopes(new.kind, new.scopes.as_deref())?,
        newcomers: new.newcomers,
        attributes: attributes(&new.attributes)?,
        groups_claim: new.groups_claim.as_ref().map(|claim| claim.as_str().to_owned()),
        is_enabled: true,
    };
    let by = tx.by().person();
    let id = store::insert(tx, &stored, by).await?;
    store::set_groups(tx, id, &groups).await?;
    let made = held(tx, id).await?.shown(gate.foreign.own_issuer());
    tx.tell(Event::new(Action::ProviderAdded).after(&made));
    Ok(made)
}

/// Changes a provider, and tells of it. `secret` is that of `change`, sealed before.
///
/// # Errors
/// As of [`add`]; 404 `provider_not_found`; 412 where it is not as `if_match` says.
pub async fn change(
    gate: &Gate,
    tx: &mut AuditedTx,
    id: ProviderId,
    (change, secret): (&ProviderChange, Patch<Sealed>),
    if_match: Option<&IfMatch>,
) -> Result<Tagged<Provider>> {
    may_let_others_in(tx).await?;
    let groups = match &change.groups {
        Some(wanted) => Some(resolve(tx, wanted).await?),
        None => None,
    };
    store::lock(tx, id).await?;
    let row = held(tx, id).await?;
    let mut stored = row.stored.clone();
    let before = Tagged::whole(row.shown(gate.foreign.own_issuer()))?;
    if let Some(if_match) = if_match {
        if_match.allows(&before.etag)?;
    }
    let is_other_secret = !secret.keeps();
    merge(&mut stored, change, secret)?;
    store::update(tx, id, &stored).await?;
    if let Some(groups) = groups {
        store::set_groups(tx, id, &groups).await?;
    }
    let after = held(tx, id).await?.shown(gate.foreign.own_issuer());
    let mut event = Event::new(Action::ProviderChanged).changed(&before.shown, &after);
    if let (true, Some(told)) = (is_other_secret, &mut event.after) {
        told["secret_changed"] = json!(true);
    }
    tx.tell(event);
    Tagged::whole(after)
}

fn merge(stored: &mut Stored, change: &ProviderChange, secret: Patch<Sealed>) -> Result<()> {
    if let Some(name) = &change.display_name {
        name.as_str().clone_into(&mut stored.display_name);
    }
    if let Some(client_id) = &change.client_id {
        client_id.as_str().clone_into(&mut stored.client_id);
    }
    match secret {
        Patch::Keep => {}
        Patch::Clear => stored.secret = None,
        Patch::Set(sealed) => stored.secret = Some(sealed),
    }
    if let Some(wanted) = &change.scopes {
        stored.scopes = scopes(stored.kind, Some(wanted))?;
    }
    stored.newcomers = change.newcomers.unwrap_or(stored.newcomers);
    if let Some(wanted) = &change.attributes {
        stored.attributes = attributes(wanted)?;
    }
    match &change.groups_claim {
        Patch::Keep => {}
        Patch::Clear => stored.groups_claim = None,
        Patch::Set(claim) => stored.groups_claim = Some(ClaimName::as_str(claim).to_owned()),
    }
    stored.is_enabled = change.enabled.unwrap_or(stored.is_enabled);
    Ok(())
}

/// Removes a provider with all its links, and tells of it: the sessions that began there end.
///
/// # Errors
/// 403 for who may not speak for everybody; 404 `provider_not_found`; 412 where it is not as `if_match` says.
pub async fn remove(gate: &Gate, tx: &mut AuditedTx, id: ProviderId, if_match: Option<&IfMatch>) -> Result<Provider> {
    may_let_others_in(tx).await?;
    let people: Vec<PersonId> = sessions::people_of(tx, id).await?;
    people::lock_all(tx, &people).await?;
    store::lock(tx, id).await?;
    let before = Tagged::whole(held(tx, id).await?.shown(gate.foreign.own_issuer()))?;
    if let Some(if_match) = if_match {
        if_match.allows(&before.etag)?;
    }
    let begun = sessions::of_provider(tx, id).await?;
    let ended = sessions::end(tx, &begun).await?;
    store::delete(tx, id).await?;
    let gone = Event::new(Action::ProviderRemoved).before(&before.shown);
    tx.tell(if ended > 0 { gone.after(json!({"sessions_ended": ended})) } else { gone });
    Ok(before.shown)
}

async fn held(tx: &mut AuditedTx, id: ProviderId) -> Result<Row> {
    let id = Ref::Id(id);
    store::find(tx, &id).await?.ok_or_else(|| id.absent())
}

/// Refuses (403) whoever could not do all that others may by this.
async fn may_let_others_in(tx: &mut AuditedTx) -> Result<()> {
    let Some(actor) = tx.by().person() else { return Ok(()) };
    let now = tx.by().now;
    must_speak_for_all(tx, actor, ServiceId::PORTERO, now).await
}

/// The groups that are named, of which whoever makes this so must cover each.
async fn resolve(tx: &mut AuditedTx, wanted: &[WantedMapping]) -> Result<Vec<(String, GroupId)>> {
    if wanted.len() > MOST_GROUPS {
        return Err(Error::invalid_field("groups", "at most 200"));
    }
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    gate_store::groups::hold(tx).await?;
    let (actor, now) = (tx.by().person(), tx.by().now);
    let mut groups = Vec::with_capacity(wanted.len());
    for mapping in wanted {
        let group = gate_store::groups::resolve(tx, &mapping.group_id).await?;
        if let Some(actor) = actor {
            must_cover_group(tx, actor, group, gate_store::Through::Now(now), now).await?;
        }
        groups.push((mapping.value.as_str().to_owned(), group));
    }
    Ok(groups)
}
