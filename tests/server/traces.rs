//! What a collector of traces is told, and how little it matters whether there is one.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tokio::net::TcpListener;

use crate::process::{Directory, Portero, free_port};

/// Away, or there but silent: requests are answered, the stop is soon, and the log says it once.
#[tokio::test]
async fn a_collector_that_does_not_answer_harms_nobody() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // The silent one has not been waited for long enough to be complained about.
    let addresses = [(format!("127.0.0.1:{}", free_port()), 1), (silent.local_addr().unwrap().to_string(), 0)];
    for (address, complaints) in addresses {
        let directory = Directory::new();
        let endpoint = format!("http://{address}");
        let vars = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "20")];
        let demo = Portero::start(&directory, "demo", &vars).await;
        let juan = demo.log_in("juan", "juan-hash").await;
        for _ in 0..30 {
            assert_eq!(demo.check(&juan).await.0, 200);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        demo.signal(Signal::SIGTERM);
        let stopping = Instant::now();
        let (status, output) = demo.ended().await;
        assert!(status.success(), "{output}");
        assert!(stopping.elapsed() < Duration::from_secs(6), "{output}");
        let said = output.matches("does not take our traces").count();
        assert_eq!(said, if cfg!(feature = "otlp") { complaints } else { 0 }, "{output}");
    }
}

#[cfg(not(feature = "otlp"))]
#[tokio::test]
async fn a_build_without_traces_says_so() {
    let directory = Directory::new();
    let demo = Portero::start(&directory, "demo", &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")]).await;
    assert!(demo.said("without the feature otlp"), "{}", demo.output());
}

#[cfg(feature = "otlp")]
mod collected {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use axum::body::Bytes;
    use axum::http::HeaderMap;
    use http_body_util::BodyExt;
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
    use opentelemetry_proto::tonic::trace::v1::Span;
    use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
    use prost::Message;

    use super::*;

    /// Takes whatever is sent to it.
    #[derive(Clone, Default)]
    struct Collector(Arc<Mutex<Vec<(HeaderMap, String, Bytes)>>>);

    impl Collector {
        async fn listen() -> (Self, String) {
            let collector = Self::default();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let endpoint = format!("http://{}", listener.local_addr().unwrap());
            let taken = collector.clone();
            tokio::spawn(async move {
                while let Ok((tcp, _)) = listener.accept().await {
                    let taken = taken.clone();
                    let take = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                        let taken = taken.clone();
                        async move {
                            let (head, body) = request.into_parts();
                            let body = body.collect().await?.to_bytes();
                            taken.0.lock().unwrap().push((head.headers, head.uri.path().to_owned(), body));
                            Ok::<_, hyper::Error>(hyper::Response::new(String::new()))
                        }
                    });
                    tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(tcp), take));
                }
            });
            (collector, endpoint)
        }

        fn exports(&self) -> Vec<ExportTraceServiceRequest> {
            let taken = self.0.lock().unwrap();
            taken.iter().map(|(_, _, body)| ExportTraceServiceRequest::decode(body.clone()).unwrap()).collect()
        }

        fn spans(&self) -> Vec<Span> {
            let resources = self.exports().into_iter().flat_map(|export| export.resource_spans);
            resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
        }

        fn raw(&self) -> Vec<u8> {
            self.0.lock().unwrap().iter().flat_map(|(_, _, body)| body.to_vec()).collect()
        }
    }

    fn attributes(attributes: &[KeyValue]) -> BTreeMap<String, String> {
        let text = |value: &Option<AnyValue>| match value.as_ref().and_then(|value| value.value.clone()) {
            Some(Value::StringValue(text)) => text,
            Some(Value::IntValue(number)) => number.to_string(),
            other => format!("{other:?}"),
        };
        attributes.iter().map(|pair| (pair.key.clone(), text(&pair.value))).collect()
    }

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const CALLER: &str = "b7ad6b7169203331";

    #[tokio::test]
    async fn each_request_is_a_span_of_its_callers_trace_with_its_steps_below_it() {
        let (collector, endpoint) = Collector::listen().await;
        let directory = Directory::new();
        let vars = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hunter2"),
            ("PORTERO_LOG", "trace,sqlx=info"),
        ];
        let demo = Portero::start(&directory, "demo", &vars).await;
        let login = serde_json::json!({"username": "juan", "password": "juan-hash"}).to_string();
        let request = reqwest::Client::new().post(format!("{}/auth/login", demo.url)).body(login);
        let answer = request.header("traceparent", format!("00-{TRACE}-{CALLER}-01")).send().await.unwrap();
        let request_id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        let answer: serde_json::Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        let token = answer["token"].as_str().unwrap();
        reqwest::get(format!("{}/people/juan/{token}", demo.url)).await.unwrap();
        assert_eq!(demo.check(token).await.0, 200);
        demo.signal(Signal::SIGTERM);
        let (status, output) = demo.ended().await;
        assert!(status.success(), "{output}");

        let spans = collector.spans();
        let login = spans.iter().find(|span| span.name == "POST /auth/login").unwrap();
        assert_eq!(hex::encode(&login.trace_id), TRACE);
        assert_eq!(hex::encode(&login.parent_span_id), CALLER);
        let said = attributes(&login.attributes);
        for (name, expected) in [
            ("http.request.method", "POST"),
            ("http.route", "/auth/login"),
            ("http.response.status_code", "200"),
            ("client.address", "127.0.0.1"),
            ("server.address", "127.0.0.1"),
            ("portero.request_id", &request_id),
        ] {
            assert_eq!(said.get(name).map(String::as_str), Some(expected), "{name} in {said:?}");
        }
        for step in ["credentials", "hash password", "begin session"] {
            let step = spans.iter().find(|span| span.name == step).unwrap_or_else(|| panic!("no {step}: {spans:?}"));
            assert_eq!(step.parent_span_id, login.span_id, "{step:?}");
            assert!(step.events.is_empty(), "{step:?}");
        }
        let check = spans.iter().find(|span| span.name == "POST /check-token").unwrap();
        let query = spans.iter().find(|span| span.parent_span_id == check.span_id).unwrap();
        assert_eq!((query.name.as_str(), query.kind), ("checks", SpanKind::Client as i32));
        let unknown = spans.iter().find(|span| span.name == "GET").unwrap();
        assert_eq!(attributes(&unknown.attributes)["http.response.status_code"], "404");
        assert_ne!(unknown.trace_id, login.trace_id);

        let resource = collector.exports()[0].resource_spans[0].resource.clone().unwrap();
        assert_eq!(attributes(&resource.attributes)["service.name"], "portero");
        for (headers, path, _) in collector.0.lock().unwrap().iter() {
            assert_eq!(
                (path.as_str(), &headers["content-type"]),
                ("/v1/traces", &"application/x-protobuf".parse().unwrap())
            );
            assert_eq!(headers["api-key"], "hunter2");
        }
        let raw = collector.raw();
        for secret in [token, "juan-hash", "hunter2"] {
            assert!(!raw.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret} is traced");
        }
        assert!(!output.contains("hunter2"), "{output}");
    }

    #[tokio::test]
    async fn who_samples_nothing_and_who_names_no_collector_sends_nothing() {
        let (collector, endpoint) = Collector::listen().await;
        let directory = Directory::new();
        let unsampled = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_TRACES_SAMPLER", "always_off")];
        for vars in [&unsampled[..], &[("OTEL_SERVICE_NAME", "x")]] {
            let demo = Portero::start(&directory, "demo", vars).await;
            demo.log_in("juan", "juan-hash").await;
            demo.signal(Signal::SIGTERM);
            assert!(demo.ended().await.0.success());
        }
        assert_eq!(collector.spans().len(), 0);
    }
}
