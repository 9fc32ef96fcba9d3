//! Logins that waited too long for their second step, and devices whose trust is over, are deleted every minute.

use std::time::Duration;

use super::store;
use crate::base::error::Result;
use crate::identity::Identity;

const EVERY: Duration = Duration::from_mins(1);
const STEP: i64 = 500;
const BREATH: Duration = Duration::from_millis(20);

/// Purges until the app stops.
pub async fn purge_every_minute(identity: Identity) {
    loop {
        match purge(&identity).await {
            Ok(0) => {}
            Ok(purged) => tracing::debug!(purged, "purged logins that waited for a second step, and trusted devices"),
            Err(error) => tracing::warn!(%error, "could not purge logins that wait; the next run tries again"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Purges once; answers how many rows that was. Several instances at once do no harm.
pub async fn purge(identity: &Identity) -> Result<u64> {
    let mut total = 0;
    loop {
        let now = identity.clock.now();
        let mut tx = identity.db.begin().await?;
        let pending = store::pending::purge(&mut tx, now, STEP).await?;
        let devices = store::trusted::purge(&mut tx, now, STEP).await?;
        tx.commit().await?;
        total += pending + devices;
        if pending.max(devices) < STEP.unsigned_abs() {
            return Ok(total);
        }
        tokio::time::sleep(BREATH).await;
    }
}
