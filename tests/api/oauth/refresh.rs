//! Refresh tokens of clients: rotated, and a replay ends the login.

use serde_json::json;
use time::Duration;

use crate::support::oauth::{Client, NewAuthorization, NewClient, claims};
use crate::support::{Response, Server};

const JUAN: i32 = 7;

async fn logged_in(server: &Server, client: &Client) -> Response {
    let scopes: &[&str] = &["openid", "profile", "offline_access", "UI Store:read"];
    let code = server.authorize(client, JUAN, NewAuthorization { scopes, ..NewAuthorization::default() }).await;
    client.redeem(&code).await.ok()
}

fn text<'a>(answer: &'a Response, member: &str) -> &'a str {
    answer.body[member].as_str().unwrap_or_else(|| panic!("{member} in {answer:?}"))
}

#[tokio::test]
async fn a_refresh_gives_new_tokens_of_the_same_login() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient::default()).await;
    let first = logged_in(&server, &client).await;
    server.app.clock.turn(Duration::minutes(4));
    let second = client.refresh(text(&first, "refresh_token")).await.ok();
    assert_eq!(second.body["scope"], first.body["scope"]);
    assert_ne!(second.body["refresh_token"], first.body["refresh_token"]);
    let (before, after) = (claims(text(&first, "id_token")), claims(text(&second, "id_token")));
    for same in ["iss", "sub", "aud", "auth_time", "sid", "acr"] {
        assert_eq!(before[same], after[same], "{same}");
    }
    assert!(after["iat"].as_i64() > before["iat"].as_i64() && after.get("nonce").is_none(), "{after}");
    for answer in [&first, &second] {
        assert_eq!(client.introspect(text(answer, "access_token")).await["active"], true);
    }
}

#[tokio::test]
async fn shortly_after_it_gives_siblings_and_then_a_reuse_ends_everything() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient::default()).await;
    let grace = server.app.sessions.families.grace;

    let first = logged_in(&server, &client).await;
    let second = client.refresh(text(&first, "refresh_token")).await.ok();
    server.app.clock.turn(grace - Duration::SECOND);
    let lost = client.refresh(text(&first, "refresh_token")).await.ok();
    assert_ne!(lost.body["refresh_token"], second.body["refresh_token"], "whose answer was lost asks again");
    server.app.clock.turn(Duration::SECOND);
    assert_eq!(client.refresh(text(&first, "refresh_token")).await.refusal(), (400, "invalid_grant"));
    for ended in [&second, &lost] {
        assert_eq!(client.refresh(text(ended, "refresh_token")).await.refusal(), (400, "invalid_grant"));
        assert_eq!(client.introspect(text(ended, "access_token")).await, json!({"active": false}));
    }

    let first = logged_in(&server, &client).await;
    let second = client.refresh(text(&first, "refresh_token")).await.ok();
    let third = client.refresh(text(&second, "refresh_token")).await.ok();
    assert_eq!(
        client.refresh(text(&first, "refresh_token")).await.refusal(),
        (400, "invalid_grant"),
        "somebody went on"
    );
    assert_eq!(client.refresh(text(&third, "refresh_token")).await.refusal(), (400, "invalid_grant"));
    let told = "select count(*) from auth.audit_events where action = 'client-refresh.replayed' and subject_id = 7";
    assert_eq!(server.number(told).await, 2);
    assert_eq!(server.number("select count(*) from auth.authorizations").await, 0);
    assert_eq!(server.number("select count(*) from auth.access_tokens").await, 0);
}

#[tokio::test]
async fn a_refresh_asks_for_as_much_or_less_never_for_more() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient::default()).await;
    let first = logged_in(&server, &client).await;
    let refresh = |token: &str, scope: &'static str| {
        let (client, token) = (client.clone(), token.to_owned());
        async move { client.token(&[("grant_type", "refresh_token"), ("refresh_token", &token), ("scope", scope)]).await }
    };
    for more in ["openid email", "UI%20Store:write", "superuser"] {
        let refusal = refresh(text(&first, "refresh_token"), more).await;
        assert_eq!(refusal.refusal(), (400, "invalid_scope"), "{more}");
    }
    let less = refresh(text(&first, "refresh_token"), "openid").await.ok();
    assert_eq!(less.body["scope"], "openid");
    let said = claims(text(&less, "access_token"));
    assert_eq!((&said["scope"], &said["aud"]), (&json!("openid"), &json!(server.app.issuer.as_str())));
    let whole = client.refresh(text(&less, "refresh_token")).await.ok();
    assert_eq!(whole.body["scope"], first.body["scope"], "what was granted stays granted");
    server.take(JUAN, 4).await;
    let lost = client.refresh(text(&whole, "refresh_token")).await.ok();
    assert_eq!(lost.body["scope"], "openid profile offline_access", "but what is held no more");
    let elsewhere =
        [("grant_type", "refresh_token"), ("refresh_token", text(&lost, "refresh_token")), ("resource", "urn:other")];
    assert_eq!(client.token(&elsewhere).await.refusal(), (400, "invalid_target"));
}

#[tokio::test]
async fn another_clients_refresh_token_is_no_grant_and_is_none_the_worse() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient::default()).await;
    let other = server.client(NewClient { client_id: "other", ..NewClient::default() }).await;
    let first = logged_in(&server, &client).await;
    let token = text(&first, "refresh_token").to_owned();
    assert_eq!(other.refresh(&token).await.refusal(), (400, "invalid_grant"));
    for damaged in
        ["nonsense", &token[..70], &token.replace("por_", "prt_"), &token.to_uppercase(), &format!("{token} ")]
    {
        assert_eq!(client.refresh(damaged).await.refusal(), (400, "invalid_grant"), "{damaged}");
    }
    assert_eq!(client.refresh(&token).await.status, 200);
    let session = server.demo("juan").await;
    assert_eq!(client.refresh(session.token()).await.refusal(), (400, "invalid_grant"));
}

#[tokio::test]
async fn it_ends_when_it_is_idle_or_old() {
    let server = Server::configured(&[("REFRESH_TTL_SECONDS", "3600"), ("REFRESH_MAX_AGE_SECONDS", "7200")]).await;
    let person = server.person_with("ada", &[]).await.id;
    let client = server.client(NewClient { service: 0, audience: &[], ..NewClient::default() }).await;
    let new = || NewAuthorization { services: &[], lasts: Duration::hours(2), ..NewAuthorization::default() };
    let code = server.authorize(&client, person, new()).await;
    let first = client.redeem(&code).await.ok();
    server.app.clock.turn(Duration::seconds(3599));
    let second = client.refresh(text(&first, "refresh_token")).await.ok();
    server.app.clock.turn(Duration::seconds(3590));
    let third = client.refresh(text(&second, "refresh_token")).await.ok();
    assert!(third.body["expires_in"].as_i64().is_some_and(|seconds| seconds <= 11), "{third:?}");
    server.app.clock.turn(Duration::seconds(11));
    assert_eq!(client.refresh(text(&third, "refresh_token")).await.refusal(), (400, "invalid_grant"), "old");
    let code = server.authorize(&client, person, new()).await;
    let first = client.redeem(&code).await.ok();
    server.app.clock.turn(Duration::seconds(3600));
    assert_eq!(client.refresh(text(&first, "refresh_token")).await.refusal(), (400, "invalid_grant"), "idle");
}

#[tokio::test]
async fn of_a_long_chain_the_oldest_are_forgotten() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient::default()).await;
    let first = logged_in(&server, &client).await;
    server
        .execute(
            "insert into auth.authorization_refresh_tokens (token, authorization_id, exchanged_at, created_at)
             select sha256(n::text::bytea), id, now(), now() - n * interval '1 minute'
             from auth.authorizations, generate_series(1, 600) n",
        )
        .await;
    client.refresh(text(&first, "refresh_token")).await.ok();
    let known = server.number("select count(*) from auth.authorization_refresh_tokens").await;
    assert!((500..=503).contains(&known), "{known}");
}

#[tokio::test]
async fn whoever_asks_for_less_or_has_lost_what_was_granted_is_not_allowed_more() {
    const ADM2: i32 = 8;
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient::default()).await;
    let scopes: &[&str] = &["openid", "offline_access", "UI Store:read"];
    let code = server.authorize(&client, ADM2, NewAuthorization { scopes, ..NewAuthorization::default() }).await;
    let first = client.redeem(&code).await.ok();
    let question = json!({"service_id": 4, "permission": "write"});
    let allows = |answer: &Response| server.anonymous().with_token(text(answer, "access_token"));
    assert_eq!(allows(&first).post("/check-token", question.clone()).await.ok().body["allowed"], false);

    let form = [("grant_type", "refresh_token"), ("refresh_token", text(&first, "refresh_token")), ("scope", "openid")];
    let less = client.token(&form).await.ok();
    let check = allows(&less).post("/check-token", question.clone()).await;
    assert_eq!(check.refusal(), (401, "invalid_token"), "not for that service at all");

    // A role that may write and not read.
    server.take(ADM2, 4).await;
    server
        .execute(
            "insert into auth.role (id, name) values (90, 'Writer'); insert into auth.role_permission values (90, 2);
             insert into auth.service_roles values (4, 90)",
        )
        .await;
    server.give(ADM2, 4, 90).await;
    let lost = client.refresh(text(&less, "refresh_token")).await.ok();
    assert_eq!(lost.body["scope"], "openid offline_access");
    assert_eq!(allows(&lost).post("/check-token", question.clone()).await.refusal(), (401, "invalid_token"));
    assert_eq!(allows(&first).post("/check-token", question).await.ok().body["permissions"], json!([]));
}

#[tokio::test]
async fn a_client_for_members_goes_on_for_members_alone() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient::default()).await;
    server.execute("update auth.clients set admits = 'members'").await;
    let first = logged_in(&server, &client).await;
    let second = client.refresh(text(&first, "refresh_token")).await.ok();
    let code = server.authorize(&client, JUAN, NewAuthorization::default()).await;
    server.take(JUAN, 4).await;
    assert_eq!(client.refresh(text(&second, "refresh_token")).await.refusal(), (400, "invalid_grant"));
    assert_eq!(client.redeem(&code).await.refusal(), (400, "invalid_grant"));
    server.give(JUAN, 4, 4).await;
    client.refresh(text(&second, "refresh_token")).await.ok();
    client.redeem(&code).await.ok();
}
