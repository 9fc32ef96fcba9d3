use std::time::Duration;

use time::OffsetDateTime;

use super::store;
use crate::base::error::Result;
use crate::gate::Gate;
use crate::platform::database::{STEP, in_steps, keep_purging};

const EVERY: Duration = Duration::from_mins(1);

/// Forgets keys until the app stops.
pub async fn purge_every_minute(gate: Gate) {
    keep_purging("idempotency keys", EVERY, || purge(&gate)).await;
}

/// Forgets keys that are older than a day; answers how many that were.
pub async fn purge(gate: &Gate) -> Result<u64> {
    let before = gate.clock.now() - store::KEPT;
    in_steps(|| step(gate, before)).await
}

async fn step(gate: &Gate, before: OffsetDateTime) -> Result<[u64; 1]> {
    let mut tx = gate.db.begin().await?;
    let purged = store::purge(&mut tx, before, STEP).await?;
    tx.commit().await?;
    Ok([purged])
}
