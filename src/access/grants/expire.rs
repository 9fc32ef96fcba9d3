//! Grants and keys that are over are swept up every second, by whichever instance comes first. Nobody waits for it: what is over is
//! in no answer any more. But the audit trail tells of it then, and so hear the backends that keep answers.

use std::time::Duration;

use super::{events, store};
use crate::access::keys;
use crate::base::error::Result;
use crate::gate::audit::{Action, Actor, AuditedTx, By, Event, Origin};
use crate::identity::{Identity, api_keys};
use crate::platform::database::duty;

/// The duty's name in `auth.duties`.
const DUTY: &str = "purge grants";
const EVERY: Duration = Duration::from_secs(1);

/// How many are deleted in one transaction, roles and single permissions each.
const BATCH: i64 = 100;

/// After each, others have the machine for a while.
const BREATH: Duration = Duration::from_millis(10);

/// Sweeps until the app stops.
pub async fn expire_every_second(identity: Identity) {
    loop {
        match expire(&identity).await {
            Ok(0) => {}
            Ok(swept) => tracing::info!(swept, "swept up grants that are over"),
            Err(error) => tracing::warn!(%error, "could not sweep up grants that are over; the next run tries again"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Sweeps, if there is anything, unless another instance has done so within the last second; answers how many grants.
async fn expire(identity: &Identity) -> Result<u64> {
    if !store::is_any_expired(&mut *identity.db.read().await?, identity.clock.now()).await? {
        return Ok(0);
    }
    if duty::claim(&identity.db, DUTY, EVERY).await? { sweep(identity).await } else { Ok(0) }
}

/// Deletes all grants and keys of services that are over, and tells so, and of API keys that are: these stay for a while, so that
/// whoever shows one is told. Answers how many. Those of people whom somebody is changing just now are left for the next time.
pub async fn sweep(identity: &Identity) -> Result<u64> {
    let mut total = 0;
    loop {
        let now = identity.clock.now();
        let mut tx =
            AuditedTx::new(identity.db.begin().await?, By { actor: Actor::System, origin: Origin::default(), now });
        let swept = store::sweep(&mut tx, now, BATCH).await?;
        let keys = keys::store::sweep(&mut tx, now, BATCH).await?;
        let api_keys = api_keys::store::sweep(&mut tx, now, BATCH).await?;
        let groups = store::of_groups::sweep(&mut tx, now, BATCH).await?;
        let resources = store::on_resources::sweep(&mut tx, now, BATCH).await?;
        let number = swept.len() + keys.len() + api_keys.len() + groups.len() + resources.len();
        for key in &keys {
            tx.tell(events::key_expired(key));
        }
        for key in &api_keys {
            tx.tell(Event::new(Action::ApiKeyExpired).about(key.owner).before(key));
        }
        for one in &groups {
            tx.tell(events::expired_of_group((one.group, one.service, one.role), &one.terms));
        }
        for one in &resources {
            tx.tell(one.expired());
        }
        tx.commit(swept.iter().map(|one| events::expired(one.person, one.service, one.what, &one.terms))).await?;
        total += number as u64;
        if i64::try_from(number).is_ok_and(|number| number < BATCH) {
            return Ok(total);
        }
        tokio::time::sleep(BREATH).await;
    }
}
