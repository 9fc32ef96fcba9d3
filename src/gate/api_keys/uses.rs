//! When keys were last used, to the minute: noted beside the requests, many in one statement.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use time::{Duration, OffsetDateTime};

use super::ApiKey;
use super::store::{self, Use};
use crate::base::error::{Error, Result};
use crate::base::id::ApiKeyId;
use crate::gate::Gate;
use crate::platform::cores::spawn_beside;

/// A use is noted when the last one noted was this long ago.
const PRECISION: Duration = Duration::minutes(1);

/// What is used within so long is written together.
const GATHERED: std::time::Duration = std::time::Duration::from_secs(1);

/// How many keys may wait to be written; those beyond are noted with their next use.
const WAITING: usize = 10_000;

/// Notes uses. A clone notes in the same place.
#[derive(Clone, Debug, Default)]
pub struct ApiKeyUses(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    uses: HashMap<ApiKeyId, Use>,
    is_being_written: bool,
}

impl ApiKeyUses {
    /// Notes that a key is used. The first use is written at once; what comes within a second after it is written then, together.
    pub(in crate::gate) fn note(&self, gate: &Gate, key: &ApiKey, from: Option<IpAddr>, now: OffsetDateTime) {
        if key.last_used_at.is_some_and(|last| last + PRECISION > now) {
            return;
        }
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.uses.len() >= WAITING {
            return;
        }
        waiting.uses.insert(key.id, Use { key: key.id, at: now, from });
        if !std::mem::replace(&mut waiting.is_being_written, true) {
            spawn_beside(write_all(self.clone(), gate.clone()));
        }
    }

    /// What waits; without any, nothing is being written any more.
    fn take(&self) -> Vec<Use> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.is_being_written = !waiting.uses.is_empty();
        waiting.uses.drain().map(|(_, one)| one).collect()
    }
}

async fn write_all(uses: ApiKeyUses, gate: Gate) {
    loop {
        let taken = uses.take();
        if taken.is_empty() {
            return;
        }
        if let Err(error) = write(&gate, &taken).await {
            tracing::debug!(%error, "could not note the uses of API keys; the next ones are");
        }
        tokio::time::sleep(GATHERED).await;
    }
}

async fn write(gate: &Gate, uses: &[Use]) -> Result<(), Error> {
    let mut tx = gate.db.begin().await?;
    store::note_uses(&mut tx, uses).await?;
    tx.commit().await?;
    Ok(())
}
