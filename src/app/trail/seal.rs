//! Every second what has been committed since is sealed into the chain, by one instance at a time; those who write events
//! never wait for it.

use std::time::Duration;

use super::store;
use crate::app::App;
use crate::base::error::Result;
use crate::platform::database::duty;

/// The duty's name in `auth.duties`.
const DUTY: &str = "seal audit events";
const EVERY: Duration = Duration::from_secs(1);

/// How many events are sealed in one statement.
const BATCH: i64 = 1000;

/// Seals until the app stops.
pub async fn seal_every_second(app: App) {
    loop {
        if let Err(error) = seal_if_due(&app).await {
            tracing::warn!(%error, "could not seal the audit trail; the next run tries again");
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn seal_if_due(app: &App) -> Result<()> {
    if store::unsealed(&mut *app.db.read().await?, 1).await?.is_empty() || !duty::claim(&app.db, DUTY, EVERY).await? {
        return Ok(());
    }
    while seal(app).await? == BATCH.unsigned_abs() {}
    Ok(())
}

/// Seals some of what waits; answers how many events. Whoever seals at the same time is refused by the unique position,
/// or refuses this.
pub async fn seal(app: &App) -> Result<u64> {
    let mut conn = app.db.read().await?;
    let mut link = store::head(&mut conn).await?;
    let events = store::unsealed(&mut conn, BATCH).await?;
    let mut links = Vec::with_capacity(events.len());
    for event in &events {
        link = link.next(event);
        links.push((event.id, link));
    }
    if !links.is_empty() {
        store::seal(&mut conn, &links, app.clock.now()).await?;
        conn.keep().await?;
    }
    Ok(links.len() as u64)
}
