//! The deletion of expired sessions.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus::{Gauge, Histogram, IntCounter, Registry};

use super::{buckets, register};

const SECONDS: &[f64] = &[0.01, 0.1, 1., 10., 60., 600.];

#[derive(Debug)]
pub(super) struct Purge {
    sessions: IntCounter,
    failures: IntCounter,
    duration: Histogram,
    last: Gauge,
}

impl Purge {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name, help| register(registry, IntCounter::new(name, help));
        let duration = buckets("portero_purge_duration_seconds", "How long a purge took.", SECONDS);
        let last = "When a purge last succeeded here, in Unix seconds; 0 if none has.";
        Ok(Self {
            sessions: counter("portero_purged_sessions_total", "Expired sessions deleted by this instance.")?,
            failures: counter("portero_purge_failures_total", "Purges that failed.")?,
            duration: register(registry, Histogram::with_opts(duration))?,
            last: register(registry, Gauge::new("portero_purge_last_run_timestamp_seconds", last))?,
        })
    }

    #[expect(clippy::disallowed_methods, reason = "Prometheus compares it with the machine's clock")]
    pub(super) fn ended(&self, sessions: Result<u64, ()>, took: Duration) {
        self.duration.observe(took.as_secs_f64());
        match sessions {
            Ok(sessions) => {
                self.sessions.inc_by(sessions);
                // The machine's clock, as Prometheus compares it with its own.
                self.last.set(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64());
            }
            Err(()) => self.failures.inc(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::platform::metrics::Metrics;

    #[test]
    fn a_failed_purge_is_no_last_run() {
        let metrics = Metrics::on().expect("metrics");
        metrics.purged(Err(()), Duration::from_millis(5));
        let text = metrics.text();
        assert!(text.contains("portero_purge_failures_total 1\n"), "{text}");
        assert!(text.contains("portero_purge_last_run_timestamp_seconds 0\n"), "{text}");
        metrics.purged(Ok(7), Duration::from_millis(5));
        let text = metrics.text();
        assert!(text.contains("portero_purged_sessions_total 7\n"), "{text}");
        assert!(!text.contains("portero_purge_last_run_timestamp_seconds 0\n"), "{text}");
        assert!(text.contains("portero_purge_duration_seconds_count 2\n"), "{text}");
    }
}
