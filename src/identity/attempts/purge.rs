//! What says nothing any more is deleted every minute, a bounded step at a time: failures that are forgotten, where
//! people have not been for long, and quotas of which nothing is used.

use std::time::Duration;

use super::store;
use crate::base::error::Result;
use crate::identity::Identity;
use crate::identity::devices;

const EVERY: Duration = Duration::from_mins(1);
const STEP: i64 = 500;
const BREATH: Duration = Duration::from_millis(20);

/// Purges until the app stops.
pub async fn purge_every_minute(identity: Identity) {
    loop {
        match purge(&identity).await {
            Ok(0) => {}
            Ok(purged) => tracing::debug!(purged, "purged failed logins and devices"),
            Err(error) => tracing::warn!(%error, "could not purge failed logins; the next run tries again"),
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
        let attempts = store::purge(&mut tx, now, STEP).await?;
        let devices = devices::store::purge(&mut tx, now, STEP).await?;
        let quotas = store::purge_quotas(&mut tx, now, STEP).await?;
        tx.commit().await?;
        total += attempts + devices + quotas;
        if attempts.max(devices).max(quotas) < STEP.unsigned_abs() {
            return Ok(total);
        }
        tokio::time::sleep(BREATH).await;
    }
}
