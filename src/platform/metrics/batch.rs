//! Questions that ride to Postgres together.

use std::time::Duration;

use prometheus::{Histogram, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry};

use super::queue::{Queue, Series};
use super::{buckets, register};

const SIZES: &[f64] = &[1., 2., 4., 8., 16., 32., 64., 128., 256., 512., 1024.];

/// From 0.1 ms, what a question takes at rest, to the deadline of a check.
const SECONDS: &[f64] = &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1., 2.5];

#[derive(Debug)]
pub(super) struct BatchFamilies {
    size: HistogramVec,
    query: HistogramVec,
    length: IntGaugeVec,
    wait: HistogramVec,
    refused: IntCounterVec,
}

impl BatchFamilies {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let histogram =
            |name, help, bounds| register(registry, HistogramVec::new(buckets(name, help, bounds), &["batch"]));
        Ok(Self {
            size: histogram("portero_batch_size", "Questions that were asked together.", SIZES)?,
            query: histogram("portero_batch_query_seconds", "How long Postgres took to answer a batch.", SECONDS)?,
            length: register(
                registry,
                IntGaugeVec::new(
                    Opts::new("portero_batch_queue_length", "Questions waiting for a batch now."),
                    &["batch"],
                ),
            )?,
            wait: histogram("portero_batch_wait_seconds", "How long a question waited for its batch.", SECONDS)?,
            refused: register(
                registry,
                IntCounterVec::new(
                    Opts::new("portero_batch_refused_total", "Questions turned away because the queue was full."),
                    &["batch"],
                ),
            )?,
        })
    }

    pub(super) fn called(&self, name: &str) -> BatchMetrics {
        BatchMetrics {
            queue: Queue::of(Series {
                length: self.length.with_label_values(&[name]),
                wait: self.wait.with_label_values(&[name]),
                refused: self.refused.with_label_values(&[name]),
            }),
            asked: Some((self.size.with_label_values(&[name]), self.query.with_label_values(&[name]))),
        }
    }
}

/// The measurements of one kind of batch.
#[derive(Clone, Debug, Default)]
pub struct BatchMetrics {
    queue: Queue,
    asked: Option<(Histogram, Histogram)>,
}

impl BatchMetrics {
    /// Where its questions wait.
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// So many questions were asked in one query, and Postgres took so long.
    pub fn asked(&self, questions: usize, took: Duration) {
        if let Some((size, query)) = &self.asked {
            // A histogram counts in f64; no batch comes near 2^32.
            size.observe(f64::from(u32::try_from(questions).unwrap_or(u32::MAX)));
            query.observe(took.as_secs_f64());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::metrics::Metrics;

    #[test]
    fn batches_are_told_apart_by_name_and_sorted_by_size() {
        let metrics = Metrics::on().expect("metrics");
        let (tokens, roles) = (metrics.batch("tokens"), metrics.batch("roles"));
        for size in [1, 3, 3, 40] {
            tokens.asked(size, Duration::from_millis(2));
        }
        roles.asked(1, Duration::from_secs(3));
        let text = metrics.text();
        for line in [
            "portero_batch_size_bucket{batch=\"tokens\",le=\"2\"} 1\n",
            "portero_batch_size_bucket{batch=\"tokens\",le=\"4\"} 3\n",
            "portero_batch_size_sum{batch=\"tokens\"} 47\n",
            "portero_batch_query_seconds_count{batch=\"tokens\"} 4\n",
            "portero_batch_query_seconds_bucket{batch=\"tokens\",le=\"0.0025\"} 4\n",
            "portero_batch_query_seconds_bucket{batch=\"roles\",le=\"2.5\"} 0\n",
            "portero_batch_query_seconds_bucket{batch=\"roles\",le=\"+Inf\"} 1\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }

    #[test]
    fn where_nothing_is_measured_nothing_happens() {
        let batch = Metrics::default().batch("tokens");
        batch.queue().join().is_over();
        batch.queue().refused();
        batch.asked(3, Duration::from_millis(1));
        assert_eq!(Metrics::default().text(), "");
    }
}
