//! What says nothing any more is deleted every minute, a bounded step at a time: failures that are forgotten, where
//! people have not been for long, and quotas of which nothing is used.

use std::time::Duration;

use super::store;
use crate::base::error::Result;
use crate::identity::Identity;
use crate::identity::devices;
use crate::platform::database::{STEP, in_steps, keep_purging};

const EVERY: Duration = Duration::from_mins(1);

/// Purges until the app stops.
pub async fn purge_every_minute(identity: Identity) {
    keep_purging("failed logins and devices", EVERY, || purge(&identity)).await;
}

/// Purges once; answers how many rows that was. Several instances at once do no harm.
pub async fn purge(identity: &Identity) -> Result<u64> {
    in_steps(|| step(identity)).await
}

async fn step(identity: &Identity) -> Result<[u64; 3]> {
    let now = identity.clock.now();
    let mut tx = identity.db.begin().await?;
    let attempts = store::purge(&mut tx, now, STEP).await?;
    let devices = devices::store::purge(&mut tx, now, STEP).await?;
    let quotas = store::purge_quotas(&mut tx, now, STEP).await?;
    tx.commit().await?;
    Ok([attempts, devices, quotas])
}
