//! Where people have been: what is new, and what is forgotten.

use axum::http::Method;
use serde_json::json;
use time::Duration;

use crate::reset::{reachable, with_mail_and};
use crate::support::{PASSWORD, Server};

async fn log_in_with(server: &Server, user_agent: &str, client_id: &str, address: &str) {
    let body = json!({"username": "ada", "password": PASSWORD}).to_string();
    let anonymous = server.anonymous();
    let login = anonymous.send_with(Method::POST, "/auth/login", &body, |request| {
        request.header("user-agent", user_agent).header("x-client-id", client_id).header("x-forwarded-for", address)
    });
    assert_eq!(login.await.status, 200);
}

#[tokio::test]
async fn a_device_is_new_once_and_never_to_who_has_none() {
    let (server, _mailbox) = with_mail_and(&[("TRUSTED_PROXIES", "127.0.0.1")]).await;
    let new = async || server.number("select count(*) from auth.mails where kind = 'new-device'").await;
    reachable(&server, "ada").await;

    log_in_with(&server, "a browser", "web", "192.0.2.1").await;
    assert_eq!(new().await, 0, "the first login is nothing to warn of");
    log_in_with(&server, "a browser", "web", "192.0.2.2").await;
    assert_eq!(new().await, 0, "a device that travels is the same");
    log_in_with(&server, "a browser", "app", "192.0.2.1").await;
    log_in_with(&server, "another browser", "web", "192.0.2.1").await;
    assert_eq!(new().await, 2);
    log_in_with(&server, "another browser", "web", "192.0.2.1").await;
    assert_eq!(new().await, 2);

    server.app.clock.turn(Duration::days(91));
    portero::identity::attempts::purge(&server.app).await.expect("a purge");
    log_in_with(&server, "a browser", "web", "192.0.2.1").await;
    assert_eq!(new().await, 3, "after 90 days everything is");
}

#[tokio::test]
async fn a_known_device_is_written_once_a_day_and_no_more_than_so_many_are_kept() {
    let server = Server::configured(&[("TRUSTED_PROXIES", "127.0.0.1")]).await;
    server.person_with("ada", &[]).await;
    let seen = "select count(distinct last_seen_at) from auth.person_devices where network = '192.0.2.1'";
    let version = "select xmin::text::bigint from auth.person_devices where network = '192.0.2.1'";
    log_in_with(&server, "a browser", "web", "192.0.2.1").await;
    let first = server.number(version).await;
    server.app.clock.turn(Duration::hours(23));
    log_in_with(&server, "a browser", "web", "192.0.2.1").await;
    assert_eq!(server.number(version).await, first, "not written again");
    server.app.clock.turn(Duration::hours(2));
    log_in_with(&server, "a browser", "web", "192.0.2.1").await;
    assert!(server.number(version).await > first);
    assert_eq!(server.number(seen).await, 1);

    server
        .execute(
            "insert into auth.person_devices
             select person_id, network, sha256(n::text::bytea), last_seen_at, last_seen_at - n * interval '1 minute'
             from auth.person_devices, generate_series(1, 100) n where network = '192.0.2.1'",
        )
        .await;
    log_in_with(&server, "a third browser", "web", "192.0.2.1").await;
    assert_eq!(server.number("select count(*) from auth.person_devices").await, 64);
    log_in_with(&server, "a fourth browser", "web", "192.0.2.1").await;
    assert_eq!(server.number("select count(*) from auth.person_devices").await, 64, "the oldest go");
}
