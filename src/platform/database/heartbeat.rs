//! Notices when Postgres hangs: a machine that froze or was cut off ends no connection, and who waits for it would wait
//! for as long as the system does, which is many minutes.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::lane::LaneState;
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
        let before = lane.state();
        let answered = match timeout(SILENCE, beat(&mut lane)).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::debug!(%error, "Postgres can't be asked");
                false
            }
            Err(_) => false,
        };
        if pulse.tells_of_trouble(before, answered) {
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
    /// Whether somebody may still wait on a connection that is of no use, now that Postgres answers. A beat that others'
    /// trouble came before shows no silence: they ended its connection, and have theirs anew, but not those who wait.
    fn tells_of_trouble(&mut self, before: LaneState, answered: bool) -> bool {
        self.in_doubt |= before == LaneState::Outdated || before == LaneState::Connected && !answered;
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
    use super::LaneState::{Connected, Outdated, Unconnected};
    use super::*;

    #[test]
    fn whoever_may_wait_in_vain_is_told_once_postgres_answers() {
        for (beats, expected) in [
            (&[(Unconnected, false), (Unconnected, true)][..], [false, false].as_slice()),
            (&[(Connected, true), (Connected, true)], &[false, false]),
            (&[(Connected, false), (Unconnected, true), (Connected, true)], &[false, true, false]),
            (&[(Connected, false), (Unconnected, false), (Unconnected, true)], &[false, false, true]),
            (&[(Outdated, true), (Connected, true)], &[true, false]),
            (&[(Outdated, false), (Unconnected, false), (Unconnected, true)], &[false, false, true]),
        ] {
            let mut pulse = Pulse::default();
            let told: Vec<_> =
                beats.iter().map(|(before, answered)| pulse.tells_of_trouble(*before, *answered)).collect();
            assert_eq!(told, expected, "{beats:?}");
        }
    }
}
