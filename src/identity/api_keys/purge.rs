//! Keys that ended long ago are deleted every minute.

use std::time::Duration;

use super::store;
use crate::base::error::Result;
use crate::identity::Identity;
use crate::platform::database::{STEP, in_steps, keep_purging};

const EVERY: Duration = Duration::from_mins(1);

/// Purges until the app stops.
pub async fn purge_every_minute(identity: Identity) {
    keep_purging("API keys that ended long ago", EVERY, || purge(&identity)).await;
}

/// Purges once; answers how many keys that was. Several instances at once do no harm.
pub async fn purge(identity: &Identity) -> Result<u64> {
    in_steps(|| step(identity)).await
}

async fn step(identity: &Identity) -> Result<[u64; 1]> {
    let mut tx = identity.db.begin().await?;
    let keys = store::purge(&mut tx, identity.clock.now(), STEP).await?;
    tx.commit().await?;
    Ok([keys])
}
