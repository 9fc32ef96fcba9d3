//! Expired sessions, and families of them, are deleted every minute, by whichever instance comes first: a walk through the table, a few pages
//! at a time, so that no lock is ever long, no index is needed, and nobody else notices.

use std::ops::Range;
use std::time::{Duration, Instant};

use sqlx::PgConnection;

use super::store::{self, Purged, families};
use crate::base::error::Result;
use crate::gate::Gate;
use crate::platform::database::{duty, keep_purging};

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
    keep_purging("expired sessions", LOOK, || purge(&gate)).await;
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
    let mut walk = Walk::through(&mut *gate.db.read().await?, table.name(), DUTY).await?;
    while let Some(pages) = walk.step() {
        let mut tx = gate.db.begin().await?;
        let now = gate.clock.now();
        let purged = match table {
            Table::Sessions => store::purge(&mut tx, gate.sessions.lifetime, now, pages, SESSIONS).await?,
            Table::Families => families::purge(&mut tx, gate.sessions.families, now, pages, FAMILIES).await?,
        };
        walk.keep_duty(&mut tx).await?;
        tx.commit().await?;
        walk.go_on(purged).await;
    }
    Ok(walk.total)
}

/// A walk through a table, a few pages at a step.
#[derive(Debug)]
pub struct Walk {
    /// Rows that were deleted so far.
    pub total: u64,
    duty: &'static str,
    pages: i64,
    from: i64,
    told: Instant,
    start: Instant,
}

impl Walk {
    /// One through `table`, which keeps others off `duty` meanwhile.
    pub async fn through(conn: &mut PgConnection, table: &str, duty: &'static str) -> Result<Self> {
        let pages = store::pages(conn, table).await?;
        Ok(Self { total: 0, duty, pages, from: 0, told: Instant::now(), start: Instant::now() })
    }

    /// The pages of the step that begins now; `None` at the end.
    pub fn step(&mut self) -> Option<Range<i64>> {
        self.start = Instant::now();
        (self.from < self.pages).then(|| self.from..self.from + PAGES)
    }

    /// Gives a sign of life where it is time for one.
    pub async fn keep_duty(&mut self, conn: &mut PgConnection) -> Result<()> {
        if self.told.elapsed() > SIGN_OF_LIFE {
            duty::keep(conn, self.duty, EVERY).await?;
            self.told = Instant::now();
        }
        Ok(())
    }

    /// Goes to where the next step begins, after a rest.
    pub async fn go_on(&mut self, purged: Purged) {
        self.total += purged.rows;
        self.from = purged.up_to.unwrap_or(self.from + PAGES);
        rest(purged.rows, self.start).await;
    }
}

/// Lets others have the machine after a step that began at `start` and deleted so many rows.
pub async fn rest(rows: u64, start: Instant) {
    if rows > 0 {
        tokio::time::sleep(start.elapsed() * REST).await;
    } else {
        tokio::task::yield_now().await;
    }
}
