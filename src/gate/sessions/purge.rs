//! Expired sessions, and families of them, are deleted every minute, by whichever instance comes first: a walk through the table, a few pages
//! at a time, so that no lock is ever long, no index is needed, and nobody else notices.

use std::time::{Duration, Instant};

use super::store::{self, families};
use crate::base::error::Result;
use crate::gate::Gate;
use crate::platform::database::duty;

/// The duty's name in `auth.duties`.
const DUTY: &str = "purge sessions";
const EVERY: Duration = Duration::from_mins(1);

/// How often each instance looks whether a run is due.
const LOOK: Duration = Duration::from_secs(10);

/// Others keep their hands off while a run tells so this often.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// How many pages one step looks at, and how many sessions it deletes at most: a fraction of a millisecond, since on a
/// machine with few cores that is how long a check may have to wait for it.
const PAGES: i64 = 64;
const SESSIONS: i64 = 32;

/// Likewise of families, each of which takes its refresh tokens along.
const FAMILIES: i64 = 4;

/// After a step that deleted something, others have the machine for so many times as long.
const REST: u32 = 3;

/// Purges until the app stops.
pub async fn purge_every_minute(gate: Gate) {
    loop {
        match purge(&gate).await {
            Ok(0) => {}
            Ok(purged) => tracing::info!(purged, "purged expired sessions"),
            Err(error) => tracing::warn!(%error, "could not purge expired sessions; the next run tries again"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn purge(gate: &Gate) -> Result<u64> {
    if !duty::claim(&gate.db, DUTY, EVERY).await? {
        return Ok(0);
    }
    let start = Instant::now();
    let purged = walk(gate).await;
    let families = walk_families(gate).await;
    let purged = purged.and_then(|sessions| Ok(sessions + families?));
    gate.metrics.purged(purged.as_ref().copied().map_err(|_| ()), start.elapsed());
    purged
}

/// What a walk goes through.
#[derive(Clone, Copy)]
enum Table {
    Sessions,
    Families,
}

impl Table {
    fn name(self) -> &'static str {
        match self {
            Self::Sessions => "auth.tokens_cache",
            Self::Families => "auth.refresh_families",
        }
    }
}

/// One walk through all sessions; answers how many were over.
///
/// A session that a renewal moves to another page meanwhile is not over.
pub async fn walk(gate: &Gate) -> Result<u64> {
    step_by_step(gate, Table::Sessions).await
}

/// The same through all families.
pub async fn walk_families(gate: &Gate) -> Result<u64> {
    step_by_step(gate, Table::Families).await
}

async fn step_by_step(gate: &Gate, table: Table) -> Result<u64> {
    let pages = store::pages(&mut *gate.db.read().await?, table.name()).await?;
    let (mut total, mut from, mut told) = (0, 0, Instant::now());
    while from < pages {
        let start = Instant::now();
        let mut tx = gate.db.begin().await?;
        let (now, range) = (gate.clock.now(), from..from + PAGES);
        let purged = match table {
            Table::Sessions => store::purge(&mut tx, gate.sessions.lifetime, now, range.clone(), SESSIONS).await?,
            Table::Families => families::purge(&mut tx, gate.sessions.families, now, range.clone(), FAMILIES).await?,
        };
        if told.elapsed() > SIGN_OF_LIFE {
            duty::keep(&mut tx, DUTY, EVERY).await?;
            told = Instant::now();
        }
        tx.commit().await?;
        total += purged.rows;
        from = purged.up_to.unwrap_or(range.end);
        if purged.rows > 0 {
            tokio::time::sleep(start.elapsed() * REST).await;
        } else {
            tokio::task::yield_now().await;
        }
    }
    Ok(total)
}
