//! Devices on which a person's password is enough, for as long as `TRUST_DEVICES` says.

use serde_json::json;

use super::store;
use super::store::trusted::NewDevice;
use crate::base::error::Result;
use crate::base::id::{Id, PersonId, TrustedDeviceId};
use crate::base::opaque::second_step::DeviceToken;
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::identity::Identity;

/// Trusts the device that somebody is on, where devices are trusted here; answers what it keeps. To be done under a lock of the person.
pub async fn trust(
    tx: &mut AuditedTx,
    identity: &Identity,
    person: PersonId,
    user_agent: Option<&str>,
) -> Result<Option<DeviceToken>> {
    let Some(lasts) = identity.settings.trust_devices else { return Ok(None) };
    let now = tx.by().now;
    let token: DeviceToken = identity.generate(now)?;
    let address = tx.by().origin.address.map(|address| address.to_string());
    let new = NewDevice { token: token.hash(), person, user_agent, address, now, expires_at: now + lasts };
    let id = store::trusted::insert(tx, &new).await?;
    tx.tell(
        Event::new(Action::DeviceTrusted)
            .about(person)
            .after(json!({"id": id, "expires_at": new.expires_at.unix_timestamp()})),
    );
    Ok(Some(token))
}

/// Trusts one of somebody's devices no more.
///
/// # Errors
/// 404 `device_not_found`.
pub async fn distrust(tx: &mut AuditedTx, person: PersonId, id: TrustedDeviceId) -> Result<()> {
    if !store::trusted::remove(tx, person, id).await? {
        return Err(TrustedDeviceId::not_found());
    }
    tx.tell(Event::new(Action::DeviceDistrusted).about(person).before(json!({"id": id})));
    Ok(())
}

/// Trusts none of somebody's devices any more; answers how many that were.
pub async fn distrust_all(tx: &mut AuditedTx, person: PersonId) -> Result<u64> {
    let devices = store::trusted::remove_all(tx, person).await?;
    if devices > 0 {
        tx.tell(Event::new(Action::DeviceDistrusted).about(person).before(json!({"devices": devices})));
    }
    Ok(devices)
}
