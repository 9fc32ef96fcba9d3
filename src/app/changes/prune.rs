//! What nobody needs any more is deleted every minute, a bounded batch at a time, by one instance at a time.

use std::time::Duration;

use super::store;
use crate::app::App;
use crate::base::error::Result;

const EVERY: Duration = Duration::from_mins(1);
const BATCH: i32 = 1000;
const BREATH: Duration = Duration::from_millis(20);

/// Prunes until the app stops.
pub async fn prune_every_minute(app: App) {
    loop {
        match prune(&app).await {
            Ok(0) => {}
            Ok(pruned) => tracing::debug!(pruned, "pruned the log of changes"),
            Err(error) => tracing::warn!(%error, "could not prune the log of changes; the next run tries again"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Prunes what is older than `CHANGES_RETENTION_SECONDS`; answers how much that was.
pub async fn prune(app: &App) -> Result<u64> {
    let now = app.clock.now();
    // Its time begins to run when it can be read: nothing goes unseen because its transaction took long.
    app.changes.head(&app.clock).await?;
    let mut total = 0;
    loop {
        let mut conn = app.changes.connection().await?;
        let pruned = store::prune(&mut conn, now - app.config.changes_retention, BATCH).await?;
        conn.keep().await?;
        total += u64::from(pruned.unsigned_abs());
        if pruned < BATCH {
            return Ok(total);
        }
        tokio::time::sleep(BREATH).await;
    }
}
