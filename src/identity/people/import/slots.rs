use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::base::error::{Error, Result};
use crate::base::id::PersonId;
use crate::platform::http::rate_limit;
use crate::platform::shares::{Share, Shares};

/// How many imports may be under way: each holds its file in memory.
const MOST: usize = 4;

/// Who has to wait may ask again after so long.
const LATER: Duration = Duration::from_secs(10);

/// The imports over the API. Several may be received at once, one of each person, at whatever pace; then they take turns.
#[derive(Clone, Debug)]
pub struct ImportSlots {
    of_people: Shares<PersonId>,
    places: Arc<Semaphore>,
    turn: Arc<Semaphore>,
}

impl Default for ImportSlots {
    fn default() -> Self {
        Self { of_people: Shares::new(1), places: Arc::new(Semaphore::new(MOST)), turn: Arc::new(Semaphore::new(1)) }
    }
}

/// A place for an import's file, until this is dropped.
#[derive(Debug)]
pub(super) struct ImportSlot {
    _held: (Share<PersonId>, OwnedSemaphorePermit),
}

impl ImportSlots {
    /// A place for somebody's import.
    ///
    /// # Errors
    /// 429 `too_many_imports` while they have another under way, or too many others have.
    pub(super) fn place(&self, whose: PersonId) -> Result<ImportSlot> {
        let refuse = |what| rate_limit::share_is_taken("too_many_imports", what, ("imports", 1), LATER);
        let share = self.of_people.take(whose).ok_or_else(|| refuse("another import of yours is under way"))?;
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| refuse("too many imports are under way"))?;
        Ok(ImportSlot { _held: (share, place) })
    }

    /// The turn to look at a file and write it, when it has come.
    pub(super) async fn turn(&self) -> Result<SemaphorePermit<'_>> {
        self.turn.acquire().await.map_err(|error| Error::Internal(error.into()))
    }
}
