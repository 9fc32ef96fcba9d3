//! Who must have a second factor and has none gets a passkey while they log in.

use serde_json::{Value, json};
use time::Duration;

use super::page::options;
use super::{HOME, SETTINGS, add, sign_in};
use crate::authorize::browser::Browser;
use crate::reset::{arriving, reachable, with_mail_and};
use crate::support::{Authenticator, Caller, PASSWORD, Response, Server};

const STRICT: [(&str, &str); 2] = [SETTINGS[0], ("REQUIRE_MFA", "all")];

async fn strict() -> Server {
    Server::configured(&STRICT).await
}

/// A login that waits for a second factor to be set up.
async fn waiting(server: &Server, username: &str) -> String {
    let answer = server.anonymous().log_in(username, PASSWORD).await.ok();
    assert_eq!((&answer.body["methods"], &answer.body["enrolment_required"]), (&json!([]), &json!(true)));
    assert_eq!(answer.body["enrolment_types"], json!(["totp", "passkey"]));
    answer.body["mfa_token"].as_str().expect("a token").to_owned()
}

async fn begin(server: &Server, mfa_token: &str) -> Response {
    server.anonymous().post("/auth/mfa/enrol", json!({"mfa_token": mfa_token, "type": "passkey"})).await
}

/// What a browser is to ask for in a login.
async fn asked(server: &Server, mfa_token: &str) -> Value {
    let begun = begin(server, mfa_token).await;
    assert_eq!((begun.status, &begun.body["type"]), (201, &json!("passkey")), "{begun:?}");
    begun.body["publicKey"].clone()
}

async fn finish(caller: &Caller, mfa_token: &str, credential: &Value) -> Response {
    let body = json!({"mfa_token": mfa_token, "method": "passkey", "name": "Laptop", "credential": credential});
    caller.post("/auth/mfa", body).await
}

#[tokio::test]
async fn a_first_login_is_finished_by_a_passkey_that_is_made_in_it() {
    let (server, mailbox) = with_mail_and(&STRICT).await;
    let ada = reachable(&server, "ada").await;
    for (mut authenticator, kind) in [(Authenticator::at(HOME), "swk"), (Authenticator::at(HOME).in_hardware(), "hwk")]
    {
        server
            .execute("delete from auth.passkeys; delete from auth.recovery_codes; delete from auth.tokens_cache")
            .await;
        let token = waiting(&server, "ada").await;
        let options = asked(&server, &token).await;
        assert_eq!((&options["user"]["name"], &options["attestation"]), (&json!("ada"), &json!("none")));
        let made = authenticator.create(&options);
        let entered = finish(&server.anonymous(), &token, &made).await.ok();
        assert_eq!(entered.body["payload"]["username"], "ada");
        assert_eq!(entered.body["recovery_codes"].as_array().map(Vec::len), Some(10));
        let session = ada.with_token(entered.token());
        session.check().await.ok();
        let amr: Vec<String> = sqlx::query_scalar("select amr from auth.tokens_cache")
            .fetch_one(server.app.db.pool())
            .await
            .expect("a session");
        assert_eq!(amr, ["pwd", kind, "user", "mfa"]);
        assert_eq!(finish(&server.anonymous(), &token, &made).await.refusal(), (401, "invalid_mfa_token"), "once");
        let own = session.get("/auth/me/passkeys").await.ok();
        assert_eq!(own.body["passkeys"][0]["name"], "Laptop");
        let mails = arriving(&server, &mailbox).await;
        assert!(mails.iter().any(|mail| mail.text.contains("Laptop")), "{mails:?}");
        sign_in(&server, &mut authenticator).await.ok();
        // It is their second factor from now on, and the last one stays.
        let path = format!("/auth/me/passkeys/{}", own.body["passkeys"][0]["id"]);
        assert_eq!(session.delete(&path).await.refusal(), (409, "second_factor_required"));
        let login = server.anonymous().log_in("ada", PASSWORD).await.ok();
        assert_eq!((&login.body["methods"][0], login.body.get("enrolment_types")), (&json!("passkey"), None));
    }
}

#[tokio::test]
async fn only_the_login_that_has_asked_is_finished_by_the_answer() {
    let server = strict().await;
    let ada = server.person_with("ada", &[]).await;
    let anybody = server.anonymous();
    let (thief, owner) = (waiting(&server, "ada").await, waiting(&server, "ada").await);
    let made = Authenticator::at(HOME).create(&asked(&server, &thief).await);
    assert_eq!(finish(&anybody, &owner, &made).await.refusal(), (400, "invalid_passkey"));
    let as_session = ada.post("/auth/me/passkeys", json!({ "credential": made })).await;
    assert_eq!(as_session.refusal(), (400, "invalid_passkey"), "nor does a session add it");
    // And what a session has asked for finishes no login.
    let mut phone = Authenticator::at(HOME);
    let made = phone.create(&super::asked_for_new(&ada).await);
    let refused = finish(&anybody, &owner, &made).await;
    assert_eq!(refused.refusal(), (400, "invalid_passkey"));
    assert!(refused.detail().contains("POST /auth/mfa/enrol"), "{}", refused.detail());
    let made = phone.create(&asked(&server, &owner).await);
    finish(&anybody, &owner, &made).await.ok();
    let late = Authenticator::at(HOME).create(&json!({"challenge": "AAAAAAAAAAAAAAAAAAAAAA", "user": {"id": "eA"}}));
    assert_eq!(finish(&anybody, &thief, &late).await.refusal(), (400, "invalid_passkey"));
    assert_eq!(begin(&server, &thief).await.refusal(), (401, "invalid_mfa_token"), "who has one gets no other so");
}

#[tokio::test]
async fn a_login_that_has_asked_gets_no_other_passkey_once_there_is_one() {
    let server = strict().await;
    server.person_with("ada", &[]).await;
    let (slow, fast) = (waiting(&server, "ada").await, waiting(&server, "ada").await);
    let of_slow = Authenticator::at(HOME).create(&asked(&server, &slow).await);
    let of_fast = Authenticator::at(HOME).create(&asked(&server, &fast).await);
    finish(&server.anonymous(), &fast, &of_fast).await.ok();
    assert_eq!(finish(&server.anonymous(), &slow, &of_slow).await.refusal(), (401, "invalid_mfa_token"));
    assert_eq!(server.number("select count(*) from auth.passkeys").await, 1);
}

#[tokio::test]
async fn what_is_wrong_with_it_begins_no_session_and_costs_a_try() {
    let server = strict().await;
    server.person_with("ada", &[]).await;
    server.execute("delete from auth.tokens_cache").await;
    let anybody = server.anonymous();
    let token = waiting(&server, "ada").await;
    for spoiled in [
        Authenticator { origin: "https://evil.example".to_owned(), ..Authenticator::at(HOME) },
        Authenticator { rp_id: "example.com".to_owned(), ..Authenticator::at(HOME) },
        Authenticator { verifies: false, ..Authenticator::at(HOME) },
    ] {
        let mut spoiled = spoiled;
        let options = asked(&server, &token).await;
        let made = spoiled.create(&options);
        assert_eq!(finish(&anybody, &token, &made).await.refusal(), (400, "invalid_passkey"));
        let again = Authenticator::at(HOME).create(&options);
        assert_eq!(
            finish(&anybody, &token, &again).await.refusal(),
            (400, "invalid_passkey"),
            "a challenge is good once"
        );
    }
    let signed = Authenticator::at(HOME).get(&json!({"challenge": "AAAAAAAAAAAAAAAAAAAAAA"}));
    assert_eq!(finish(&anybody, &token, &signed).await.refusal(), (400, "invalid_request_body"), "that is no new one");
    for _ in 0..3 {
        finish(&anybody, &token, &json!({})).await;
    }
    assert_eq!(finish(&anybody, &token, &json!({})).await.refusal(), (401, "invalid_mfa_token"), "ten tries are over");
    assert_eq!(begin(&server, &token).await.refusal(), (401, "invalid_mfa_token"));
    let sessions = server.number("select count(*) from auth.tokens_cache").await;
    assert_eq!((sessions, server.number("select count(*) from auth.passkeys").await), (0, 0));

    let token = waiting(&server, "ada").await;
    let made = Authenticator::at(HOME).create(&asked(&server, &token).await);
    server.app.clock.turn(Duration::minutes(5));
    assert_eq!(finish(&anybody, &token, &made).await.refusal(), (401, "invalid_mfa_token"), "too late");
}

#[tokio::test]
async fn while_somebody_must_wait_no_passkey_finishes_their_login() {
    let server = Server::configured(&[STRICT[0], STRICT[1], ("LOGIN_FREE_FAILURES", "3")]).await;
    server.person_with("ada", &[]).await;
    let token = waiting(&server, "ada").await;
    let made = Authenticator::at(HOME).create(&asked(&server, &token).await);
    for _ in 0..5 {
        server.anonymous().log_in("ada", "a wrong password").await;
    }
    assert_eq!(finish(&server.anonymous(), &token, &made).await.refusal(), (429, "too_many_attempts"));
    server.app.clock.turn(Duration::minutes(3));
    finish(&server.anonymous(), &token, &made).await.ok();
}

#[tokio::test]
async fn of_twenty_at_once_with_one_new_passkey_one_finishes_the_login() {
    let server = strict().await;
    let other = server.another_instance_with(&STRICT).await;
    server.person_with("ada", &[]).await;
    let token = waiting(&server, "ada").await;
    let made = Authenticator::at(HOME).create(&asked(&server, &token).await);
    let requests = (0..20).map(|n| {
        let caller = if n % 2 == 0 { server.anonymous() } else { other.anonymous() };
        let body = json!({"mfa_token": token, "method": "passkey", "credential": made});
        async move { caller.post("/auth/mfa", body).await.status }
    });
    let answers = Caller::together(requests).await;
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1, "{answers:?}");
    assert_eq!(server.number("select count(*) from auth.passkeys").await, 1);
}

#[tokio::test]
async fn a_second_factor_is_set_up_as_its_kind_wants_it_and_only_by_who_has_none() {
    let server = strict().await;
    let ada = server.person_with("ada", &[]).await;
    let token = waiting(&server, "ada").await;
    for body in [
        json!({"mfa_token": token, "type": "passkey", "name": "Laptop"}),
        json!({"mfa_token": token, "type": "totp"}),
        json!({"mfa_token": token}),
        json!({"mfa_token": token, "type": "recovery_code", "name": "x"}),
    ] {
        let answer = server.anonymous().post("/auth/mfa/enrol", body.clone()).await;
        assert_eq!(answer.refusal(), (400, "invalid_request_body"), "{body}");
    }
    let to_sign = server.anonymous().post("/auth/mfa/passkey-options", json!({ "mfa_token": token })).await;
    assert_eq!(to_sign.refusal(), (409, "no_second_factor"), "there is none to sign with");
    add(&ada, Authenticator::at(HOME), "Phone").await;
    let login = server.anonymous().log_in("ada", PASSWORD).await.ok();
    let token = login.body["mfa_token"].as_str().expect("a token").to_owned();
    assert_eq!(begin(&server, &token).await.refusal(), (409, "enrolment_not_required"));
}

#[tokio::test]
async fn where_there_are_no_passkeys_none_is_offered() {
    let server = Server::configured(&[("PUBLIC_URL", "http://127.0.0.1:7878"), ("REQUIRE_MFA", "all")]).await;
    server.person_with("ada", &[]).await;
    let login = server.anonymous().log_in("ada", PASSWORD).await.ok();
    assert_eq!(login.body["enrolment_types"], json!(["totp"]));
    let token = login.body["mfa_token"].as_str().expect("a token").to_owned();
    assert_eq!(begin(&server, &token).await.refusal(), (409, "passkeys_unavailable"));
    let page = first_step(&mut Browser::new(&server)).await;
    assert!(page.text.contains("id=\"secret\"") && !page.text.contains("passkey"), "{}", page.text);
}

#[tokio::test]
async fn the_login_page_offers_a_passkey_beside_the_authenticator() {
    let server = strict().await;
    server.person_with("ada", &[]).await;
    let mut browser = Browser::new(&server);
    let step = first_step(&mut browser).await;
    assert!(step.text.contains("id=\"secret\"") && step.text.contains("Make a passkey instead"), "{}", step.text);
    assert!(step.header("content-security-policy").contains("; script-src 'self'; "), "{step:?}");
    assert!(step.text.contains("data-passkey=\"create\""), "{}", step.text);
    let wrong = browser.submit(&step, &[("passkey", "{}")]).await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text.contains("The passkey was not added. Begin again."), "{}", wrong.text);
    let secret = |page: &Response| page.text.split("id=\"secret\">").nth(1).map(|rest| rest[..16].to_owned());
    assert_eq!(secret(&wrong), secret(&step), "the authenticator that was begun is shown still");
    let mut laptop = Authenticator::at(HOME);
    let made = laptop.create(&options(&wrong)).to_string();
    let codes = browser.submit(&wrong, &[("passkey", &made)]).await;
    assert!(codes.text.contains("id=\"recovery-codes\"") && codes.text.contains("id=\"continue\""), "{codes:?}");
    let own = browser.get("/account/passkeys").await.ok();
    assert!(own.text.contains("Passkey") && !own.text.contains("You have no passkey."), "{}", own.text);
    sign_in(&server, &mut laptop).await.ok();
}

/// A browser in which somebody has entered their password.
async fn first_step(browser: &mut Browser) -> Response {
    let page = browser.get("/login").await;
    browser.log_in(&page, "ada").await.ok()
}
