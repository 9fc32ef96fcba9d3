//! Requests by method, route and status.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use prometheus::{HistogramVec, IntCounterVec, IntGauge, Opts, Registry};

use super::{Families, buckets, gauge, register};

const SECONDS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1., 2.5, 5., 10.];

const LABELS: &[&str] = &["method", "route", "status"];

/// All paths that no route takes, together: callers make them up.
const UNKNOWN: &str = "unknown";

#[derive(Debug)]
pub(super) struct Requests {
    total: IntCounterVec,
    duration: HistogramVec,
    in_flight: IntGauge,
}

impl Requests {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let total = Opts::new("portero_http_requests_total", "Requests answered.");
        let duration =
            buckets("portero_http_request_duration_seconds", "From a request's head to its answer's.", SECONDS);
        Ok(Self {
            total: register(registry, IntCounterVec::new(total, LABELS))?,
            duration: register(registry, HistogramVec::new(duration, LABELS))?,
            in_flight: gauge(registry, "portero_http_requests_in_flight", "Requests being answered now.")?,
        })
    }
}

/// A request under way. Dropped without an answer, it was given up by its caller.
#[derive(Debug)]
#[must_use = "the request is under way only while this lives"]
pub struct UnderWay(Option<Arc<Families>>);

impl UnderWay {
    pub(super) fn begin(families: Option<&Arc<Families>>) -> Self {
        if let Some(families) = families {
            families.requests.in_flight.inc();
        }
        Self(families.cloned())
    }

    /// It has been answered. `route` is the template, not the path.
    pub fn answered(self, method: &Method, route: Option<&str>, status: StatusCode, took: Duration) {
        if let Some(families) = &self.0 {
            let labels = [method_label(method), route.unwrap_or(UNKNOWN), status.as_str()];
            families.requests.total.with_label_values(&labels).inc();
            families.requests.duration.with_label_values(&labels).observe(took.as_secs_f64());
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(families) = &self.0 {
            families.requests.in_flight.dec();
        }
    }
}

/// The method, or one name for all that callers make up.
pub fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "_OTHER",
    }
}

#[cfg(test)]
mod tests {
    use super::super::Metrics;
    use super::*;

    #[test]
    fn what_callers_make_up_makes_no_series() {
        let metrics = Metrics::on().expect("metrics");
        for made_up in ["BREW", "WHEN", "PROPFIND"] {
            let method = made_up.parse().expect("a method");
            metrics.request().answered(&method, None, StatusCode::NOT_FOUND, Duration::from_millis(1));
        }
        let text = metrics.text();
        let line = "portero_http_requests_total{method=\"_OTHER\",route=\"unknown\",status=\"404\"} 3\n";
        assert!(text.contains(line), "{text}");
        assert_eq!(text.matches("\nportero_http_requests_total{").count(), 1);
    }

    #[test]
    fn a_request_is_in_flight_until_it_is_answered_or_given_up() {
        let metrics = Metrics::on().expect("metrics");
        let (answered, given_up) = (metrics.request(), metrics.request());
        let said = |line: &str| assert!(metrics.text().contains(line), "{line} in {}", metrics.text());
        said("portero_http_requests_in_flight 2\n");
        answered.answered(&Method::GET, Some("/roles/{id}"), StatusCode::OK, Duration::from_millis(3));
        drop(given_up);
        said("portero_http_requests_in_flight 0\n");
        let labels = "method=\"GET\",route=\"/roles/{id}\",status=\"200\"";
        said(&format!("portero_http_request_duration_seconds_bucket{{{labels},le=\"0.0025\"}} 0\n"));
        said(&format!("portero_http_request_duration_seconds_bucket{{{labels},le=\"0.005\"}} 1\n"));
        assert_eq!(metrics.text().matches("portero_http_request_duration_seconds_count").count(), 1);
    }
}
