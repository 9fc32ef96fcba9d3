use serde_json::{Value, json};

use super::{Authenticator, enrol, log_in, second_step};
use crate::support::{PASSWORD, Server};

async fn waits(server: &Server, username: &str) -> Option<Value> {
    let answer = server.anonymous().log_in(username, PASSWORD).await.ok();
    answer.body.get("mfa_token").cloned()
}

#[tokio::test]
async fn who_must_have_a_second_factor_gets_it_before_their_first_session() {
    let server = Server::configured(&[("REQUIRE_MFA", "all")]).await;
    let ada = server.person_with("ada", &[]).await;
    let login = server.anonymous().log_in("ada", PASSWORD).await.ok();
    assert_eq!((&login.body["methods"], &login.body["enrolment_required"]), (&json!([]), &json!(true)));
    let mfa_token = login.body["mfa_token"].as_str().expect("a token").to_owned();
    assert_eq!(second_step(&server, &mfa_token, "totp", "123456").await.status, 400, "it has no next_code");
    let begun =
        server.anonymous().post("/auth/mfa/enrol", json!({"mfa_token": mfa_token, "name": "My phone"})).await.ok();
    let authenticator = Authenticator::of(begun.body["secret"].as_str().expect("a secret"));
    let [code, next_code] = authenticator.two(&server);
    let finish = async |code: &str, next_code: &str| {
        let body = json!({"mfa_token": mfa_token, "method": "totp", "code": code, "next_code": next_code});
        server.anonymous().post("/auth/mfa", body).await
    };
    assert_eq!(finish(&code, &code).await.refusal(), (401, "invalid_code"));
    let entered = finish(&code, &next_code).await.ok();
    assert_eq!(entered.body["recovery_codes"].as_array().map(Vec::len), Some(10));
    let session = ada.with_token(entered.token());
    session.check().await.ok();
    assert_eq!(finish(&code, &next_code).await.refusal(), (401, "invalid_mfa_token"), "once");
    log_in(&server, &ada, &authenticator).await.check().await.ok();
    // Now it is theirs, and the last one stays.
    let path = format!("/auth/me/factors/{}", session.get("/auth/me/factors").await.ok().body[0]["id"]);
    assert_eq!(session.delete(&path).await.refusal(), (409, "second_factor_required"));
}

#[tokio::test]
async fn nobody_confirms_what_another_login_has_begun() {
    let server = Server::configured(&[("REQUIRE_MFA", "all")]).await;
    server.person_with("ada", &[]).await;
    let token = async || waits(&server, "ada").await.expect("it waits");
    let (thief, owner) = (token().await, token().await);
    let begin = async |token: &Value| {
        let body = json!({"mfa_token": token, "name": "My phone"});
        let begun = server.anonymous().post("/auth/mfa/enrol", body).await.ok();
        Authenticator::of(begun.body["secret"].as_str().expect("a secret"))
    };
    let finish = async |token: &Value, authenticator: &Authenticator| {
        let [code, next_code] = authenticator.two(&server);
        let body = json!({"mfa_token": token, "method": "totp", "code": code, "next_code": next_code});
        server.anonymous().post("/auth/mfa", body).await
    };
    let of_thief = begin(&thief).await;
    assert_eq!(finish(&owner, &of_thief).await.refusal(), (404, "factor_not_found"));
    let of_owner = begin(&owner).await;
    assert_eq!(finish(&thief, &of_thief).await.refusal(), (404, "factor_not_found"), "another was begun since");
    finish(&owner, &of_owner).await.ok();
    let again = server.anonymous().post("/auth/mfa/enrol", json!({"mfa_token": thief, "name": "Mine"})).await;
    assert_eq!(again.refusal(), (401, "invalid_mfa_token"), "who has one gets no other so");
}

#[tokio::test]
async fn administrators_alone_must_have_one_where_that_is_set() {
    let server = Server::configured(&[("REQUIRE_MFA", "administrators")]).await;
    let root = server.administrator().await;
    server.person_with("ada", &[]).await;
    server.person_with("writer", &[(0, -1)]).await;
    assert_eq!(waits(&server, "ada").await, None);
    assert_eq!(waits(&server, "writer").await, None);
    assert!(waits(&server, "root").await.is_some());
    enrol(&server, &root).await;
    let login = server.anonymous().log_in("root", PASSWORD).await.ok();
    assert_eq!((&login.body["methods"][0], &login.body["enrolment_required"]), (&json!("totp"), &json!(false)));
}

#[tokio::test]
async fn who_registers_gets_their_second_factor_first_too() {
    let server = Server::configured(&[("REQUIRE_MFA", "all"), ("REGISTRATION", "open")]).await;
    let body = json!({"username": "ada", "password": PASSWORD});
    let registered = server.anonymous().post("/auth/register", body).await.ok();
    assert_eq!((registered.status, &registered.body["enrolment_required"]), (201, &json!(true)));
    assert_eq!(server.number("select count(*) from auth.tokens_cache").await, 0);
    let begun = json!({"mfa_token": registered.body["mfa_token"], "name": "My phone"});
    let begun = server.anonymous().post("/auth/mfa/enrol", begun).await.ok();
    let [code, next_code] = Authenticator::of(begun.body["secret"].as_str().expect("a secret")).two(&server);
    let body =
        json!({"mfa_token": registered.body["mfa_token"], "method": "totp", "code": code, "next_code": next_code});
    let entered = server.anonymous().post("/auth/mfa", body).await.ok();
    server.anonymous().with_token(entered.token()).check().await.ok();
}
