//! What waits, and what is held, each counted for exactly as long as it lives.

use std::sync::Arc;
use std::time::Instant;

use prometheus::{Histogram, IntCounter, IntGauge};

/// One more on a gauge, until this is dropped.
#[derive(Debug)]
#[must_use = "it is counted only while this lives"]
pub struct GaugeGuard(Option<IntGauge>);

impl GaugeGuard {
    /// Counts one on `gauge`.
    pub(super) fn one_of(gauge: Option<&IntGauge>) -> Self {
        if let Some(gauge) = gauge {
            gauge.inc();
        }
        Self(gauge.cloned())
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        if let Some(gauge) = &self.0 {
            gauge.dec();
        }
    }
}

/// A bounded queue: how many wait, how long they waited, how many it turned away.
#[derive(Clone, Debug, Default)]
pub struct Queue(Option<Arc<Series>>);

#[derive(Debug)]
pub(super) struct Series {
    pub(super) length: IntGauge,
    pub(super) wait: Histogram,
    pub(super) refused: IntCounter,
}

impl Queue {
    pub(super) fn of(series: Series) -> Self {
        Self(Some(Arc::new(series)))
    }

    /// Something joins the queue: put what this returns beside it.
    pub fn join(&self) -> QueueTimer {
        QueueTimer(self.0.as_ref().map(|series| {
            series.length.inc();
            (Arc::clone(series), Instant::now())
        }))
    }

    /// Something was turned away.
    pub fn refused(&self) {
        if let Some(series) = &self.0 {
            series.refused.inc();
        }
    }
}

/// A place in a queue. Dropped before its turn, it leaves no trace in the waiting times.
#[derive(Debug)]
#[must_use = "it counts as waiting only while this lives"]
pub struct QueueTimer(Option<(Arc<Series>, Instant)>);

impl QueueTimer {
    /// Its turn has come.
    pub fn is_over(self) {
        if let Some((series, since)) = &self.0 {
            series.wait.observe(since.elapsed().as_secs_f64());
        }
    }
}

impl Drop for QueueTimer {
    fn drop(&mut self) {
        if let Some((series, _)) = &self.0 {
            series.length.dec();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::platform::metrics::Metrics;

    #[test]
    fn who_waits_is_counted_until_its_turn_or_until_it_goes_away() {
        let metrics = Metrics::on().expect("metrics");
        let queue = metrics.batch("checks").queue().clone();
        let (served, gone) = (queue.join(), queue.join());
        let said = |line: &str| assert!(metrics.text().contains(line), "{line} in {}", metrics.text());
        said("portero_batch_queue_length{batch=\"checks\"} 2");
        served.is_over();
        said("portero_batch_queue_length{batch=\"checks\"} 1");
        drop(gone);
        queue.refused();
        said("portero_batch_queue_length{batch=\"checks\"} 0");
        said("portero_batch_wait_seconds_count{batch=\"checks\"} 1");
        said("portero_batch_refused_total{batch=\"checks\"} 1");
    }
}
