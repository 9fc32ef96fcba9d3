//! The threads that hash passwords, and the queue in front of them.

use std::time::Instant;

use prometheus::{Histogram, IntCounter, IntGauge, Registry};

use super::queue::{GaugeGuard, Queue, Series};
use super::{buckets, gauge, register};

/// One hash takes about 20 ms of a core of its own.
const SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1., 2.5, 5., 10.];

/// The measurements of password hashing.
#[derive(Clone, Debug, Default)]
pub struct Hashing {
    queue: Queue,
    work: Option<(IntGauge, Histogram)>,
}

impl Hashing {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let histogram = |name, help| register(registry, Histogram::with_opts(buckets(name, help, SECONDS)));
        let refused = "Passwords not looked at because the queue was full.";
        let queue = Queue::of(Series {
            length: gauge(registry, "portero_hash_queue_length", "Passwords waiting for a hashing thread now.")?,
            wait: histogram("portero_hash_wait_seconds", "How long a password waited for a hashing thread.")?,
            refused: register(registry, IntCounter::new("portero_hash_refused_total", refused))?,
        });
        let busy = gauge(registry, "portero_hash_threads_busy", "Hashing threads at work now.")?;
        let duration = histogram("portero_hash_duration_seconds", "How long it took to hash or verify a password.")?;
        Ok(Self { queue, work: Some((busy, duration)) })
    }

    /// Where passwords wait.
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// A thread does `work`.
    pub fn at_work<T>(&self, work: impl FnOnce() -> T) -> T {
        let Some((busy, duration)) = &self.work else { return work() };
        // A guard, so that a panic ends it too.
        let _busy = GaugeGuard::one_of(Some(busy));
        let start = Instant::now();
        let done = work();
        duration.observe(start.elapsed().as_secs_f64());
        done
    }
}

#[cfg(test)]
mod tests {
    use crate::platform::metrics::Metrics;

    #[test]
    fn a_thread_is_busy_while_it_works_even_if_the_work_fails() {
        let metrics = Metrics::on().expect("metrics");
        let hashing = metrics.hashing();
        let within = hashing.at_work(|| metrics.text());
        assert!(within.contains("portero_hash_threads_busy 1\n"), "{within}");
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            hashing.at_work(|| std::panic::resume_unwind(Box::new("no hash")));
        }));
        assert!(failed.is_err());
        let after = metrics.text();
        assert!(after.contains("portero_hash_threads_busy 0\n"), "{after}");
        assert!(after.contains("portero_hash_duration_seconds_count 1\n"), "{after}");
    }
}
