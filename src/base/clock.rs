//! The time, as an argument: rules take `now`, the app holds a clock, tests turn it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime, UtcOffset};

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
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
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

/// A moment as RFC 3339 writes it, in UTC. None also for one that an offset puts beyond the years 0 to 9999 there: nothing
/// could store or show it.
pub fn read_rfc3339(text: &str) -> Option<OffsetDateTime> {
    let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?.checked_to_offset(UtcOffset::UTC)?;
    is_within_reach(&moment).then_some(moment)
}

/// Whether a moment in UTC can be stored and shown.
pub fn is_within_reach(moment: &OffsetDateTime) -> bool {
    (0..=9999).contains(&moment.year())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_one_in_utc_too() {
        let noon = read_rfc3339("2026-11-01T12:00:00+02:00").expect("a moment");
        assert_eq!((noon.hour(), noon.offset()), (10, UtcOffset::UTC));
        for bad in ["", "2026-11-01", "9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00+23:59", "2026-13-01T00:00:00Z"]
        {
            assert_eq!(read_rfc3339(bad), None, "{bad}");
        }
    }
}
