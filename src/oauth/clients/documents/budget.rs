use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::platform::shares::LeakyBuckets;

/// So many documents are read at once, whoever asks: the rest is told to come again.
const AT_ONCE: usize = 8;

/// So often a minute a host is asked for one, and all hosts together.
const OF_A_HOST: u32 = 10;
const OF_ALL: u32 = 120;

/// What is read for strangers: anybody may name an address. A clone costs next to nothing.
#[derive(Clone, Debug)]
pub struct Budget {
    places: Arc<Semaphore>,
    of_a_host: Option<LeakyBuckets<String>>,
    of_all: Option<LeakyBuckets<()>>,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(AT_ONCE)),
            of_a_host: LeakyBuckets::per_minute("documents of a host", OF_A_HOST, 1),
            of_all: LeakyBuckets::per_minute("documents", OF_ALL, 1),
        }
    }
}

impl Budget {
    /// A place to read a document of a host in, if there is one left.
    pub(super) fn take(&self, host: &str, uptime: Duration) -> Option<OwnedSemaphorePermit> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let of_host = self.of_a_host.as_ref().is_none_or(|all| all.take(host.to_owned(), uptime).is_ok());
        let of_all = of_host && self.of_all.as_ref().is_none_or(|all| all.take((), uptime).is_ok());
        of_all.then_some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_makes_us_ask_a_host_more_often_than_so() {
        let budget = Budget::default();
        let taken = |host: &str, at: u64| budget.take(host, Duration::from_secs(at)).is_some();
        assert_eq!((0..50).filter(|_| taken("a.example", 0)).count(), 10);
        assert!(taken("b.example", 0) && taken("a.example", 6));
        let held: Vec<_> = (0..20).map(|n| budget.take(&format!("{n}.example"), Duration::ZERO)).collect();
        assert_eq!(held.iter().flatten().count(), AT_ONCE);
    }
}
