//! Requests by method, route and status.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
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

    fn answered(&self, labels: [&str; 3], took: Duration) {
        self.total.with_label_values(&labels).inc();
        self.duration.with_label_values(&labels).observe(took.as_secs_f64());
    }
}

/// A request under way. Dropped without an answer, it was given up by its caller.
#[derive(Debug)]
#[must_use = "the request is under way only while this lives"]
pub struct InFlightRequest(Option<StartedRequest>);

#[derive(Debug)]
struct StartedRequest {
    families: Arc<Families>,
    method: &'static str,
    route: Option<MatchedPath>,
    start: Instant,
}

impl InFlightRequest {
    pub(super) fn begin(families: Option<&Arc<Families>>, request: &Request) -> Self {
        Self(families.map(|families| {
            families.requests.in_flight.inc();
            StartedRequest {
                families: Arc::clone(families),
                method: method_label(request.method()),
                route: request.extensions().get().cloned(),
                start: Instant::now(),
            }
        }))
    }

    pub fn answered(self, status: StatusCode) {
        if let Some(asked) = &self.0 {
            // The template, not the path.
            let route = asked.route.as_ref().map_or(UNKNOWN, MatchedPath::as_str);
            asked.families.requests.answered([asked.method, route, status.as_str()], asked.start.elapsed());
        }
    }
}

impl Drop for InFlightRequest {
    fn drop(&mut self) {
        if let Some(asked) = &self.0 {
            asked.families.requests.in_flight.dec();
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
    use axum::Router;
    use axum::body::Body;
    use axum::middleware::{self, Next};
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;
    use crate::platform::metrics::Metrics;

    /// Answers on `path`, as a request of a server with one route.
    async fn request(metrics: &Metrics, method: &str, path: &str) {
        let counting = metrics.clone();
        let count = middleware::from_fn(move |request: Request, next: Next| {
            let under_way = counting.request(&request);
            async move {
                let response = next.run(request).await;
                under_way.answered(response.status());
                response
            }
        });
        let seen = metrics.clone();
        let role = get(async move || assert!(seen.text().contains("portero_http_requests_in_flight 1\n")));
        let router: Router = Router::new().route("/roles/{id}", role).layer(count);
        let request = Request::builder().method(method).uri(path).body(Body::empty()).expect("a request");
        router.oneshot(request).await.expect("an answer");
    }

    #[tokio::test]
    async fn requests_are_counted_by_route_and_not_by_path() {
        let metrics = Metrics::on().expect("metrics");
        for path in ["/roles/1", "/roles/2"] {
            request(&metrics, "GET", path).await;
        }
        let text = metrics.text();
        let labels = "method=\"GET\",route=\"/roles/{id}\",status=\"200\"";
        for line in [
            format!("portero_http_requests_total{{{labels}}} 2\n"),
            format!("portero_http_request_duration_seconds_count{{{labels}}} 2\n"),
            "portero_http_requests_in_flight 0\n".to_owned(),
        ] {
            assert!(text.contains(&line), "{line} in {text}");
        }
    }

    #[tokio::test]
    async fn what_callers_make_up_makes_no_series() {
        let metrics = Metrics::on().expect("metrics");
        for made_up in ["BREW", "WHEN", "PROPFIND"] {
            request(&metrics, made_up, &format!("/{made_up}")).await;
        }
        let text = metrics.text();
        let line = "portero_http_requests_total{method=\"_OTHER\",route=\"unknown\",status=\"404\"} 3\n";
        assert!(text.contains(line), "{text}");
        assert_eq!(text.matches("\nportero_http_requests_total{").count(), 1);
    }

    #[test]
    fn a_request_that_is_given_up_is_no_longer_in_flight() {
        let metrics = Metrics::on().expect("metrics");
        drop(metrics.request(&Request::new(Body::empty())));
        let text = metrics.text();
        assert!(text.contains("portero_http_requests_in_flight 0\n"), "{text}");
        assert!(!text.contains("portero_http_requests_total{"), "{text}");
    }
}
