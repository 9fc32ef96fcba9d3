//! Memberships that are over are swept up every second, as grants are. Nobody waits for it: what is over counts no more. But the
//! audit trail tells of it then, and so hear the backends that keep answers.

use std::time::Duration;

use time::OffsetDateTime;

use super::events::{self, Inner};
use super::store::{members, nestings};
use crate::base::error::Result;
use crate::gate::audit::{Actor, AuditedTx, By, Origin};
use crate::gate::store::groups;
use crate::identity::Identity;
use crate::platform::database::duty;

/// The duty's name in `auth.duties`.
const DUTY: &str = "purge memberships";
const EVERY: Duration = Duration::from_secs(1);

/// How many are deleted in one transaction.
const BATCH: i64 = 100;

/// After each, others have the machine for a while.
const BREATH: Duration = Duration::from_millis(10);

/// Sweeps until the app stops.
pub async fn expire_every_second(identity: Identity) {
    loop {
        match expire(&identity).await {
            Ok(0) => {}
            Ok(swept) => tracing::info!(swept, "swept up memberships that are over"),
            Err(error) => {
                tracing::warn!(%error, "could not sweep up memberships that are over; the next run tries again");
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Sweeps, if there is anything, unless another instance has done so within the last second; answers how many memberships.
async fn expire(identity: &Identity) -> Result<usize> {
    let any = nestings::is_any_membership_over(&mut *identity.db.read().await?, identity.clock.now()).await?;
    if any == (false, false) {
        return Ok(0);
    }
    if duty::claim(&identity.db, DUTY, EVERY).await? { sweep(identity).await } else { Ok(0) }
}

/// Deletes all memberships that are over, and tells so; answers how many. Those of people whom somebody is changing just now
/// are left for the next time.
pub async fn sweep(identity: &Identity) -> Result<usize> {
    let now = identity.clock.now();
    let mut total = 0;
    loop {
        let mut tx = begin(identity, now).await?;
        let swept = members::sweep(&mut tx, now, BATCH).await?;
        for one in &swept {
            tx.tell(events::expired(one.group, Inner::Person(one.person), &one.terms));
        }
        tx.commit([]).await?;
        total += swept.len();
        if i64::try_from(swept.len()).is_ok_and(|number| number < BATCH) {
            break;
        }
        tokio::time::sleep(BREATH).await;
    }
    // Apart, since who has locked people waits for no groups.
    if nestings::is_any_membership_over(&mut *identity.db.read().await?, now).await?.1 {
        let mut tx = begin(identity, now).await?;
        groups::lock(&mut tx).await?;
        total += sweep_nestings(&mut tx).await?;
        tx.commit([]).await?;
    }
    Ok(total)
}

async fn begin(identity: &Identity, now: OffsetDateTime) -> Result<AuditedTx> {
    Ok(AuditedTx::new(identity.db.begin().await?, By { actor: Actor::System, origin: Origin::default(), now }))
}

/// Deletes the nestings that are over, groups being locked, and tells so; answers how many.
pub(super) async fn sweep_nestings(tx: &mut AuditedTx) -> Result<usize> {
    let now = tx.by().now;
    let swept = nestings::sweep(tx, now, i64::MAX).await?;
    for one in &swept {
        tx.tell(events::expired(one.group, Inner::Group(one.member), &one.terms));
    }
    Ok(swept.len())
}
