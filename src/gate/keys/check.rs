//! Is this key live now? The one place that says so.

use std::sync::Arc;

use time::{Duration, OffsetDateTime};
use tokio::sync::Semaphore;

use super::{CheckedKey, store};
use crate::base::error::{Error, Result};
use crate::base::id::KeyId;
use crate::base::opaque::service_key::KeyHash;
use crate::gate::Gate;
use crate::platform::cores::spawn_beside;
use crate::platform::http::credential;

/// A use is noted when the last one noted was this long ago.
const PRECISION: Duration = Duration::minutes(1);

/// Asks Postgres whether `key` is live.
///
/// # Errors
/// 401 `invalid_token`.
pub async fn check(gate: &Gate, key: KeyHash) -> Result<CheckedKey> {
    let mut conn = gate.db.read().await?;
    let found = store::find_all(&mut conn, &[key]).await?.pop().flatten();
    drop(conn);
    passed(gate, found)
}

/// The key that was found, if it is live; its use is noted.
///
/// # Errors
/// 401 `invalid_token`.
pub fn passed(gate: &Gate, found: Option<CheckedKey>) -> Result<CheckedKey> {
    let checked = found.ok_or_else(credential::invalid_key)?;
    let now = gate.clock.now();
    if checked.is_over(now) {
        return Err(credential::invalid_key());
    }
    if checked.last_used_at.is_none_or(|last| last + PRECISION <= now) {
        gate.key_uses.note(gate, checked.id, now);
    }
    Ok(checked)
}

/// Notes when keys are used, beside the requests and one at a time: what comes while one is being noted is noted with
/// the key's next use.
#[derive(Clone, Debug)]
pub struct LastUses(Arc<Semaphore>);

impl Default for LastUses {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl LastUses {
    fn note(&self, gate: &Gate, key: KeyId, now: OffsetDateTime) {
        let Ok(turn) = Arc::clone(&self.0).try_acquire_owned() else { return };
        let db = gate.db.clone();
        spawn_beside(async move {
            let noted = async {
                let mut tx = db.begin().await?;
                store::note_use(&mut tx, key, now, now - PRECISION).await?;
                tx.commit().await?;
                Ok::<_, Error>(())
            };
            if let Err(error) = noted.await {
                tracing::debug!(%error, %key, "could not note the use of a service key");
            }
            drop(turn);
        });
    }
}
