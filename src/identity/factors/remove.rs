//! Factors are removed: one by its owner, all by who may take them.

use serde_json::json;

use super::{FactorName, store};
use crate::base::error::{Error, Result};
use crate::base::id::{FactorId, Id, PersonId};
use crate::gate;
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::gate::store::{is_administrator, must_be_as_mighty, must_cover_person};
use crate::identity::Identity;
use crate::identity::mail::{self, Content};
use crate::identity::people;

/// Renames one of somebody's factors. To be done under a lock of the person.
///
/// # Errors
/// 404 `factor_not_found`.
pub async fn rename(tx: &mut AuditedTx, person: PersonId, id: FactorId, name: &FactorName) -> Result<()> {
    let before = store::totp::rename(tx, person, id, name).await?.ok_or_else(FactorId::not_found)?;
    let (before, after) = (json!({"id": id, "name": before}), json!({"id": id, "name": name}));
    tx.tell(Event::new(Action::FactorChanged).about(person).changed(before, after));
    Ok(())
}

/// Removes one of somebody's factors; with the last one what stands in for it, too. To be done under a lock of the person.
///
/// # Errors
/// 404 `factor_not_found`; 409 `second_factor_required` for the last one of who must have one.
pub async fn remove(tx: &mut AuditedTx, identity: &Identity, person: PersonId, id: FactorId) -> Result<()> {
    let name = store::totp::remove(tx, person, id).await?.ok_or_else(FactorId::not_found)?;
    settle(tx, identity, person).await?;
    mail::queue(tx, identity, person, &Content::FactorRemoved { name: Some(name.clone()) }, None).await?;
    tx.tell(Event::new(Action::FactorRemoved).about(person).before(json!({"id": id, "type": "totp", "name": name})));
    Ok(())
}

/// What follows when one factor less is there: with the last one goes what stands in for it. To be done under a lock of the person.
///
/// # Errors
/// 409 `second_factor_required` for the last one of who must have one.
pub async fn settle(tx: &mut AuditedTx, identity: &Identity, person: PersonId) -> Result<()> {
    let now = tx.by().now;
    if store::second_factors(tx, person).await?.is_empty() {
        let is_administrator = is_administrator(tx, person, now).await?;
        if identity.settings.require_mfa.asks(is_administrator) {
            let detail = "you must have a second factor here (REQUIRE_MFA): add another one before you remove the last";
            return Err(Error::conflict("second_factor_required", detail));
        }
        store::recovery::remove_all(tx, person).await?;
        store::trusted::remove_all(tx, person).await?;
    }
    Ok(())
}

/// Removes all factors that somebody has, passkeys too, and what stands in for them, and tells of it; answers how many factors that were. Who had turned their password
/// off can have one mailed again. Call [`Post::wake`](crate::platform::mail::Post::wake) after
/// the commit.
///
/// # Errors
/// 404 `user_not_found`; 403 for somebody whom the actor could not become: with their password alone one could, from then on.
pub async fn remove_all(tx: &mut AuditedTx, identity: &Identity, person: PersonId) -> Result<u64> {
    let now = tx.by().now;
    gate::store::people::lock(tx, person).await?;
    people::store::get(tx, person).await?;
    if let Some(actor) = tx.by().person() {
        must_cover_person(tx, actor, person, now).await?;
        must_be_as_mighty(tx, actor, person, now).await?;
    }
    let factors = store::totp::remove_all(tx, person).await?;
    let passkeys = store::remove_passkeys(tx, person).await?;
    let codes = store::recovery::remove_all(tx, person).await?;
    store::trusted::remove_all(tx, person).await?;
    store::pending::remove_all(tx, person).await?;
    if factors + passkeys + codes > 0 {
        mail::queue(tx, identity, person, &Content::FactorRemoved { name: None }, None).await?;
        let removed = json!({"factors": factors, "passkeys": passkeys, "recovery_codes": codes});
        tx.tell(Event::new(Action::FactorRemoved).about(person).before(removed));
    }
    Ok(factors + passkeys)
}
