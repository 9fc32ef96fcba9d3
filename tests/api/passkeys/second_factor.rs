use axum::http::Method;
use serde_json::{Value, json};
use time::Duration;

use super::{HOME, SETTINGS, add, asked, server, sign_in, signed_in, with_passkey};
use crate::authorize::Form;
use crate::support::{Authenticator, Caller, PASSWORD, Response, Server};

/// A login that waits for its second step.
async fn waiting(server: &Server, username: &str) -> String {
    let answer = server.anonymous().log_in(username, PASSWORD).await.ok();
    assert_eq!((&answer.body["mfa_required"], &answer.body["methods"][0]), (&json!(true), &json!("passkey")));
    answer.body["mfa_token"].as_str().expect("a token").to_owned()
}

async fn asked_at_login(server: &Server, mfa_token: &str) -> Value {
    let body = json!({ "mfa_token": mfa_token });
    server.anonymous().post("/auth/mfa/passkey-options", body).await.ok().body["publicKey"].clone()
}

async fn finish(caller: &Caller, mfa_token: &str, credential: &Value) -> Response {
    caller.post("/auth/mfa", json!({"mfa_token": mfa_token, "method": "passkey", "credential": credential})).await
}

#[tokio::test]
async fn who_has_a_passkey_is_asked_for_it_after_the_password() {
    let server = server().await;
    let (ada, mut phone) = with_passkey(&server, "ada").await;
    let token = waiting(&server, "ada").await;
    let signed = phone.get(&asked_at_login(&server, &token).await);
    let answer = finish(&server.anonymous(), &token, &signed).await.ok();
    let in_again = ada.with_token(answer.token());
    in_again.check().await.ok();
    let amr = "select count(*) from auth.tokens_cache where amr = '{pwd,swk,user,mfa}'";
    assert_eq!(server.number(amr).await, 1);
    assert_eq!(finish(&server.anonymous(), &token, &signed).await.refusal(), (401, "invalid_mfa_token"), "once");
    in_again.post("/auth/me/passkeys/options", json!({})).await.ok();
}

#[tokio::test]
async fn only_ones_own_passkey_shown_for_that_finishes_a_login() {
    let server = server().await;
    let (_, mut phone) = with_passkey(&server, "ada").await;
    let (_, mut of_bea) = with_passkey(&server, "bea").await;
    let token = waiting(&server, "ada").await;
    let anybody = server.anonymous();
    let options = asked_at_login(&server, &token).await;
    assert_eq!(finish(&anybody, &token, &of_bea.get(&options)).await.refusal(), (401, "passkey_refused"));
    let for_login = asked(&server).await;
    assert_eq!(finish(&anybody, &token, &phone.get(&for_login)).await.refusal(), (401, "passkey_refused"));
    let options = asked_at_login(&server, &token).await;
    let signed = phone.get(&options);
    assert_eq!(super::show(&server, &signed).await.refusal(), (401, "passkey_refused"), "it opens no login by itself");
    finish(&anybody, &token, &signed).await.ok();

    let other = waiting(&server, "bea").await;
    let late = asked_at_login(&server, &other).await;
    server.app.clock.turn(Duration::minutes(5));
    assert_eq!(finish(&anybody, &other, &of_bea.get(&late)).await.refusal(), (401, "invalid_mfa_token"));
    for token in ["", "pmf_x", other.as_str()] {
        let asked = anybody.post("/auth/mfa/passkey-options", json!({ "mfa_token": token })).await;
        assert_eq!(asked.refusal(), (401, "invalid_mfa_token"));
    }
}

#[tokio::test]
async fn a_second_step_is_one_thing_and_not_two() {
    let server = server().await;
    with_passkey(&server, "ada").await;
    let token = waiting(&server, "ada").await;
    for body in [
        json!({"mfa_token": token, "method": "passkey"}),
        json!({"mfa_token": token, "method": "passkey", "code": "123456"}),
        json!({"mfa_token": token, "method": "passkey", "code": "123456", "credential": {}}),
        json!({"mfa_token": token, "method": "totp", "credential": {}}),
        json!({"mfa_token": token, "method": "totp"}),
    ] {
        let answer = server.anonymous().post("/auth/mfa", body.clone()).await;
        assert_eq!(answer.refusal(), (400, "invalid_request_body"), "{body}");
    }
}

#[tokio::test]
async fn of_fifty_at_once_with_one_passkey_one_finishes_the_login() {
    let settings = [SETTINGS[0], ("LOGIN_FREE_FAILURES", "0")];
    let server = Server::configured(&settings).await;
    let other = server.another_instance_with(&settings).await;
    let (_, mut phone) = with_passkey(&server, "ada").await;
    let token = waiting(&server, "ada").await;
    let signed = phone.get(&asked_at_login(&server, &token).await);
    let requests = (0..50).map(|n| {
        let caller = if n % 2 == 0 { server.anonymous() } else { other.anonymous() };
        let body = json!({"mfa_token": token, "method": "passkey", "credential": signed});
        async move { Caller::patiently(20, || caller.post("/auth/mfa", body.clone())).await.status }
    });
    let answers = Caller::together(requests).await;
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1, "{answers:?}");
}

#[tokio::test]
async fn a_passkey_makes_an_old_session_fresh_again() {
    let server = server().await;
    let (ada, mut phone) = with_passkey(&server, "ada").await;
    let options = async || ada.post("/auth/me/passkeys/options", json!({})).await;
    assert_eq!(options().await.refusal(), (403, "reauthentication_required"), "she came by a password alone");
    let with_password = ada.post("/auth/reauthenticate", json!({"password": PASSWORD})).await;
    assert_eq!(with_password.refusal(), (403, "mfa_required"));
    let question = ada.post("/auth/reauthenticate/passkey-options", json!({})).await.ok().body["publicKey"].clone();
    let (_, mut of_bea) = with_passkey(&server, "bea").await;
    let others = ada.post("/auth/reauthenticate", json!({"credential": of_bea.get(&question)})).await;
    assert_eq!(others.refusal(), (400, "passkey_refused"), "no 401, which would mean a dead token");
    let question = ada.post("/auth/reauthenticate/passkey-options", json!({})).await.ok().body["publicKey"].clone();
    let proved = ada.post("/auth/reauthenticate", json!({"credential": phone.get(&question)})).await.ok();
    assert_eq!((&proved.body["acr"], &proved.body["amr"]), (&json!("2"), &json!(["pwd", "swk", "user", "mfa"])));
    options().await.ok();
}

#[tokio::test]
async fn an_administrator_takes_passkeys_away_and_a_password_can_be_mailed_again() {
    let server = server().await;
    let (ada, mut phone) = with_passkey(&server, "ada").await;
    let ada = signed_in(&server, &ada, &mut phone).await;
    add(&ada, Authenticator::at(HOME), "Tablet").await;
    ada.delete("/auth/me/password").await.ok();
    let root = server.administrator().await;
    let removed = root.delete(&format!("/users/{}/factors", ada.id)).await.ok();
    assert_eq!(removed.body["removed"], 2);
    assert_eq!(sign_in(&server, &mut phone).await.refusal(), (401, "passkey_refused"));
    let off = "select count(*) from auth.person where password_off_at is not null";
    assert_eq!(server.number(off).await, 0);
}

#[tokio::test]
async fn with_the_last_passkey_goes_what_stands_in_for_it() {
    let server = server().await;
    let (ada, mut phone) = with_passkey(&server, "ada").await;
    let ada = signed_in(&server, &ada, &mut phone).await;
    sqlx::query(
        "insert into auth.recovery_codes (person_id, selector, code_hash, created_at) values ($1, 'a', 'b', now())",
    )
    .bind(ada.id)
    .execute(server.app.db.pool())
    .await
    .expect("a code");
    let id = ada.get("/auth/me/passkeys").await.ok().body["passkeys"][0]["id"].clone();
    ada.delete(&format!("/auth/me/passkeys/{id}")).await.ok();
    assert_eq!(server.number("select count(*) from auth.recovery_codes").await, 0);
    assert!(
        server.anonymous().log_in("ada", PASSWORD).await.ok().body["token"].is_string(),
        "a password is enough again"
    );
}

#[tokio::test]
async fn who_must_have_a_second_factor_keeps_the_last_one() {
    let server = Server::configured(&[SETTINGS[0], ("REQUIRE_MFA", "all")]).await;
    let ada = server.person_with("ada", &[]).await;
    let mut phone = add(&ada, Authenticator::at(HOME), "Phone").await;
    let ada = signed_in(&server, &ada, &mut phone).await;
    let id = ada.get("/auth/me/passkeys").await.ok().body["passkeys"][0]["id"].clone();
    let removed = ada.delete(&format!("/auth/me/passkeys/{id}")).await;
    assert_eq!(removed.refusal(), (409, "second_factor_required"));
}

#[tokio::test]
async fn the_page_of_the_second_step_takes_a_passkey() {
    let server = server().await;
    let (_, mut phone) = with_passkey(&server, "ada").await;
    let anybody = server.anonymous();
    let page = anybody.get("/login").await.ok();
    let cookies = super::page::cookies(&page).join("; ");
    let post = async |page: &Response, fields: &[(&str, &str)]| {
        let form = Form::of(page);
        let (body, cookies) = (form.body(fields), cookies.clone());
        let send = anybody.send_with(Method::POST, &form.action, &body, |request| {
            request
                .header("cookie", cookies)
                .header("content-type", "application/x-www-form-urlencoded")
                .header("sec-fetch-site", "same-origin")
        });
        send.await
    };
    let step = post(&page, &[("username", "ada"), ("password", PASSWORD)]).await.ok();
    assert!(step.header("content-security-policy").contains("; script-src 'self'; "), "{step:?}");
    let signed = phone.get(&super::page::options(&step)).to_string();
    let wrong = post(&step, &[("passkey", "{}")]).await;
    assert!(wrong.text.contains("This passkey can&#39;t be used here."), "{}", wrong.text);
    let in_ = post(&step, &[("passkey", &signed)]).await;
    assert_eq!((in_.status, in_.header("location")), (303, format!("{HOME}/").as_str()), "{in_:?}");
    let session = super::page::cookies(&in_).into_iter().find(|cookie| cookie.starts_with("__Host-portero="));
    server.secrets.add(session.expect("a session").split('=').nth(1).expect("a token"));
}
