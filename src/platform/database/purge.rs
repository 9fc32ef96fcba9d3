//! What nobody needs any more is deleted now and then, in steps, so that nobody else notices.

use std::time::Duration;

use crate::base::error::Result;

/// How many rows of a table one step deletes at most.
pub const STEP: i64 = 500;

/// After each step others have the machine for a while.
const BREATH: Duration = Duration::from_millis(20);

/// Purges `what` until the app stops: `once`, and again after so long a pause.
pub async fn keep_purging<F>(what: &str, pause: Duration, once: impl Fn() -> F)
where
    F: Future<Output = Result<u64>>,
{
    loop {
        match once().await {
            Ok(0) => {}
            Ok(purged) => tracing::debug!(purged, "purged {what}"),
            Err(error) => tracing::warn!(%error, "could not purge {what}; the next run tries again"),
        }
        tokio::time::sleep(pause).await;
    }
}

/// Takes steps, each of which answers how many rows it has deleted of each table, until there are less than [`STEP`] of every one; answers how many that were.
///
/// # Errors
/// Those of a step.
pub async fn in_steps<F, const TABLES: usize>(step: impl Fn() -> F) -> Result<u64>
where
    F: Future<Output = Result<[u64; TABLES]>>,
{
    let mut total = 0;
    loop {
        let purged = step().await?;
        total += purged.iter().sum::<u64>();
        if purged.iter().all(|rows| *rows < STEP.unsigned_abs()) {
            return Ok(total);
        }
        tokio::time::sleep(BREATH).await;
    }
}
