//! The stream of changes to connected backends.

use std::sync::Arc;
use std::time::Duration;

use prometheus::{Histogram, IntCounter, IntGauge, Registry};

use super::queue::GaugeGuard;
use super::{buckets, gauge, register};

const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1., 2.5, 5., 10., 60.];

/// The measurements of the change stream.
#[derive(Clone, Debug, Default)]
pub struct StreamMetrics(Option<Arc<Series>>);

#[derive(Debug)]
struct Series {
    clients: IntGauge,
    events: IntCounter,
    resets: IntCounter,
    lag: Histogram,
}

impl StreamMetrics {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name, help| register(registry, IntCounter::new(name, help));
        let lag = "From the writing of a change to its being handed to the clients.";
        Ok(Self(Some(Arc::new(Series {
            clients: gauge(registry, "portero_stream_clients", "Backends connected to the change stream now.")?,
            events: counter("portero_stream_events_total", "Events sent, each counted for each client.")?,
            resets: counter("portero_stream_resets_total", "Reset events sent to clients.")?,
            lag: register(registry, Histogram::with_opts(buckets("portero_stream_lag_seconds", lag, SECONDS)))?,
        }))))
    }

    /// A backend connects, and is gone when what this returns is dropped.
    pub fn client(&self) -> GaugeGuard {
        GaugeGuard::one_of(self.0.as_ref().map(|series| &series.clients))
    }

    /// So many events were sent to one client.
    pub fn sent(&self, events: u64) {
        if let Some(series) = &self.0 {
            series.events.inc_by(events);
        }
    }

    /// A client was away too long and has been told so.
    pub fn reset(&self) {
        if let Some(series) = &self.0 {
            series.resets.inc();
        }
    }

    /// A change was handed on this long after it was written.
    pub fn lag(&self, lag: Duration) {
        if let Some(series) = &self.0 {
            series.lag.observe(lag.as_secs_f64());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::platform::metrics::Metrics;

    #[test]
    fn clients_are_counted_while_they_are_connected() {
        let metrics = Metrics::on().expect("metrics");
        let stream = metrics.stream();
        let (first, second) = (stream.client(), stream.client());
        stream.sent(3);
        stream.reset();
        stream.lag(Duration::from_millis(4));
        drop(first);
        let text = metrics.text();
        for line in [
            "portero_stream_clients 1\n",
            "portero_stream_events_total 3\n",
            "portero_stream_resets_total 1\n",
            "portero_stream_lag_seconds_bucket{le=\"0.0025\"} 0\n",
            "portero_stream_lag_seconds_bucket{le=\"0.005\"} 1\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        drop(second);
    }
}
