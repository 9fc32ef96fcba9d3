use std::time::Duration;

use super::store;
use crate::base::error::Result;
use crate::gate::Gate;

const EVERY: Duration = Duration::from_mins(1);
const BATCH: i64 = 500;
const BREATH: Duration = Duration::from_millis(20);

/// Forgets keys until the app stops.
pub async fn purge_every_minute(gate: Gate) {
    loop {
        match purge(&gate).await {
            Ok(0) => {}
            Ok(purged) => tracing::debug!(purged, "forgot idempotency keys"),
            Err(error) => tracing::warn!(%error, "could not forget idempotency keys; the next run tries again"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Forgets keys that are older than a day; answers how many that were.
pub async fn purge(gate: &Gate) -> Result<u64> {
    let before = gate.clock.now() - store::KEPT;
    let mut total = 0;
    loop {
        let mut tx = gate.db.begin().await?;
        let purged = store::purge(&mut tx, before, BATCH).await?;
        tx.commit().await?;
        total += purged;
        if purged == 0 {
            return Ok(total);
        }
        tokio::time::sleep(BREATH).await;
    }
}
