//! What Prometheus is told, where, and by whom it is understood.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::process::{Directory, Portero, free_port, portero};

async fn get(url: &str) -> (u16, String) {
    let response = reqwest::get(url).await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// A series that must be there.
fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find(|line| line.rsplit_once(' ').is_some_and(|(name, _)| name == series));
    line.unwrap_or_else(|| panic!("no {series} in {text}")).rsplit_once(' ').unwrap().1.parse().unwrap()
}

#[tokio::test]
async fn what_happens_is_counted_on_an_address_of_its_own() {
    let directory = Directory::new();
    let address = format!("127.0.0.1:{}", free_port());
    let demo = Portero::start(&directory, "demo", &[("METRICS_ADDRESS", &address)]).await;
    let juan = demo.log_in("juan", "juan-hash").await;
    assert_eq!(demo.post("/auth/login", "", json!({"username": "juan", "password": "guess"})).await.0, 401);
    for _ in 0..3 {
        assert_eq!(demo.check(&juan).await.0, 200);
    }
    assert_eq!(get(&format!("{}/no/such/{juan}", demo.url)).await.0, 404);

    let page = format!("http://{address}/metrics");
    let response = reqwest::get(&page).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = response.text().await.unwrap();
    let checks = r#"{method="POST",route="/check-token",status="200"}"#;
    let unknown = r#"{method="GET",route="unknown",status="404"}"#;
    for (series, expected) in [
        (format!("portero_http_requests_total{checks}"), 3.),
        (format!("portero_http_request_duration_seconds_count{checks}"), 3.),
        (format!("portero_http_requests_total{unknown}"), 1.),
        (r#"portero_logins_total{outcome="success",way="password"}"#.to_owned(), 1.),
        (r#"portero_logins_total{outcome="invalid_credentials",way="password"}"#.to_owned(), 1.),
        ("portero_hash_duration_seconds_count".to_owned(), 2.),
        ("portero_hash_wait_seconds_count".to_owned(), 2.),
        ("portero_hash_queue_length".to_owned(), 0.),
        (r#"portero_batch_size_sum{batch="checks"}"#.to_owned(), 3.),
        (r#"portero_batch_wait_seconds_count{batch="checks"}"#.to_owned(), 3.),
        (r#"portero_batch_queue_length{batch="checks"}"#.to_owned(), 0.),
        (r#"portero_batch_refused_total{batch="renewals"}"#.to_owned(), 0.),
        ("portero_http_requests_in_flight".to_owned(), 0.),
        ("portero_db_pool_connections_max".to_owned(), 8.),
        ("portero_purge_duration_seconds_count".to_owned(), 1.),
        (r#"portero_mail_tries_total{outcome="sent"}"#.to_owned(), 0.),
        ("portero_mail_queue_length".to_owned(), 0.),
        ("portero_mail_dead_letters".to_owned(), 0.),
    ] {
        assert!((value(&text, &series) - expected).abs() < 0.1, "{series} is {} in {text}", value(&text, &series));
    }
    assert!(value(&text, r#"portero_db_pool_connections{state="idle"}"#) >= 1.);
    assert!(value(&text, "process_resident_memory_bytes") > 1e6);
    for secret in [juan.as_str(), "juan", "guess"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    understood(&text);

    assert_eq!(get(&format!("{}/metrics", demo.url)).await.0, 404, "not where everybody calls");
    assert_eq!(get(&format!("http://{address}/healthz")).await.0, 404, "and nothing else is there");
    assert_eq!(get(&format!("http://{address}/")).await.0, 404);
}

/// Prometheus' own tool reads the page and finds nothing to say about it.
fn understood(text: &str) {
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut tool = match promtool.spawn() {
        Ok(tool) => tool,
        Err(error) => return eprintln!("promtool ({error}) did not look at the metrics: install prometheus"),
    };
    tool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let found = tool.wait_with_output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&found.stdout), String::from_utf8_lossy(&found.stderr));
    assert!(found.status.success() && said.is_empty(), "promtool: {said}");
}

#[tokio::test]
async fn without_an_address_nothing_is_measured_and_a_stop_does_not_wait_for_prometheus() {
    let directory = Directory::new();
    let quiet = Portero::start(&directory, "demo", &[]).await;
    assert_eq!(get(&format!("{}/metrics", quiet.url)).await.0, 404);
    drop(quiet);

    let address = format!("0.0.0.0:{}", free_port());
    let demo = Portero::start(&directory, "demo", &[("METRICS_ADDRESS", &address)]).await;
    assert!(demo.said("everybody who reaches"), "{}", demo.output());
    let prometheus = reqwest::Client::new();
    let page = format!("http://{}/metrics", address.replace("0.0.0.0", "127.0.0.1"));
    assert_eq!(prometheus.get(&page).send().await.unwrap().status(), 200);
    demo.signal(nix::sys::signal::Signal::SIGTERM);
    let (status, output) = demo.ended().await;
    assert!(status.success() && !output.contains("still under way"), "{output}");
    drop(prometheus);
}

#[test]
fn an_address_that_is_taken_is_named() {
    let directory = Directory::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let port = free_port().to_string();
    let refused =
        portero(&directory, &["demo"], &[("METRICS_ADDRESS", &address), ("SERVER_PORT", &port)]).output().unwrap();
    let message = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success());
    assert!(message.contains(&address) && message.contains("METRICS_ADDRESS"), "{message}");
}
