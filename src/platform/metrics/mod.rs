//! What is measured, for Prometheus: `GET /metrics` on an address of its own (`METRICS_ADDRESS`).
//!
//! Each app has its own registry, so that several servers may live in one process. Whoever is measured holds handles,
//! looked up once: [`BatchMetrics`], [`Hashing`], [`StreamMetrics`]. Without `METRICS_ADDRESS` they are empty, and to record costs a
//! comparison. Labels come from small fixed sets: no id, no name, no address, no token.

mod batch;
mod connections;
mod hashing;
mod logins;
mod logouts;
mod mail;
mod page;
mod process;
mod purge;
mod queue;
mod requests;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use prometheus::core::Collector;
use prometheus::{HistogramOpts, IntGauge, Opts, Registry};

pub use batch::BatchMetrics;
pub use hashing::Hashing;
pub use logins::{LoginTimer, Outcome, Way};
pub use logouts::LogoutQueueCounts;
pub use mail::MailQueueCounts;
pub use queue::{GaugeGuard, Queue, QueueTimer};
pub use requests::{InFlightRequest, method_label};
pub use stream::StreamMetrics;

use batch::BatchFamilies;
use connections::ConnectionMetrics;
use logins::Logins;
use logouts::Logouts;
use mail::Mail;
use page::Pool;
use process::Process;
use purge::Purge;
use requests::Requests;

/// The measurements of one app, or nothing at all.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Option<Arc<Families>>);

#[derive(Debug)]
struct Families {
    registry: Registry,
    requests: Requests,
    connections: ConnectionMetrics,
    batches: BatchFamilies,
    pool: Pool,
    hashing: Hashing,
    logins: Logins,
    logouts: Logouts,
    mail: Mail,
    purge: Purge,
    stream: StreamMetrics,
    process: Process,
}

impl Metrics {
    /// Begins to measure, all from zero.
    pub fn on() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let families = Families {
            requests: Requests::register(&registry)?,
            connections: ConnectionMetrics::register(&registry)?,
            batches: BatchFamilies::register(&registry)?,
            pool: Pool::register(&registry)?,
            hashing: Hashing::register(&registry)?,
            logins: Logins::register(&registry)?,
            logouts: Logouts::register(&registry)?,
            mail: Mail::register(&registry)?,
            purge: Purge::register(&registry)?,
            stream: StreamMetrics::register(&registry)?,
            process: Process::register(&registry)?,
            registry,
        };
        Ok(Self(Some(Arc::new(families))))
    }

    /// A request begins; keep what this returns until it is answered.
    pub fn request(&self, request: &Request) -> InFlightRequest {
        InFlightRequest::begin(self.0.as_ref(), request)
    }

    /// A connection opens, and ends when what this returns is dropped.
    pub fn connection(&self) -> GaugeGuard {
        GaugeGuard::one_of(self.0.as_ref().map(|families| &families.connections.open))
    }

    /// Somebody found no place: their network has its `share`, all `places` are taken, or no `files` are left.
    pub fn turned_away(&self, for_want_of: &'static str) {
        if let Some(families) = &self.0 {
            families.connections.turned_away.with_label_values(&[for_want_of]).inc();
        }
    }

    /// The measurements of the batches called `name`: one call for each kind of batch, not for each batch.
    pub fn batch(&self, name: &'static str) -> BatchMetrics {
        self.0.as_ref().map_or_else(BatchMetrics::default, |families| families.batches.called(name))
    }

    /// The measurements of password hashing.
    pub fn hashing(&self) -> Hashing {
        self.0.as_ref().map_or_else(Hashing::default, |families| families.hashing.clone())
    }

    /// Somebody tries to come in this way; say what came of it with [`LoginTimer::ends`].
    pub fn login(&self, way: Way) -> LoginTimer {
        LoginTimer::begin(self.0.as_ref(), way)
    }

    /// A purge that took `took` ended now and deleted so many sessions, or failed.
    pub fn purged(&self, sessions: Result<u64, ()>, took: Duration) {
        if let Some(families) = &self.0 {
            families.purge.ended(sessions, took);
        }
    }

    /// Whether anything is measured.
    pub fn are_on(&self) -> bool {
        self.0.is_some()
    }

    /// A mail was sent, or could not be.
    pub fn mail_sent(&self, sent: bool) {
        if let Some(families) = &self.0 {
            families.mail.tried(sent);
        }
    }

    /// How the queue of mails stands now.
    pub fn mail_queue(&self, counts: MailQueueCounts) {
        if let Some(families) = &self.0 {
            families.mail.set_queue(counts);
        }
    }

    /// A client was told of a logout, or could not be.
    pub fn logout_told(&self, told: bool) {
        if let Some(families) = &self.0 {
            families.logouts.tried(told);
        }
    }

    /// How the queue of logouts stands now.
    pub fn logout_queue(&self, counts: LogoutQueueCounts) {
        if let Some(families) = &self.0 {
            families.logouts.set_queue(counts);
        }
    }

    /// The measurements of the change stream.
    pub fn stream(&self) -> StreamMetrics {
        self.0.as_ref().map_or_else(StreamMetrics::default, |families| families.stream.clone())
    }
}

/// Adds what `made` is to the registry.
fn register<C: Collector + Clone + 'static>(registry: &Registry, made: prometheus::Result<C>) -> prometheus::Result<C> {
    let collector = made?;
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

fn gauge(registry: &Registry, name: &str, help: &str) -> prometheus::Result<IntGauge> {
    register(registry, IntGauge::with_opts(Opts::new(name, help)))
}

fn buckets(name: &str, help: &str, bounds: &[f64]) -> HistogramOpts {
    HistogramOpts::new(name, help).buckets(bounds.to_vec())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use axum::http::StatusCode;

    use super::*;

    #[test]
    fn the_documentation_names_every_metric_and_no_other() {
        let metrics = Metrics::on().expect("metrics");
        let _batch = metrics.batch("tokens");
        metrics.request(&Request::default()).answered(StatusCode::OK);
        metrics.turned_away("share");
        metrics.login(Way::Provider).at("google").ends(Outcome::Success);
        let text = metrics.text();
        let measured = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
        let page = include_str!("../../../docs/operations.md");
        let rows = page.lines().filter(|line| line.starts_with("| `portero_") || line.starts_with("| `process_"));
        let names = rows.flat_map(|row| row.split('|').nth(1).unwrap_or_default().split('`').skip(1).step_by(2));
        assert_eq!(names.collect::<BTreeSet<_>>(), measured.collect());
    }

    #[test]
    fn several_apps_in_one_process_are_measured_apart() {
        let (one, other) = (Metrics::on().expect("metrics"), Metrics::on().expect("metrics"));
        one.stream().sent(3);
        assert!(one.text().contains("portero_stream_events_total 3\n"));
        assert!(other.text().contains("portero_stream_events_total 0\n"));
    }
}
