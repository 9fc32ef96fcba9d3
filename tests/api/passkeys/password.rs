use serde_json::json;

use super::{HOME, SETTINGS, add, server, sign_in, signed_in, with_passkey};
use crate::reset::{arriving, reachable, with_mail_and};
use crate::support::{Authenticator, PASSWORD};

const NEW: &str = "zanahorias con limón";

#[tokio::test]
async fn who_has_two_passkeys_does_without_a_password_and_takes_one_again() {
    let (server, mailbox) = with_mail_and(&SETTINGS).await;
    let ada = reachable(&server, "ada").await;
    let mut phone = add(&ada, Authenticator::at(HOME), "Phone").await;
    let ada = signed_in(&server, &ada, &mut phone).await;
    let use_up_the_codes = "delete from auth.recovery_codes";
    server.execute(use_up_the_codes).await;
    assert_eq!(ada.delete("/auth/me/password").await.refusal(), (409, "last_way_in"), "one may get lost");
    add(&ada, Authenticator::at(HOME).in_hardware(), "Key").await;
    server.execute(use_up_the_codes).await;
    let _ = arriving(&server, &mailbox).await;
    ada.delete("/auth/me/password").await.ok();
    let told = arriving(&server, &mailbox).await;
    assert!(told.len() == 1 && told[0].text.contains("turned off"), "{told:?}");
    ada.delete("/auth/me/password").await.ok();
    assert_eq!(arriving(&server, &mailbox).await.len(), 0, "it was off");

    let refused = server.anonymous().log_in("ada", PASSWORD).await;
    assert_eq!(refused.refusal(), (401, "invalid_credentials"));
    server.anonymous().post("/auth/forgot-password", json!({"username": "ada"})).await.ok();
    assert_eq!(arriving(&server, &mailbox).await.len(), 0, "nothing but passkeys opens it");
    let root = server.administrator().await;
    let sent = root.post(&format!("/users/{}/send-reset", ada.id), json!({})).await;
    assert_eq!(sent.refusal(), (409, "password_off"));

    let passkeys = ada.get("/auth/me/passkeys").await.ok().body;
    let path = format!("/auth/me/passkeys/{}", passkeys["passkeys"][0]["id"]);
    assert_eq!(ada.delete(&path).await.refusal(), (409, "last_way_in"));

    let weak = ada.post("/auth/me/password", json!({"new_password": "ada"})).await;
    assert_eq!(weak.refusal(), (400, "invalid_request_body"));
    ada.post("/auth/me/password", json!({"new_password": NEW})).await.ok();
    let again = ada.post("/auth/me/password", json!({"new_password": NEW})).await;
    assert_eq!(again.refusal(), (409, "password_exists"));
    assert_eq!(server.anonymous().log_in("ada", NEW).await.status, 200);
    ada.delete(&path).await.ok();
}

#[tokio::test]
async fn one_passkey_with_the_codes_that_came_with_it_does_where_a_password_can_be_mailed() {
    let (server, mailbox) = with_mail_and(&SETTINGS).await;
    let ada = reachable(&server, "ada").await;
    let mut phone = add(&ada, Authenticator::at(HOME), "Phone").await;
    signed_in(&server, &ada, &mut phone).await.delete("/auth/me/password").await.ok();
    arriving(&server, &mailbox).await;
    server.anonymous().post("/auth/forgot-password", json!({"username": "ada"})).await.ok();
    let reset = json!({"token": arriving(&server, &mailbox).await[0].token(), "password": NEW});
    server.anonymous().post("/auth/reset-password", reset).await.ok();
    let login = server.anonymous().log_in("ada", NEW).await.ok();
    assert_eq!(login.body["methods"], json!(["passkey", "recovery_code"]), "the login with it asks for one of them");
}

#[tokio::test]
async fn a_password_given_by_an_administrator_is_on_again() {
    let server = server().await;
    let (ada, mut phone) = with_passkey(&server, "ada").await;
    let ada = signed_in(&server, &ada, &mut phone).await;
    add(&ada, Authenticator::at(HOME), "Tablet").await;
    ada.delete("/auth/me/password").await.ok();
    let root = server.administrator().await;
    root.put(&format!("/users/{}", ada.id), json!({"password": NEW})).await.ok();
    assert_eq!(server.anonymous().log_in("ada", NEW).await.status, 200);
    sign_in(&server, &mut phone).await.ok();
}

#[tokio::test]
async fn a_stolen_session_turns_no_password_off() {
    let server = server().await;
    let (ada, mut phone) = with_passkey(&server, "ada").await;
    let fresh = signed_in(&server, &ada, &mut phone).await;
    add(&fresh, Authenticator::at(HOME), "Tablet").await;
    assert_eq!(ada.delete("/auth/me/password").await.refusal(), (403, "reauthentication_required"));
    let given = ada.post("/auth/me/password", json!({"new_password": NEW})).await;
    assert_eq!(given.refusal(), (409, "password_exists"));
}
