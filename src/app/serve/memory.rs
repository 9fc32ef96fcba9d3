//! What a flood made us take goes back to the system.

use std::sync::Arc;
use std::time::Duration;

use super::connections::Connections;
use crate::platform::memory::give_back_now;

const LOOK: Duration = Duration::from_secs(5);

/// When so many connections have ended, there is something to give back.
const ENDED: usize = 100;

/// Gives memory back whenever many connections have ended.
pub(super) async fn give_back(places: Arc<Connections>) {
    let mut most = 0;
    loop {
        tokio::time::sleep(LOOK).await;
        let open = places.open();
        most = most.max(open);
        if most - open >= ENDED {
            most = open;
            // It looks through all that is free: some milliseconds.
            let _ = tokio::task::spawn_blocking(give_back_now).await;
        }
    }
}
