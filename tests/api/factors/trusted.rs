use serde_json::{Value, json};
use time::Duration;

use super::{Authenticator, ada, enrol, first_step};
use crate::support::{Caller, PASSWORD, Response, Server};

const TRUSTING: [(&str, &str); 1] = [("TRUST_DEVICES", "30")];

async fn trust(server: &Server, caller: &Caller, authenticator: &Authenticator) -> Value {
    let mfa_token = first_step(server, &caller.username).await;
    let code = authenticator.next(server);
    let body = json!({"mfa_token": mfa_token, "method": "totp", "code": code, "trust_device": true});
    server.anonymous().post("/auth/mfa", body).await.ok().body["device_token"].clone()
}

async fn log_in(server: &Server, username: &str, device: &Value) -> Response {
    let body = json!({"username": username, "password": PASSWORD, "device_token": device});
    server.anonymous().post("/auth/login", body).await
}

#[tokio::test]
async fn no_device_is_trusted_where_that_is_not_set() {
    let (server, ada) = ada().await;
    let (authenticator, _) = enrol(&server, &ada).await;
    let mfa_token = first_step(&server, &ada.username).await;
    let (anonymous, code) = (server.anonymous(), authenticator.next(&server));
    let step = |trust: bool| json!({"mfa_token": mfa_token, "method": "totp", "code": code, "trust_device": trust});
    let refused = anonymous.post("/auth/mfa", step(true)).await;
    assert_eq!(refused.refusal(), (400, "invalid_request_body"));
    assert!(refused.detail().starts_with("`trust_device`: this Portero trusts no devices"), "{refused:?}");
    let finished = anonymous.post("/auth/mfa", step(false)).await.ok();
    assert!(finished.body.get("device_token").is_none_or(Value::is_null), "{finished:?}");
    assert_eq!(server.number("select count(*) from auth.trusted_devices").await, 0);
}

#[tokio::test]
async fn on_a_trusted_device_the_password_is_enough_for_thirty_days_and_for_its_owner() {
    let server = Server::configured(&TRUSTING).await;
    let (ada, eva) = (server.person_with("ada", &[]).await, server.person_with("eva", &[]).await);
    let (authenticator, _) = enrol(&server, &ada).await;
    enrol(&server, &eva).await;
    let device = trust(&server, &ada, &authenticator).await;
    let began = log_in(&server, "ada", &device).await.ok();
    let session = ada.with_token(began.token());
    let refused = session.post("/auth/me/recovery-codes", json!({})).await;
    assert_eq!(refused.refusal(), (403, "reauthentication_required"), "it has no second factor");
    for (username, device) in [("eva", device.clone()), ("ada", json!(null)), ("ada", json!("ptd_0"))] {
        assert_eq!(log_in(&server, username, &device).await.ok().body["mfa_required"], json!(true), "{username}");
    }
    server.app.clock.turn(Duration::days(29));
    log_in(&server, "ada", &device).await.ok().token();
    server.app.clock.turn(Duration::days(2));
    assert_eq!(log_in(&server, "ada", &device).await.ok().body["mfa_required"], json!(true));
    assert_eq!(portero::identity::factors::purge(&server.app).await.expect("Postgres answers"), 4, "and what waited");
}

#[tokio::test]
async fn trust_ends_when_its_owner_says_so_or_has_another_password_or_the_factor_goes() {
    let server = Server::configured(&TRUSTING).await;
    let root = server.administrator().await;
    let ada = server.person_with("ada", &[]).await;
    let (authenticator, _) = enrol(&server, &ada).await;
    let is_trusted = async |device: &Value| log_in(&server, "ada", device).await.ok().body.get("token").is_some();

    let device = trust(&server, &ada, &authenticator).await;
    let listed = ada.get("/auth/me/trusted-devices").await.ok();
    assert_eq!(listed.body.as_array().map(Vec::len), Some(1));
    assert!(is_trusted(&device).await);
    let eva = server.person_with("eva", &[]).await;
    let path = format!("/auth/me/trusted-devices/{}", listed.body[0]["id"]);
    assert_eq!(eva.delete(&path).await.refusal(), (404, "device_not_found"));
    ada.delete(&path).await.ok();
    assert!(!is_trusted(&device).await);

    let devices = [trust(&server, &ada, &authenticator).await, trust(&server, &ada, &authenticator).await];
    assert_eq!(ada.delete("/auth/me/trusted-devices").await.ok().body["distrusted"], json!(2));
    assert!(!is_trusted(&devices[0]).await && !is_trusted(&devices[1]).await);

    let device = trust(&server, &ada, &authenticator).await;
    root.post(&format!("/users/{}/disable", ada.id), json!({})).await.ok();
    root.post(&format!("/users/{}/enable", ada.id), json!({})).await.ok();
    assert!(!is_trusted(&device).await);

    let device = trust(&server, &ada, &authenticator).await;
    root.patch(&format!("/users/{}", ada.id), json!({"password": "another fine passphrase"})).await.ok();
    root.patch(&format!("/users/{}", ada.id), json!({"password": PASSWORD})).await.ok();
    assert!(!is_trusted(&device).await);

    let device = trust(&server, &ada, &authenticator).await;
    root.delete(&format!("/users/{}/factors", ada.id)).await.ok();
    let ada = server.session_of(ada.id).await;
    enrol(&server, &ada).await;
    assert!(!is_trusted(&device).await);
}

#[tokio::test]
async fn what_was_trusted_is_not_where_no_device_may_be_any_more() {
    let server = Server::configured(&TRUSTING).await;
    let ada = server.person_with("ada", &[]).await;
    let (authenticator, _) = enrol(&server, &ada).await;
    let device = trust(&server, &ada, &authenticator).await;
    let strict = server.another_instance().await;
    assert_eq!(log_in(&strict, "ada", &device).await.ok().body["mfa_required"], json!(true));
}
