//! Codes: good once, for one client, for a minute.

use serde_json::json;
use time::Duration;

use crate::support::Server;
use crate::support::oauth::{Client, NewAuthorization, NewClient, VERIFIER, claims, code_form, jwt_part};

const JUAN: i32 = 7;

async fn app(server: &Server) -> Client {
    server.client(NewClient::default()).await
}

#[tokio::test]
async fn a_code_gives_an_access_token_an_id_token_and_a_refresh_token() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient::for_all()).await;
    let code = server.authorize(&client, JUAN, NewAuthorization::default()).await;
    let answer = client.redeem(&code).await.ok();
    assert_eq!(answer.body["scope"], "openid profile email offline_access");
    assert_eq!((&answer.body["token_type"], &answer.body["expires_in"]), (&json!("Bearer"), &json!(300)));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(answer.body["refresh_token"].as_str().is_some_and(|token| token.starts_with("por_")), "{answer:?}");

    let access = answer.body["access_token"].as_str().expect("a token");
    let said = claims(access);
    assert_eq!((&said["sub"], &said["aud"], &said["client_id"]), (&json!("7"), &json!("UI Store"), &json!("app")));
    assert_eq!((&said["acr"], &said["amr"]), (&json!("1"), &json!(["pwd"])));

    let id_token = answer.body["id_token"].as_str().expect("an ID token");
    let head = jwt_part(id_token, 0);
    assert_eq!((&head["typ"], head["kid"].as_str().is_some()), (&json!("JWT"), true));
    let said = claims(id_token);
    let issuer = server.app.issuer.as_str();
    assert_eq!((&said["iss"], &said["sub"], &said["aud"]), (&json!(issuer), &json!("7"), &json!("app")));
    assert_eq!((&said["nonce"], &said["sid"]), (&json!("n-0S6_WzA2Mj"), &json!("the-sid")));
    assert_eq!((&said["acr"], &said["amr"]), (&json!("1"), &json!(["pwd"])));
    for number in ["exp", "iat", "auth_time"] {
        assert!(said[number].is_i64(), "{number}: {said}");
    }
    assert_eq!(said["at_hash"].as_str().map(str::len), Some(22));
    assert!(said.get("azp").is_none() && said.get("email").is_none(), "nothing that nobody asked for: {said}");
}

#[tokio::test]
async fn a_client_that_asks_not_who_it_is_gets_no_id_token() {
    let server = Server::on_the_demo_data().await;
    let client = app(&server).await;
    for (scopes, refreshes, identifies) in
        [(&["UI Store:read"][..], true, false), (&["openid"], false, true), (&["openid", "offline_access"], true, true)]
    {
        let code = server.authorize(&client, JUAN, NewAuthorization { scopes, ..NewAuthorization::default() }).await;
        let answer = client.redeem(&code).await.ok();
        let has = |member: &str| answer.body.get(member).is_some();
        assert_eq!((has("refresh_token"), has("id_token")), (refreshes, identifies), "{scopes:?}");
    }
    let grant_types: &[&str] = &["authorization_code"];
    let once = server.client(NewClient { client_id: "once", grant_types, ..NewClient::default() }).await;
    let code = server.authorize(&once, JUAN, NewAuthorization::default()).await;
    assert!(once.redeem(&code).await.ok().body.get("refresh_token").is_none());
}

#[tokio::test]
async fn a_code_that_comes_again_ends_all_that_it_gave_also_later_and_elsewhere() {
    let server = Server::on_the_demo_data().await;
    let elsewhere = server.another_instance().await;
    let client = app(&server).await;
    for (seconds, there) in [(0, false), (31, false), (31, true), (61, true)] {
        let code = server.authorize(&client, JUAN, NewAuthorization::default()).await;
        let answer = client.redeem(&code).await.ok();
        let (access, refresh) = (answer.body["access_token"].clone(), answer.body["refresh_token"].clone());
        assert_eq!(client.introspect(access.as_str().expect("a token")).await["active"], true);
        server.app.clock.turn(Duration::seconds(seconds));
        let again = if there { client.at(&elsewhere) } else { client.clone() };
        assert_eq!(again.redeem(&code).await.refusal(), (400, "invalid_grant"), "{seconds}");
        for token in [access, refresh] {
            let token = token.as_str().expect("a token");
            assert_eq!(client.introspect(token).await, json!({"active": false}), "{seconds}");
        }
        assert_eq!(client.redeem(&code).await.refusal(), (400, "invalid_grant"), "and is unknown from then on");
    }
    let told = "select count(*) from auth.audit_events where action = 'code.replayed' and subject_id = 7";
    assert_eq!(server.number(told).await, 4);
}

#[tokio::test]
async fn a_code_is_good_for_a_minute() {
    let server = Server::on_the_demo_data().await;
    let client = app(&server).await;
    for (seconds, status) in [(59, 200), (60, 400)] {
        let code = server.authorize(&client, JUAN, NewAuthorization::default()).await;
        server.app.clock.turn(Duration::seconds(seconds));
        assert_eq!(client.redeem(&code).await.status, status, "{seconds}");
    }
}

#[tokio::test]
async fn a_code_is_for_its_own_client_and_redirect_uri() {
    let server = Server::on_the_demo_data().await;
    let client = app(&server).await;
    let other = server.client(NewClient { client_id: "other", ..NewClient::default() }).await;
    let public = server.client(NewClient { client_id: "public", ..NewClient::public() }).await;
    let code = server.authorize(&client, JUAN, NewAuthorization::default()).await;
    for thief in [&other, &public] {
        assert_eq!(thief.redeem(&code).await.refusal(), (400, "invalid_grant"));
    }
    for redirect_uri in
        ["", "https://app.example.com/callback/", "https://app.example.com/CALLBACK", "https://evil.example"]
    {
        let mut form = code_form(&code);
        form[2].1 = redirect_uri;
        assert_eq!(client.token(&form).await.refusal(), (400, "invalid_grant"), "{redirect_uri}");
    }
    for damaged in
        ["", "nonsense", &code[..75], &format!("{code}0"), &code.to_uppercase(), &code.replace("pac_", "por_")]
    {
        let refusal = client.redeem(damaged).await;
        assert_eq!(refusal.refusal(), (400, if damaged.is_empty() { "invalid_request" } else { "invalid_grant" }));
    }
    assert_eq!(client.redeem(&code).await.status, 200, "none of that has used it up");
}

#[tokio::test]
async fn what_a_person_lost_meanwhile_is_not_granted() {
    let server = Server::on_the_demo_data().await;
    let client = app(&server).await;
    let scopes: &[&str] = &["openid", "UI Store:read", "permissions"];
    for (loses, scope) in [(false, "openid UI%20Store:read permissions"), (true, "openid permissions")] {
        let code = server.authorize(&client, JUAN, NewAuthorization { scopes, ..NewAuthorization::default() }).await;
        if loses {
            server.take(JUAN, 4).await;
        }
        let answer = client.redeem(&code).await.ok();
        assert_eq!(answer.body["scope"], scope);
        let said = claims(answer.body["access_token"].as_str().expect("a token"));
        assert_eq!(said.get("permissions").is_some(), !loses, "{said}");
    }
}

#[tokio::test]
async fn claims_that_were_asked_for_one_by_one_are_told_where_they_were_asked_for() {
    let server = Server::on_the_demo_data().await;
    let client = app(&server).await;
    let wanted =
        json!({"id_token": {"name": null, "birthdate": null, "sub": null}, "userinfo": {"email": {"essential": true}}});
    let new = NewAuthorization { scopes: &["openid"], claims: Some(wanted), ..NewAuthorization::default() };
    let code = server.authorize(&client, JUAN, new).await;
    let answer = client.redeem(&code).await.ok();
    let said = claims(answer.body["id_token"].as_str().expect("an ID token"));
    assert_eq!((&said["name"], &said["sub"]), (&json!("Juan Demo"), &json!("7")));
    assert!(said.get("birthdate").is_none() && said.get("email").is_none(), "{said}");
}

#[tokio::test]
async fn a_code_without_redirect_uri_wants_none() {
    let server = Server::on_the_demo_data().await;
    let client = app(&server).await;
    let code = server.authorize(&client, JUAN, NewAuthorization::default()).await;
    server.execute("update auth.authorizations set redirect_uri = null").await;
    let form = [("grant_type", "authorization_code"), ("code", code.as_str()), ("code_verifier", VERIFIER)];
    assert_eq!(client.redeem(&code).await.refusal(), (400, "invalid_grant"));
    assert_eq!(client.token(&form).await.status, 200);
}
