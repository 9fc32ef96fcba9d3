//! Notices when Postgres hangs: a machine that froze or was cut off ends no connection, and who waits for it would wait
//! for as long as the system does, which is many minutes.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::{Db, Lane, broken_connections};
use crate::base::error::Result;

const EVERY: Duration = Duration::from_secs(1);

/// A connection that is silent for so long is given up.
const SILENCE: Duration = Duration::from_millis(1500);

/// Asks every second, on a connection of its own, whether Postgres is there. When it is, or another one is, after a
/// silence, connections from before are given up, and whoever waits on them.
pub async fn feel_the_pulse(db: Db) {
    let mut lane = db.lane();
    let mut was_silent = false;
    loop {
        sleep(EVERY).await;
        let is_connected = lane.is_connected();
        match timeout(SILENCE, beat(&mut lane)).await {
            Ok(Ok(())) if was_silent => {
                tracing::warn!("Postgres had not answered: connections from before are given up");
                broken_connections::it_has_hung();
                was_silent = false;
            }
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "Postgres can't be asked"),
            Err(_) => was_silent |= is_connected,
        }
    }
}

async fn beat(lane: &mut Lane) -> Result<()> {
    let mut conn = lane.take().await?;
    conn.must_be_fit().await?;
    lane.keep(conn).await
}
