//! The password grant: for clients that were registered for it, and as strict as any other login.

use serde_json::{Value, json};

use crate::support::oauth::{Client, NewClient};
use crate::support::{Caller, PASSWORD, Response, Server};

const REFUSED: (u16, &str) = (400, "invalid_grant");

fn old() -> NewClient<'static> {
    NewClient {
        client_id: "old",
        grant_types: &["password", "refresh_token"],
        scopes: &["openid", "offline_access", "UI Store:read"],
        ..NewClient::default()
    }
}

async fn log_in(client: &Client, username: &str, password: &str, more: &[(&str, &str)]) -> Response {
    let form = [("grant_type", "password"), ("username", username), ("password", password)];
    client.token(&form.iter().chain(more).copied().collect::<Vec<_>>()).await
}

#[tokio::test]
async fn a_password_gives_tokens_that_end_with_the_session_that_it_began() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(old()).await;
    let tokens = log_in(&client, "juan", "juan-hash", &[]).await.ok();
    assert_eq!(tokens.body["scope"], "UI%20Store:read");
    let access = server.anonymous().with_token(tokens.body["access_token"].as_str().expect("a token"));
    let checked = access.post("/check-token", json!({"service_id": 4})).await.ok();
    assert_eq!((&checked.body["payload"]["user_id"], &checked.body["permissions"]), (&json!(7), &json!(["read"])));
    let refresh = tokens.body["refresh_token"].as_str().expect("a token");
    let again = client.refresh(refresh).await.ok();
    let juan = server.session_of(7).await;
    assert_eq!(juan.get("/auth/me/applications").await.column("client_id"), ["old"]);
    assert_eq!(juan.get("/auth/sessions").await.body.as_array().map(Vec::len), Some(2), "one of them is the client's");
    let told: Vec<(String, Value)> =
        sqlx::query_as("select action, after from auth.audit_events where subject_id = 7 order by id limit 2")
            .fetch_all(server.app.db.pool())
            .await
            .expect("events");
    let after = json!({"client_id": "old", "scopes": ["UI Store:read"], "services": [4], "by": "password"});
    assert_eq!((told[0].0.as_str(), &told[1]), ("session.created", &("authorization.created".to_owned(), after)));
    juan.delete("/auth/sessions").await.ok();
    assert_eq!(access.check().await.refusal(), (401, "invalid_token"));
    let refresh = again.body["refresh_token"].as_str().expect("a token");
    assert_eq!(client.refresh(refresh).await.refusal(), REFUSED);
}

#[tokio::test]
async fn wrong_unknown_and_disabled_are_the_same_and_nothing_is_left_of_them() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(old()).await;
    server.execute("update auth.person set disabled_at = now() where username = 'usr1'").await;
    let mut bodies = Vec::new();
    for (username, password) in [("juan", "wrong password"), ("nobody", "juan-hash"), ("usr1", "usr1-hash")] {
        let refused = log_in(&client, username, password, &[]).await;
        assert_eq!(refused.refusal(), REFUSED, "{username}");
        bodies.push(refused.text);
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    for nothing in ["select count(*) from auth.tokens_cache", "select count(*) from auth.authorizations"] {
        assert_eq!(server.number(nothing).await, 0);
    }
    assert_eq!(server.number("select count(*) from auth.audit_events where action = 'login.failed'").await, 3);
    for missing in [&[("username", "juan")][..], &[("password", "x")], &[]] {
        let form: Vec<_> = missing.iter().copied().chain([("grant_type", "password")]).collect();
        assert_eq!(client.token(&form).await.refusal(), (400, "invalid_request"), "{missing:?}");
    }
}

#[tokio::test]
async fn failures_count_together_with_those_of_every_other_login() {
    let server = Server::on_the_demo_data().await;
    let elsewhere = server.another_instance().await;
    let client = server.client(old()).await;
    for n in 0..5 {
        let refused = if n % 2 == 0 {
            log_in(&client, "juan", "wrong password", &[]).await.refusal() == REFUSED
        } else {
            elsewhere.anonymous().log_in("juan", "wrong password").await.status == 401
        };
        assert!(refused, "{n}");
    }
    let waits = log_in(&client, "juan", "juan-hash", &[]).await;
    assert_eq!(waits.refusal(), (429, "temporarily_unavailable"), "also the right one");
    assert_eq!(server.anonymous().log_in("juan", "juan-hash").await.refusal(), (429, "too_many_attempts"));
    server.app.clock.turn(time::Duration::minutes(15));
    log_in(&client, "juan", "juan-hash", &[]).await.ok();
}

#[tokio::test]
async fn of_fifty_guesses_at_once_no_more_are_told_than_are_free() {
    let server = Server::on_the_demo_data().await;
    let elsewhere = server.another_instance().await;
    let client = server.client(old()).await;
    let guesses = (0..50).map(|n| {
        let client = if n % 2 == 0 { client.clone() } else { client.at(&elsewhere) };
        async move { log_in(&client, "juan", if n == 49 { "juan-hash" } else { "wrong password" }, &[]).await }
    });
    let answers = Caller::together(guesses).await;
    let told = answers.iter().filter(|answer| answer.refusal() == REFUSED).count();
    assert!(told <= 5, "{told}: {answers:?}");
    assert!(answers.iter().all(|answer| [200, 400, 429, 503].contains(&answer.status)), "{answers:?}");
}

#[tokio::test]
async fn only_clients_that_were_registered_for_it_may() {
    let server = Server::on_the_demo_data().await;
    let usual = server.client(NewClient::default()).await;
    let failed = "select count(*) from auth.audit_events where action = 'login.failed'";
    assert_eq!(log_in(&usual, "juan", "wrong password", &[]).await.refusal(), (400, "unauthorized_client"));
    let stranger = Client { client_id: "nobody".to_owned(), secret: None, ..usual };
    assert_eq!(log_in(&stranger, "juan", "wrong password", &[]).await.refusal(), (401, "invalid_client"));
    assert_eq!(server.number(failed).await, 0, "nothing was compared");
    let root = server.demo("adm1").await;
    let new = |more: Value| {
        let mut new = json!({"client_name": "App", "service_id": 4});
        new.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        root.post("/clients", new)
    };
    let web = json!({
        "token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "password"],
        "redirect_uris": ["https://app.example/cb"],
    });
    let refused = new(web).await;
    assert_eq!(refused.refusal(), (400, "invalid_request_body"));
    assert!(refused.detail().contains("grant_types"), "{refused:?}");
    let usual = new(json!({"redirect_uris": ["https://app.example/cb"]})).await.ok();
    assert_eq!(usual.body["grant_types"], json!(["authorization_code", "refresh_token"]), "never by default");
    new(json!({"grant_types": ["password"]})).await.ok();
}

#[tokio::test]
async fn whom_a_client_does_not_let_in_has_no_session_afterwards() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(old()).await;
    server.execute("update auth.clients set admits = 'members' where client_id = 'old'").await;
    log_in(&client, "juan", "juan-hash", &[]).await.ok();
    assert_eq!(log_in(&client, "usr1", "usr1-hash", &[]).await.refusal(), REFUSED);
    assert_eq!(server.number("select count(*) from auth.tokens_cache where person_id = 2").await, 0);
    let told = "select count(*) from auth.audit_events where subject_id = 2 and action = 'session.revoked'";
    assert_eq!(server.number(told).await, 1);
}

#[tokio::test]
async fn scopes_are_those_that_the_client_may_ask_for_and_the_person_holds() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(old()).await;
    for scope in ["superuser", "profile", "UI%20Store:write", "UI%20Store:read superuser", "a\"b"] {
        let refused = log_in(&client, "adm1", "adm1-hash", &[("scope", scope)]).await;
        assert_eq!(refused.refusal(), (400, "invalid_scope"), "{scope}");
    }
    assert_eq!(server.number("select count(*) from auth.tokens_cache").await, 0);
    let refused = log_in(&client, "juan", "juan-hash", &[("resource", "urn:portero:service:Service%20A")]).await;
    assert_eq!(refused.refusal(), (400, "invalid_target"));
    let tokens = log_in(&client, "usr1", "usr1-hash", &[("scope", "openid UI%20Store:read")]).await.ok();
    assert_eq!(tokens.body["scope"], "openid", "usr1 holds nothing there");
    assert!(tokens.body["id_token"].is_string() && tokens.body.get("refresh_token").is_none(), "{tokens:?}");
    let lasting = log_in(&client, "juan", "juan-hash", &[("scope", "openid offline_access")]).await.ok();
    assert!(lasting.body["refresh_token"].is_string(), "{lasting:?}");
}

#[tokio::test]
async fn whoever_chooses_another_password_ends_what_came_of_the_old_one() {
    let server = Server::on_a_fresh_database().await;
    let ada = server.person_with("ada", &[]).await;
    let client = server.client(NewClient { service: 0, audience: &[], scopes: &[], ..old() }).await;
    let tokens = log_in(&client, "ada", PASSWORD, &[]).await.ok();
    let new = json!({"current_password": PASSWORD, "new_password": "another correct horse battery"});
    ada.post("/auth/change-password", new).await.ok();
    let access = server.anonymous().with_token(tokens.body["access_token"].as_str().expect("a token"));
    assert_eq!(access.check().await.refusal(), (401, "invalid_token"));
    assert_eq!(client.refresh(tokens.body["refresh_token"].as_str().expect("a token")).await.refusal(), REFUSED);
    assert_eq!(log_in(&client, "ada", PASSWORD, &[]).await.refusal(), REFUSED);
}
