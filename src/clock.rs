//! The time, as an argument: rules take `now`, the app holds a clock, tests turn it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use time::{Duration, OffsetDateTime};

/// The system's clock, plus what a test has turned it by.
#[derive(Clone, Debug)]
pub struct Clock {
    started: Instant,
    turned_by_seconds: Arc<AtomicI64>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { started: Instant::now(), turned_by_seconds: Arc::default() }
    }
}

impl Clock {
    /// Now, to the microsecond: what Postgres can store and compare again.
    pub fn now(&self) -> OffsetDateTime {
        let now = OffsetDateTime::now_utc() + Duration::seconds(self.turned_by_seconds.load(Ordering::Relaxed));
        now - Duration::nanoseconds(i64::from(now.nanosecond() % 1000))
    }

    /// For how long it has run, which no correction of the system's clock changes: for what is kept in memory only.
    pub fn uptime(&self) -> std::time::Duration {
        let turned = self.turned_by_seconds.load(Ordering::Relaxed);
        self.started.elapsed() + std::time::Duration::from_secs(u64::try_from(turned).unwrap_or(0))
    }

    /// Moves the clock, for every holder of a clone of it.
    pub fn turn(&self, by: Duration) {
        self.turned_by_seconds.fetch_add(by.whole_seconds(), Ordering::Relaxed);
    }
}
