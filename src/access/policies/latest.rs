//! What decides in services, in memory, under the versions that say whether it is still true.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use sqlx::PgConnection;
use tokio::task::spawn_blocking;

use super::{PolicySet, store};
use crate::base::error::Result;
use crate::base::id::ServiceId;

/// How many policies are held, of all services together: those of services that were not asked about for longest go first.
const MOST: usize = 200_000;

/// As they were last loaded, for all lanes. A clone costs next to nothing and knows the same.
#[derive(Clone, Debug, Default)]
pub struct Latest(Arc<Held>);

#[derive(Debug, Default)]
struct Held {
    sets: RwLock<HashMap<ServiceId, Entry>>,
    uses: AtomicU64,
}

#[derive(Debug)]
struct Entry {
    set: Arc<PolicySet>,
    last_used: AtomicU64,
}

impl Latest {
    /// What decides in a service, if it is held under this version.
    pub(super) fn get(&self, service: ServiceId, version: i64) -> Option<Arc<PolicySet>> {
        let sets = self.0.sets.read().unwrap_or_else(PoisonError::into_inner);
        let entry = sets.get(&service).filter(|entry| entry.set.version == version)?;
        entry.last_used.store(self.0.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        Some(Arc::clone(&entry.set))
    }

    /// Loads it anew; none where nothing is permitted.
    pub(super) async fn load(&self, conn: &mut PgConnection, service: ServiceId) -> Result<Option<Arc<PolicySet>>> {
        let stored = store::load::load(conn, service).await?;
        let Some(stored) = stored else {
            self.0.sets.write().unwrap_or_else(PoisonError::into_inner).remove(&service);
            return Ok(None);
        };
        // To compile thousands takes long, and this may be a core's.
        let compiled = spawn_blocking(move || PolicySet::of(stored)).await;
        let set = Arc::new(compiled.map_err(anyhow::Error::from)?);
        let mut sets = self.0.sets.write().unwrap_or_else(PoisonError::into_inner);
        let last_used = AtomicU64::new(self.0.uses.fetch_add(1, Ordering::Relaxed));
        sets.insert(service, Entry { set: Arc::clone(&set), last_used });
        make_room(&mut sets, service);
        Ok(Some(set))
    }
}

/// Lets go of others than `kept` until what is held is not too much.
fn make_room(sets: &mut HashMap<ServiceId, Entry>, kept: ServiceId) {
    let mut weight: usize = sets.values().map(|entry| entry.set.weight()).sum();
    while weight > MOST {
        let others = sets.iter().filter(|(service, _)| **service != kept);
        let oldest = others.min_by_key(|(_, entry)| entry.last_used.load(Ordering::Relaxed)).map(|(id, _)| *id);
        let Some(gone) = oldest.and_then(|oldest| sets.remove(&oldest)) else { return };
        weight -= gone.set.weight();
    }
}
