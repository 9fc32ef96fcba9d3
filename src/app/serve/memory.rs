//! What a flood made us take goes back to the system, and what is done seldom.

use std::sync::Arc;
use std::time::Duration;

use super::connections::Connections;
use crate::platform::memory::{give_back_now, let_go_of_instructions};

const LOOK: Duration = Duration::from_secs(5);

/// After so many looks, instructions that were not run again are let go.
const SELDOM: u64 = 12;

/// When so many connections have ended, there is something to give back.
const ENDED: usize = 100;

/// Gives memory back whenever many connections have ended, and, soon after the start and once a minute, what only seldom runs.
pub(super) async fn give_back(places: Arc<Connections>) {
    let mut most = 0;
    for look in 0_u64.. {
        tokio::time::sleep(LOOK).await;
        if look.is_multiple_of(SELDOM) {
            let_go_of_instructions();
        }
        let open = places.open();
        most = most.max(open);
        if most - open >= ENDED {
            most = open;
            // It looks through all that is free: some milliseconds.
            let _ = tokio::task::spawn_blocking(give_back_now).await;
        }
    }
}
