//! Logins that waited too long for their second step, and devices whose trust is over, are deleted every minute.

use std::time::Duration;

use super::store;
use crate::base::error::Result;
use crate::identity::Identity;
use crate::platform::database::{STEP, in_steps, keep_purging};

const EVERY: Duration = Duration::from_mins(1);

/// Purges until the app stops.
pub async fn purge_every_minute(identity: Identity) {
    keep_purging("logins that waited for a second step, and trusted devices", EVERY, || purge(&identity)).await;
}

/// Purges once; answers how many rows that was. Several instances at once do no harm.
pub async fn purge(identity: &Identity) -> Result<u64> {
    in_steps(|| step(identity)).await
}

async fn step(identity: &Identity) -> Result<[u64; 2]> {
    let now = identity.clock.now();
    let mut tx = identity.db.begin().await?;
    let pending = store::pending::purge(&mut tx, now, STEP).await?;
    let devices = store::trusted::purge(&mut tx, now, STEP).await?;
    tx.commit().await?;
    Ok([pending, devices])
}
