//! The door of the service before this one: its examples, word by word, and what it must not open.

use axum::http::Method;
use axum::http::request::Builder;
use portero::platform::http::client_ip::Peer;
use serde_json::{Value, json};

use crate::support::dpop::ProofKey;
use crate::support::oauth::{NewClient, post_form};
use crate::support::{Caller, PASSWORD, Response, Server};

const TOKEN: &str = "/api/v1/token";
const CLIENT: &str = "/api/v1/client";

async fn log_in(caller: &Caller, username: &str, more: &[(&str, &str)]) -> Response {
    let form = [("grant_type", "password"), ("username", username), ("password", PASSWORD), ("client_id", "loopback")];
    let form: Vec<_> = form.iter().chain(more).copied().collect();
    post_form(caller, TOKEN, &form, |request| request).await
}

const SUPERUSER: (&str, &str) = ("scope", "superuser");

#[track_caller]
fn token(answer: &Response) -> String {
    answer.body["access_token"].as_str().unwrap_or_else(|| panic!("a token in {answer:?}")).to_owned()
}

/// Sends a token as the predecessor's callers do: alone in `Authorization`.
async fn send(caller: &Caller, method: Method, path: &str, token: &str, body: &str) -> Response {
    caller.send_with(method, path, body, |request| request.header("authorization", token)).await
}

#[tokio::test]
async fn the_examples_of_old_work_as_they_did() {
    let server = Server::on_a_fresh_database().await;
    server.administrator().await;
    let anonymous = server.anonymous();
    let answer = log_in(&anonymous, "root", &[SUPERUSER]).await;
    assert_eq!(
        (answer.status, &answer.body["expires_in"], &answer.body["scope"]),
        (200, &json!(900), &json!("superuser"))
    );
    assert_eq!(answer.body.get("refresh_token"), None);
    let token = token(&answer);
    let of_old = json!({
        "client_id": "loopback", "client_name": "loopback", "grants": ["password"], "scopes": ["superuser"],
    });
    let path = format!("{CLIENT}/loopback");
    assert_eq!(send(&anonymous, Method::GET, &path, &token, "").await.ok().body, of_old);
    assert_eq!(send(&anonymous, Method::GET, &path, &format!("Bearer {token}"), "").await.ok().body, of_old);

    let new = json!({"client_name": "foo", "scopes": ["superuser"], "grants": ["password", "refresh_token"]});
    let made = send(&anonymous, Method::POST, CLIENT, &token, &new.to_string()).await;
    assert_eq!((made.status, made.body.as_object().map(serde_json::Map::len)), (200, Some(1)), "{made:?}");
    let foo = made.body["client_id"].as_str().expect("a client").to_owned();
    let listed = send(&anonymous, Method::GET, CLIENT, &token, "").await.ok();
    assert_eq!(listed.body[0], of_old);
    assert_eq!(listed.body[1]["client_name"], "foo");

    // With what it made, the caller goes on: a password, then a refresh.
    let form =
        [("grant_type", "password"), ("username", "root"), ("password", PASSWORD), ("client_id", &foo), SUPERUSER];
    let tokens = post_form(&anonymous, TOKEN, &form, |request| request).await.ok();
    let refresh = tokens.body["refresh_token"].as_str().expect("a token");
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh), ("client_id", &foo)];
    let again = post_form(&anonymous, TOKEN, &form, |request| request).await.ok();
    assert_eq!(again.body["scope"], "superuser");
    // And one that acts for itself gets a secret.
    let new = json!({"client_name": "robot", "client_id": "robot", "grants": ["client_credentials"], "scopes": []});
    let made = send(&anonymous, Method::POST, CLIENT, &token, &new.to_string()).await.ok();
    let secret = made.body["client_secret"].as_str().expect("a secret");
    let form = [("grant_type", "client_credentials"), ("client_id", "robot"), ("client_secret", secret)];
    post_form(&anonymous, TOKEN, &form, |request| request).await.ok();
    let told = "select count(*) from auth.audit_events where action = 'client.created' and actor = 'person'";
    assert_eq!(server.number(told).await, 2);
}

#[tokio::test]
async fn loopback_is_good_on_this_machine_only() {
    let server = Server::configured(&[("TRUSTED_PROXIES", "127.0.0.1, 203.0.113.0/24")]).await;
    server.administrator().await;
    let anonymous = server.anonymous();
    let good = token(&log_in(&anonymous, "root", &[SUPERUSER]).await.ok());
    let logins = "select count(*) from auth.audit_events where action in ('login.failed', 'session.created')";
    let before = server.number(logins).await;
    let form = [("grant_type", "password"), ("username", "root"), ("password", PASSWORD), ("client_id", "loopback")];
    let remote = |request: Builder| request.extension(Peer(([203, 0, 113, 9], 50_123).into()));
    let spoofed = |request: Builder| remote(request).header("x-forwarded-for", "127.0.0.1");
    let proxied = |request: Builder| request.header("x-forwarded-for", "127.0.0.1");
    for path in [TOKEN, "/oauth/token"] {
        let refused = (401, "invalid_client");
        assert_eq!(post_form(&anonymous, path, &form, remote).await.refusal(), refused);
        assert_eq!(post_form(&anonymous, path, &form, spoofed).await.refusal(), refused);
        assert_eq!(post_form(&anonymous, path, &form, proxied).await.refusal(), refused);
    }
    assert_eq!(server.number(logins).await, before, "no password was compared from elsewhere");
    // Nor is its token, wherever it went.
    for from in [&remote as &dyn Fn(Builder) -> Builder, &spoofed, &proxied] {
        let with = |request: Builder| from(request).header("authorization", &good);
        assert_eq!(anonymous.send_with(Method::GET, CLIENT, "", with).await.refusal(), (401, "invalid_token"));
    }
}

#[tokio::test]
async fn a_token_that_is_bound_to_a_key_is_no_bearers_here() {
    let server = Server::on_a_fresh_database().await;
    server.administrator().await;
    let anonymous = server.anonymous();
    let proof = ProofKey::new().proof(&server, "POST", TOKEN, None).await;
    let form = [
        ("grant_type", "password"),
        ("username", "root"),
        ("password", PASSWORD),
        ("client_id", "loopback"),
        SUPERUSER,
    ];
    let bound = post_form(&anonymous, TOKEN, &form, |request| request.header("dpop", proof)).await.ok();
    assert_eq!(bound.body["token_type"], "DPoP");
    let token = token(&bound);
    for text in [token.clone(), format!("Bearer {token}"), format!("DPoP {token}")] {
        assert_eq!(send(&anonymous, Method::GET, CLIENT, &text, "").await.status, 401, "{text}");
    }
}

#[tokio::test]
async fn superuser_is_for_administrators_while_they_are_one() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    server.person_with("ada", &[(0, -1)]).await;
    let anonymous = server.anonymous();
    let refused = log_in(&anonymous, "ada", &[SUPERUSER]).await;
    assert_eq!(refused.refusal(), (400, "invalid_scope"));
    assert_eq!(server.number("select count(*) from auth.authorizations").await, 0);
    // Without the scope a token is for nothing here.
    let plain = token(&log_in(&anonymous, "ada", &[]).await.ok());
    assert_eq!(send(&anonymous, Method::GET, CLIENT, &plain, "").await.refusal(), (401, "invalid_token"));
    let plain = token(&log_in(&anonymous, "root", &[]).await.ok());
    assert_eq!(send(&anonymous, Method::GET, CLIENT, &plain, "").await.refusal(), (401, "invalid_token"));

    let second = server.person_with("second", &[(0, 0)]).await;
    let good = token(&log_in(&anonymous, "second", &[SUPERUSER]).await.ok());
    let introspecting = server.client(NewClient { service: 0, audience: &[], ..NewClient::default() }).await;
    send(&anonymous, Method::GET, CLIENT, &good, "").await.ok();
    root.delete(&format!("/administrators/{}", second.id)).await.ok();
    let new = json!({"client_name": "foo", "grants": ["password"]}).to_string();
    for answer in [
        send(&anonymous, Method::GET, CLIENT, &good, "").await,
        send(&anonymous, Method::GET, &format!("{CLIENT}/loopback"), &good, "").await,
        send(&anonymous, Method::POST, CLIENT, &good, &new).await,
    ] {
        assert_eq!(answer.refusal(), (403, "insufficient_permissions"));
    }
    assert_eq!(introspecting.introspect(&good).await, json!({"active": false}), "it is another client's");
    // A token of the scope opens nothing else.
    let good = token(&log_in(&anonymous, "root", &[SUPERUSER]).await.ok());
    for path in ["/users", "/clients", "/auth/me", "/audit-events"] {
        let bearer = format!("Bearer {good}");
        assert_eq!(send(&anonymous, Method::GET, path, &bearer, "").await.refusal(), (401, "invalid_token"), "{path}");
    }
    root.delete("/auth/sessions").await.ok();
    assert_eq!(send(&anonymous, Method::GET, CLIENT, &good, "").await.refusal(), (401, "invalid_token"), "logged out");
}

#[tokio::test]
async fn a_refresh_loses_what_its_person_has_lost() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let second = server.person_with("second", &[(0, 0)]).await;
    let new = json!({"client_id": "foo", "client_name": "foo", "scopes": ["superuser"], "grants": ["password", "refresh_token"]});
    root.post(CLIENT, new).await.ok();
    let anonymous = server.anonymous();
    let form =
        [("grant_type", "password"), ("username", "second"), ("password", PASSWORD), ("client_id", "foo"), SUPERUSER];
    let tokens = post_form(&anonymous, TOKEN, &form, |request| request).await.ok();
    let refresh = async |token: &Value| {
        let token = token.as_str().expect("a token");
        let form = [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", "foo")];
        post_form(&anonymous, TOKEN, &form, |request| request).await.ok().body
    };
    let second_tokens = refresh(&tokens.body["refresh_token"]).await;
    assert_eq!(second_tokens["scope"], "superuser");
    root.delete(&format!("/administrators/{}", second.id)).await.ok();
    assert_eq!(refresh(&second_tokens["refresh_token"]).await["scope"], "");
    let remote = |request: Builder| request.extension(Peer(([203, 0, 113, 9], 50_123).into()));
    let again = tokens.body["refresh_token"].as_str().expect("a token");
    let form = [("grant_type", "refresh_token"), ("refresh_token", again), ("client_id", "foo")];
    assert_eq!(post_form(&anonymous, TOKEN, &form, remote).await.refusal(), (401, "invalid_client"));
}

#[tokio::test]
async fn superuser_is_for_clients_of_this_machine_and_by_passwords_alone() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    server.execute("insert into auth.services (id, name) values (1, 'Shop')").await;
    let new = json!({
        "client_name": "App", "service_id": 1, "grant_types": ["password"], "scope": "superuser",
        "token_endpoint_auth_method": "none",
    });
    assert_eq!(root.post("/clients", new).await.refusal(), (400, "invalid_request_body"));
    let new = json!({
        "client_id": "bar", "client_name": "bar", "scopes": ["superuser"], "redirect_uris": ["https://bar.example/cb"],
        "grants": ["password", "authorization_code", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code"],
    });
    let made = root.post(CLIENT, new).await.ok();
    assert_eq!(root.get("/clients/bar").await.ok().body["loopback_only"], true);
    let secret = made.body["client_secret"].as_str().expect("a secret");
    let anonymous = server.anonymous();
    let own = [("client_id", "bar"), ("client_secret", secret)];
    let of_itself: Vec<_> = own.into_iter().chain([("grant_type", "client_credentials")]).collect();
    assert_eq!(post_form(&anonymous, TOKEN, &of_itself, |request| request).await.ok().body["scope"], "");
    let device: Vec<_> = own.into_iter().chain([SUPERUSER]).collect();
    let refused = post_form(&anonymous, "/oauth/device_authorization", &device, |request| request).await;
    assert_eq!(refused.refusal(), (400, "invalid_scope"));
    let authorize = "/oauth/authorize?client_id=bar&redirect_uri=https://bar.example/cb&response_type=code&scope=superuser\
                     &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
    let back = anonymous.get(authorize).await;
    assert!(back.header("location").contains("error=invalid_scope"), "{back:?}");
    let wide = sqlx::query("update auth.clients set loopback_only = false where client_id = 'bar'");
    assert!(wide.execute(server.app.db.pool()).await.is_err(), "the table holds it, too");
}

#[tokio::test]
async fn only_the_grants_of_old_are_there() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient::default()).await;
    let own = client.post(TOKEN, &[("grant_type", "client_credentials")]).await.ok();
    assert_eq!(own.body["scope"], "roles permissions UI%20Store:read");
    for grant in [
        "authorization_code",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "implicit",
    ] {
        let refused = client.post(TOKEN, &[("grant_type", grant), ("code", "x")]).await;
        assert_eq!(refused.refusal(), (400, "unsupported_grant_type"), "{grant}");
    }
}

#[tokio::test]
async fn whoever_manages_services_sees_and_makes_clients_here_too() {
    let server = Server::on_the_demo_data().await;
    server.client(NewClient::default()).await;
    let adm1 = server.demo("adm1").await;
    assert_eq!(adm1.get(CLIENT).await.column("client_id"), ["loopback", "app"]);
    assert_eq!(adm1.get(&format!("{CLIENT}?q=lo&count=true")).await.header("x-total-count"), "1");
    let keeper = server.person_with("keeper", &[(4, 0)]).await;
    assert_eq!(keeper.get(CLIENT).await.column("client_id"), ["app"]);
    assert_eq!(keeper.get(&format!("{CLIENT}/loopback")).await.refusal(), (403, "insufficient_permissions"));
    let foo = json!({"client_name": "foo", "grants": ["password"]});
    assert_eq!(keeper.post(CLIENT, foo.clone()).await.refusal(), (403, "insufficient_permissions"));
    let of_store = json!({
        "client_id": "till", "client_name": "Till", "grants": ["client_credentials"], "scopes": ["UI Store:read"],
        "service_id": "UI Store",
    });
    adm1.post(CLIENT, of_store).await.ok();
    let till = adm1.get("/clients/till").await.ok();
    assert_eq!((&till.body["service_id"], &till.body["audience"]), (&json!(4), &json!([4])));
    for bad in [
        json!({"client_name": "foo"}),
        json!({"client_name": "foo", "grants": []}),
        json!({"client_name": "foo", "grants": ["magic"]}),
        json!({"client_name": "foo", "grants": ["password"], "scopes": ["Service A:read"]}),
        json!({"client_name": "foo", "grants": ["authorization_code"]}),
        json!({"client_name": "foo", "grants": ["password"], "service_id": 0}),
        json!({"client_name": "foo", "grants": ["password"], "secret": "mine"}),
    ] {
        assert_eq!(adm1.post(CLIENT, bad.clone()).await.refusal(), (400, "invalid_request_body"), "{bad}");
    }
    let taken = json!({"client_id": "LOOPBACK", "client_name": "foo", "grants": ["password"]});
    assert_eq!(adm1.post(CLIENT, taken).await.refusal(), (409, "client_exists"));
}

#[tokio::test]
async fn whoever_shapes_services_makes_no_client_for_administrators() {
    let server = Server::on_a_fresh_database().await;
    server
        .execute(
            "insert into auth.role (id, name) values (9002, 'Shaper');
             insert into auth.role_permission select 9002, id from auth.permission where name like 'services:%' and id <= 0;
             insert into auth.service_roles values (0, 9002);",
        )
        .await;
    let shaper = server.person_with("shaper", &[(0, 9002)]).await;
    shaper.post(CLIENT, json!({"client_name": "foo", "grants": ["password"]})).await.ok();
    let mighty = json!({"client_name": "foo", "grants": ["password"], "scopes": ["superuser"]});
    assert_eq!(shaper.post(CLIENT, mighty).await.refusal(), (403, "insufficient_permissions"));
}

#[tokio::test]
async fn loopback_is_seen_and_can_be_removed_for_good() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let shown = root.get("/clients/loopback").await.ok();
    assert_eq!((&shown.body["loopback_only"], &shown.body["grant_types"]), (&json!(true), &json!(["password"])));
    assert_eq!(root.get("/clients").await.column("client_id"), ["loopback"]);
    assert_eq!(root.patch("/clients/loopback", json!({"client_name": "Mine"})).await.refusal(), (409, "built_in"));
    let anonymous = server.anonymous();
    let token = token(&log_in(&anonymous, "root", &[SUPERUSER]).await.ok());
    root.delete("/clients/loopback").await.ok();
    assert_eq!(log_in(&anonymous, "root", &[SUPERUSER]).await.refusal(), (401, "invalid_client"));
    assert_eq!(send(&anonymous, Method::GET, CLIENT, &token, "").await.refusal(), (401, "invalid_token"));
    let again = json!({"client_id": "loopback", "client_name": "loopback", "grants": ["password"]});
    assert_eq!(root.post(CLIENT, again).await.refusal(), (409, "client_exists"));
}

#[tokio::test]
async fn a_wrong_password_waits_here_as_everywhere() {
    let server = Server::on_a_fresh_database().await;
    server.administrator().await;
    let anonymous = server.anonymous();
    let form =
        [("grant_type", "password"), ("username", "root"), ("password", "guess"), ("client_id", "loopback"), SUPERUSER];
    for _ in 0..5 {
        assert_eq!(post_form(&anonymous, TOKEN, &form, |request| request).await.refusal(), (400, "invalid_grant"));
    }
    assert_eq!(log_in(&anonymous, "root", &[SUPERUSER]).await.refusal(), (429, "temporarily_unavailable"));
    assert_eq!(anonymous.log_in("root", PASSWORD).await.refusal(), (429, "too_many_attempts"));
}
