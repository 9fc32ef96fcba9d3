//! The time, as an argument: rules take `now`, the app holds a clock, tests turn it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use time::{Duration, OffsetDateTime};

/// The system's clock, plus what a test has turned it by.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    turned_by_seconds: Arc<AtomicI64>,
}

impl Clock {
    /// Now, to the microsecond: what Postgres can store and compare again.
    pub fn now(&self) -> OffsetDateTime {
        let now = OffsetDateTime::now_utc() + Duration::seconds(self.turned_by_seconds.load(Ordering::Relaxed));
        now - Duration::nanoseconds(i64::from(now.nanosecond() % 1000))
    }

    /// Moves the clock, for every holder of a clone of it.
    pub fn turn(&self, by: Duration) {
        self.turned_by_seconds.fetch_add(by.whole_seconds(), Ordering::Relaxed);
    }
}
