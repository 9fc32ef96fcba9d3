//! Whoever ends, ends their tokens, on every path and on every instance.

use portero::oauth::tokens;
use serde_json::json;
use time::Duration;

use crate::support::oauth::{Client, NewAuthorization, NewClient};
use crate::support::{Caller, Server};

const JUAN: i32 = 7;

/// Tokens of all kinds, and a code.
struct Held {
    client: Client,
    access: Caller,
    refresh: String,
    own: Caller,
    code: String,
}

impl Held {
    async fn new(server: &Server) -> Self {
        let client = server.client(NewClient { roles: &[(4, 4)], ..NewClient::default() }).await;
        let code = server.authorize(&client, JUAN, NewAuthorization::default()).await;
        let answer = client.redeem(&code).await.ok();
        let text = |member: &str| answer.body[member].as_str().expect("a token").to_owned();
        let (access, refresh) = (server.anonymous().with_token(&text("access_token")), text("refresh_token"));
        let own = server.anonymous().with_token(&client.of_itself().await);
        let code = server.authorize(&client, JUAN, NewAuthorization::default()).await;
        Self { client, access, refresh, own, code }
    }

    async fn persons_are_over(&self, refusal: (u16, &str)) {
        assert_eq!(self.access.check().await.refusal(), (401, "invalid_token"));
        let userinfo = self.access.get("/oauth/userinfo").await;
        assert_eq!(userinfo.refusal(), (401, "invalid_token"));
        assert_eq!(self.client.redeem(&self.code).await.refusal(), refusal);
        assert_eq!(self.client.refresh(&self.refresh).await.refusal(), refusal);
    }
}

#[tokio::test]
async fn a_person_who_is_disabled_or_removed_takes_all_along_and_leaves_the_clients_own() {
    for path in ["disable", "delete"] {
        let server = Server::on_the_demo_data().await;
        let elsewhere = server.another_instance().await;
        let held = Held::new(&server).await;
        let adm1 = server.demo("adm1").await.at(&elsewhere);
        match path {
            "disable" => adm1.post("/users/7/disable", json!({})).await.ok(),
            _ => adm1.delete("/users/7").await.ok(),
        };
        held.persons_are_over((400, "invalid_grant")).await;
        assert_eq!(held.own.check().await.status, 200);
        assert_eq!(held.client.introspect(held.access.token()).await, json!({"active": false}));
        if path == "disable" {
            adm1.post("/users/7/enable", json!({})).await.ok();
            held.persons_are_over((400, "invalid_grant")).await;
        }
    }
}

#[tokio::test]
async fn a_client_or_a_service_that_is_removed_takes_all_along() {
    for ends in [
        "update auth.clients set removed_at = now()",
        "update auth.services set removed_at = now() where id = 4",
        "delete from auth.clients",
    ] {
        let server = Server::on_the_demo_data().await;
        let held = Held::new(&server).await;
        server.execute(ends).await;
        held.persons_are_over((401, "invalid_client")).await;
        assert_eq!(held.own.check().await.refusal(), (401, "invalid_token"), "{ends}");
        let own = held.client.token(&[("grant_type", "client_credentials")]).await;
        assert_eq!(own.refusal(), (401, "invalid_client"), "{ends}");
        let asked = held.client.post("/oauth/introspect", &[("token", held.own.token())]).await;
        assert_eq!(asked.refusal(), (401, "invalid_client"), "{ends}");
    }
}

#[tokio::test]
async fn the_service_of_the_audience_may_go_and_the_client_stays() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient { service: 1, audience: &[4], ..NewClient::default() }).await;
    server.demo("adm1").await.delete("/services/4").await.ok();
    let answer = client.token(&[("grant_type", "client_credentials")]).await.ok();
    let token = answer.body["access_token"].as_str().expect("a token");
    assert_eq!(crate::support::oauth::claims(token)["aud"], server.app.issuer.as_str());
}

#[tokio::test]
async fn a_client_whose_grants_were_taken_refreshes_no_more() {
    let server = Server::on_the_demo_data().await;
    let held = Held::new(&server).await;
    server.execute("update auth.clients set grant_types = '{client_credentials}' where client_id = 'app'").await;
    assert_eq!(held.client.refresh(&held.refresh).await.refusal(), (400, "unauthorized_client"));
    assert_eq!(held.client.redeem(&held.code).await.refusal(), (400, "unauthorized_client"));
}

#[tokio::test]
async fn what_is_over_is_purged_and_nobody_is_told() {
    let server = Server::on_the_demo_data().await;
    let held = Held::new(&server).await;
    let count = "select (select count(*) from auth.access_tokens) + (select count(*) from auth.authorizations)";
    assert_eq!(tokens::purge(&server.app).await.expect("a purge"), 0);
    assert_eq!(server.number(count).await, 4);
    let told = "select count(*) from auth.changes where kind = 'session-revoked'";
    let before = server.number(told).await;
    server.app.clock.turn(Duration::seconds(301));
    assert_eq!(tokens::purge(&server.app).await.expect("a purge"), 2, "the access tokens");
    assert_eq!(held.client.refresh(&held.refresh).await.status, 200);
    server.app.clock.turn(Duration::days(91));
    let assertion = "insert into auth.spent_assertions (digest, expires_at) values (sha256('a'), now())";
    server.execute(assertion).await;
    assert!(tokens::purge(&server.app).await.expect("a purge") >= 3);
    assert_eq!(server.number(count).await, 0);
    assert_eq!(server.number("select count(*) from auth.spent_assertions").await, 0);
    assert_eq!(server.number(told).await, before);
}

#[tokio::test]
async fn a_code_that_gave_no_refresh_token_is_over_with_its_access_token() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient::default()).await;
    let code = server.authorize(&client, JUAN, NewAuthorization { scopes: &["openid"], ..NewAuthorization::default() });
    client.redeem(&code.await).await.ok();
    server.app.clock.turn(Duration::seconds(301));
    tokens::purge(&server.app).await.expect("a purge");
    assert_eq!(server.number("select count(*) from auth.authorizations").await, 0);
}

#[tokio::test]
async fn a_login_that_is_idle_for_too_long_is_purged() {
    let server = Server::on_the_demo_data().await;
    let idle = server.app.sessions.families.idle;
    let held = Held::new(&server).await;
    server.app.clock.turn(idle - Duration::SECOND);
    let refreshed = held.client.refresh(&held.refresh).await.ok();
    server.app.clock.turn(Duration::SECOND);
    tokens::purge(&server.app).await.expect("a purge");
    let refresh = refreshed.body["refresh_token"].as_str().expect("a token");
    held.client.refresh(refresh).await.ok();
    server.app.clock.turn(idle);
    tokens::purge(&server.app).await.expect("a purge");
    assert_eq!(server.number("select count(*) from auth.authorizations where code_redeemed_at is not null").await, 0);
}

#[tokio::test]
async fn nothing_at_rest_opens_anything() {
    let server = Server::on_the_demo_data().await;
    let held = Held::new(&server).await;
    held.client.refresh(&held.refresh).await.ok();
    let rows: String = sqlx::query_scalar(
        "select string_agg(query_to_xml(format('select t::text from auth.%I t', table_name), true, false, '')::text, '')
         from information_schema.tables where table_schema = 'auth' and table_type = 'BASE TABLE'",
    )
    .fetch_one(server.app.db.pool())
    .await
    .expect("all rows");
    assert!(rows.contains("Juan Demo") && rows.contains("the-sid"), "all rows are there");
    let secret = held.client.secret.as_deref().expect("a secret");
    for secret in [secret, held.access.token(), held.own.token(), &held.refresh, &held.code] {
        let (text, bytes) = (secret.to_owned(), hex::encode(secret));
        let signature = secret.rsplit('.').next().unwrap_or_default();
        assert!(![&text, &bytes, signature].iter().any(|form| rows.contains(*form)), "{}", &secret[..4]);
    }
}
