//! Notices when Postgres hangs: a machine that froze or was cut off ends no connection, and who waits for it would wait
//! for as long as the system does, which is many minutes.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::{Db, Lane, broken_connections};
use crate::base::error::Result;

const EVERY: Duration = Duration::from_secs(1);

/// A connection that is silent for so long is given up.
const SILENCE: Duration = Duration::from_millis(1500);

/// Asks every second, on a connection of its own, whether Postgres is there. When it is, or another one is, after
/// any doubt, connections from before are given up, and whoever waits on them.
pub async fn feel_the_pulse(db: Db) {
    let mut lane = db.lane();
    let mut pulse = Pulse::default();
    loop {
        sleep(EVERY).await;
        let is_outdated = lane.is_outdated();
        let answered = match timeout(SILENCE, beat(&mut lane)).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::debug!(%error, "Postgres can't be asked");
                false
            }
            Err(_) => false,
        };
        if pulse.tells_of_trouble(is_outdated, answered) {
            tracing::warn!("Postgres had not answered: connections from before are given up");
            broken_connections::it_has_hung();
            // This one is from before, too, and would tell of the same trouble.
            lane = db.lane();
        }
    }
}

/// What is remembered from beat to beat.
#[derive(Debug, Default)]
struct Pulse {
    in_doubt: bool,
}

impl Pulse {
    /// Whether somebody may still wait on a connection that is of no use, now that Postgres answers. Others may have noticed first: then the connection
    /// of the pulse is outdated, and a new one answers at once.
    fn tells_of_trouble(&mut self, is_outdated: bool, answered: bool) -> bool {
        self.in_doubt |= is_outdated || !answered;
        answered && std::mem::take(&mut self.in_doubt)
    }
}

async fn beat(lane: &mut Lane) -> Result<()> {
    let mut conn = lane.take().await?;
    conn.must_be_fit().await?;
    lane.keep(conn).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_may_wait_in_vain_is_told_once_postgres_answers() {
        let (fresh, outdated) = (false, true);
        for (beats, expected) in [
            (&[(fresh, true), (fresh, true)][..], [false, false].as_slice()),
            // Also where it hangs before the first beat.
            (&[(fresh, false), (fresh, true), (fresh, true)], &[false, true, false]),
            (&[(fresh, true), (fresh, false), (fresh, false), (fresh, true)], &[false, false, false, true]),
            (&[(outdated, true), (fresh, true)], &[true, false]),
            (&[(outdated, false), (fresh, true)], &[false, true]),
        ] {
            let mut pulse = Pulse::default();
            let told: Vec<_> =
                beats.iter().map(|(outdated, answered)| pulse.tells_of_trouble(*outdated, *answered)).collect();
            assert_eq!(told, expected, "{beats:?}");
        }
    }
}
