//! Limits of use: off unless a setting says so; then for each address and for each caller.

use axum::http::Method;
use time::Duration;

use crate::support::{Caller, Response, Server};

async fn ask_from(address: &str, caller: &Caller, path: &str) -> Response {
    caller.send_with(Method::GET, path, "", |request| request.header("x-forwarded-for", address)).await
}

#[tokio::test]
async fn without_a_setting_nobody_is_limited_and_nothing_is_told() {
    let server = Server::on_a_fresh_database().await;
    let anonymous = server.anonymous();
    for _ in 0..500 {
        let answer = anonymous.get("/").await;
        assert_eq!(answer.status, 200);
        assert!(!answer.headers.contains_key("ratelimit") && !answer.headers.contains_key("ratelimit-policy"));
    }
}

#[tokio::test]
async fn an_address_gets_so_many_answers_a_minute_and_is_told_what_is_left() {
    let server = Server::configured(&[("TRUSTED_PROXIES", "127.0.0.1"), ("RATE_LIMIT_PER_ADDRESS", "4")]).await;
    let anonymous = server.anonymous();
    for left in [3, 2, 1, 0] {
        let answer = ask_from("2001:db8::1", &anonymous, "/").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("ratelimit-policy"), "\"address\";q=4;w=60");
        assert_eq!(answer.header("ratelimit"), format!("\"address\";r={left};t={}", (4 - left) * 15));
    }
    let answer = ask_from("2001:db8::ffff", &anonymous, "/auth/profile").await;
    assert_eq!(answer.refusal(), (429, "rate_limited"), "a /64 is one, and the credential is not looked at");
    assert_eq!(answer.header("retry-after"), "15");
    assert_eq!(answer.header("ratelimit"), "\"address\";r=0;t=15");
    assert_eq!(ask_from("2001:db8:0:1::1", &anonymous, "/").await.status, 200, "others are others");
    assert_eq!(ask_from("192.0.2.1, 2001:db8::1", &anonymous, "/").await.status, 429, "spoofed");

    server.app.clock.turn(Duration::seconds(15));
    assert_eq!(ask_from("2001:db8::1", &anonymous, "/").await.status, 200);
    assert_eq!(ask_from("2001:db8::1", &anonymous, "/").await.status, 429);
}

#[tokio::test]
async fn forged_headers_are_no_new_address() {
    let server = Server::configured(&[("RATE_LIMIT_PER_ADDRESS", "2")]).await;
    let anonymous = server.anonymous();
    let mut statuses = Vec::new();
    for n in 0..3 {
        let address = format!("192.0.2.{n}");
        let answer = anonymous.send_with(Method::GET, "/", "", |request| {
            let request = request.header("x-forwarded-for", &address).header("x-forwarded-host", &address);
            request.header("x-real-ip", &address).header("forwarded", format!("for={address}"))
        });
        statuses.push(answer.await.status);
    }
    assert_eq!(statuses, [200, 200, 429]);
}

#[tokio::test]
async fn a_caller_is_limited_wherever_they_call_from_and_both_limits_are_told() {
    let settings =
        [("TRUSTED_PROXIES", "127.0.0.1"), ("RATE_LIMIT_PER_ADDRESS", "600"), ("RATE_LIMIT_PER_CALLER", "2")];
    let server = Server::configured(&settings).await;
    let (ada, eva) = (server.person_with("ada", &[]).await, server.person_with("eva", &[]).await);
    let first = ask_from("192.0.2.1", &ada, "/auth/profile").await;
    assert_eq!(first.header("ratelimit-policy"), "\"address\";q=600;w=60, \"caller\";q=2;w=60");
    assert_eq!(first.header("ratelimit"), "\"address\";r=599;t=1, \"caller\";r=1;t=30");
    assert_eq!(ask_from("192.0.2.2", &ada, "/auth/profile").await.status, 200);
    assert_eq!(ask_from("192.0.2.3", &ada, "/auth/profile").await.refusal(), (429, "rate_limited"));
    assert_eq!(ask_from("192.0.2.3", &eva, "/auth/profile").await.status, 200);
    assert_eq!(ask_from("192.0.2.3", &server.session_of(ada.id).await, "/auth/profile").await.status, 200);
    for _ in 0..5 {
        assert_eq!(server.anonymous().get("/").await.status, 200, "who has no credential is no caller");
    }
}

#[tokio::test]
async fn probes_are_always_answered() {
    let server = Server::configured(&[("RATE_LIMIT_PER_ADDRESS", "1"), ("RATE_LIMIT_PER_CALLER", "1")]).await;
    let ada = server.person_with("ada", &[]).await;
    ada.get("/").await;
    assert_eq!(ada.get("/").await.status, 429);
    for _ in 0..3 {
        assert_eq!(ada.get("/healthz").await.status, 200);
        assert_eq!(ada.get("/readyz").await.status, 200);
    }
}

#[tokio::test]
async fn of_many_at_once_exactly_the_quota_is_answered() {
    let server = Server::configured(&[("RATE_LIMIT_PER_ADDRESS", "20")]).await;
    let requests = (0..100).map(|_| {
        let anonymous = server.anonymous();
        async move { anonymous.get("/").await.status }
    });
    let statuses = Caller::together(requests).await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 20);
}

#[tokio::test]
async fn browsers_may_read_a_refusal_from_elsewhere() {
    let server = Server::configured(&[("RATE_LIMIT_PER_ADDRESS", "1"), ("CORS", "https://app.example.com")]).await;
    let anonymous = server.anonymous();
    anonymous.get("/").await;
    let answer =
        anonymous.send_with(Method::GET, "/", "", |request| request.header("origin", "https://app.example.com"));
    let answer = answer.await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example.com");
    for name in ["retry-after", "ratelimit", "ratelimit-policy"] {
        assert!(answer.header("access-control-expose-headers").contains(name), "{name}");
    }
}

#[tokio::test]
async fn who_is_not_limited_is_told_of_no_limit() {
    let server = Server::configured(&[("RATE_LIMIT_PER_CALLER", "20")]).await;
    let answer = server.anonymous().get("/").await;
    assert!(!answer.headers.contains_key("ratelimit") && !answer.headers.contains_key("ratelimit-policy"));
}
