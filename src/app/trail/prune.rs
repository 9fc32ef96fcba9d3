//! Events that are older than `AUDIT_RETENTION_DAYS` go, from the old end, so that what stays can be verified.

use std::time::Duration;

use serde_json::json;

use super::store;
use crate::app::App;
use crate::base::error::Result;
use crate::gate::audit::{Action, Actor, AuditedTx, By, Event, Origin};
use crate::platform::database::duty;

/// The duty's name in `auth.duties`.
const DUTY: &str = "prune audit events";
const EVERY: Duration = Duration::from_hours(1);

/// How often each instance looks whether a run is due.
const LOOK: Duration = Duration::from_mins(1);

const BATCH: i32 = 1000;
const BREATH: Duration = Duration::from_millis(20);

/// Prunes until the app stops.
pub async fn prune_every_hour(app: App) {
    loop {
        match prune_if_due(&app).await {
            Ok(0) => {}
            Ok(pruned) => tracing::info!(pruned, "pruned the audit trail"),
            Err(error) => tracing::warn!(%error, "could not prune the audit trail; the next run tries again"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn prune_if_due(app: &App) -> Result<u64> {
    if app.config.audit_retention.is_none() || !duty::claim(&app.db, DUTY, EVERY).await? {
        return Ok(0);
    }
    prune(app).await
}

/// Prunes what is older than the setting says; answers how many events. The trail itself tells of each step.
pub async fn prune(app: &App) -> Result<u64> {
    let Some(retention) = app.config.audit_retention else { return Ok(0) };
    let now = app.clock.now();
    let mut total = 0;
    loop {
        let by = By { actor: Actor::System, origin: Origin::default(), now };
        let mut tx = AuditedTx::new(app.db.begin().await?, by);
        let (pruned, beginning) = store::prune(&mut tx, now - retention, BATCH).await?;
        let told = Event::new(Action::AuditPruned)
            .after(json!({"events": pruned, "position": beginning.position, "hash": hex::encode(beginning.hash)}));
        tx.commit((pruned > 0).then_some(told)).await?;
        total += pruned;
        if pruned < u64::from(BATCH.unsigned_abs()) {
            return Ok(total);
        }
        tokio::time::sleep(BREATH).await;
    }
}
