//! Expired sessions are deleted every minute, a bounded batch at a time, so that no lock is ever long.

use std::time::{Duration, Instant};

use super::store;
use crate::app::App;
use crate::error::Result;

const EVERY: Duration = Duration::from_mins(1);
const BATCH: i64 = 1000;
const BREATH: Duration = Duration::from_millis(20);

/// Purges until the app stops.
pub async fn purge_every_minute(app: App) {
    loop {
        let start = Instant::now();
        let purged = purge(&app).await;
        app.metrics.purged(purged.as_ref().copied().map_err(|_| ()), start.elapsed());
        match purged {
            Ok(0) => {}
            Ok(purged) => tracing::info!(purged, "purged expired sessions"),
            Err(error) => tracing::warn!(%error, "could not purge expired sessions; the next run tries again"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn purge(app: &App) -> Result<u64> {
    let mut total = 0;
    loop {
        let mut conn = app.db.acquire().await?;
        let purged = store::purge(&mut conn, app.config.lifetime, app.clock.now(), BATCH).await?;
        drop(conn);
        total += purged;
        if purged == 0 {
            return Ok(total);
        }
        tokio::time::sleep(BREATH).await;
    }
}
