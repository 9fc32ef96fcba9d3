use serde_json::json;
use time::Duration;

use super::{ada, enrol, first_step, second_step, told};
use crate::support::{Caller, PASSWORD, Server};

#[tokio::test]
async fn wrong_codes_wait_as_wrong_passwords_do_and_with_them() {
    let server = Server::configured(&[("LOGIN_FREE_FAILURES", "3")]).await;
    let ada = server.person_with("ada", &[]).await;
    let (authenticator, codes) = enrol(&server, &ada).await;
    let mfa_token = first_step(&server, "ada").await;
    assert_eq!(server.anonymous().log_in("ada", "wrong password").await.status, 401);
    for (method, code) in [("totp", "000000"), ("recovery_code", "0000-0000-0000-0000")] {
        assert_eq!(second_step(&server, &mfa_token, method, code).await.refusal(), (401, "invalid_code"));
    }
    let code = authenticator.next(&server);
    let mut last = second_step(&server, &mfa_token, "totp", "000000").await;
    if last.status == 401 {
        last = second_step(&server, &mfa_token, "totp", &code).await;
    }
    assert_eq!(last.refusal(), (429, "too_many_attempts"), "right or wrong");
    assert_eq!(
        second_step(&server, &mfa_token, "recovery_code", &codes[0]).await.refusal(),
        (429, "too_many_attempts")
    );
    assert_eq!(server.anonymous().log_in("ada", PASSWORD).await.refusal(), (429, "too_many_attempts"));
    let reasons = told(&server, &ada).await.into_iter().filter(|(_, after)| after["reason"] == json!("wrong code"));
    assert!(reasons.count() >= 2);
    server.app.clock.turn(Duration::minutes(3));
    second_step(&server, &mfa_token, "totp", &authenticator.next(&server)).await.ok();
    let left = "select count(*) from auth.login_attempts where person_id is not null";
    assert_eq!(server.number(left).await, 0, "who gets in has their failures forgotten");
}

#[tokio::test]
async fn the_right_password_forgets_no_wrong_code() {
    let server = Server::configured(&[("LOGIN_FREE_FAILURES", "3")]).await;
    let ada = server.person_with("ada", &[]).await;
    enrol(&server, &ada).await;
    let mut answers = Vec::new();
    for _ in 0..6 {
        let login = server.anonymous().log_in("ada", PASSWORD).await;
        match login.body["mfa_token"].as_str() {
            Some(token) => answers.push(second_step(&server, token, "totp", "000000").await.status),
            None => answers.push(login.status),
        }
    }
    assert!(answers.ends_with(&[429, 429]), "{answers:?}");
}

#[tokio::test]
async fn one_login_is_tried_ten_times_where_nothing_else_is_counted() {
    let off = [("LOGIN_FREE_FAILURES", "0"), ("LOGIN_FREE_FAILURES_PER_ADDRESS", "0")];
    let server = Server::configured(&off).await;
    let elsewhere = server.another_instance_with(&off).await;
    let ada = server.person_with("ada", &[]).await;
    let (authenticator, _) = enrol(&server, &ada).await;
    let mfa_token = first_step(&server, "ada").await;
    let tries = (0..50).map(|n| {
        let caller = if n % 2 == 0 { server.anonymous() } else { server.anonymous().at(&elsewhere) };
        let body = json!({"mfa_token": mfa_token, "method": "totp", "code": format!("{n:06}")});
        async move { caller.post("/auth/mfa", body).await }
    });
    let answers = Caller::together(tries).await;
    let compared = answers.iter().filter(|answer| answer.error() == "invalid_code").count();
    assert_eq!(compared, 10, "{answers:?}");
    let code = authenticator.next(&server);
    assert_eq!(second_step(&server, &mfa_token, "totp", &code).await.refusal(), (401, "invalid_mfa_token"));
    second_step(&server, &first_step(&server, "ada").await, "totp", &code).await.ok();
}

#[tokio::test]
async fn wrong_codes_are_answered_alike_whatever_is_wrong_with_them() {
    let (server, ada) = ada().await;
    let (authenticator, codes) = enrol(&server, &ada).await;
    let mut answers = Vec::new();
    let used = authenticator.next(&server);
    second_step(&server, &first_step(&server, "ada").await, "totp", &used).await.ok();
    for (method, code) in [
        ("totp", used.as_str()),
        ("totp", "000000"),
        ("totp", codes[0].as_str()),
        ("recovery_code", "zzzz-0000-0000-0000"),
        ("recovery_code", &format!("{}-0000-0000-0000", &codes[0][..4])),
        ("recovery_code", "not a code"),
    ] {
        let mfa_token = first_step(&server, "ada").await;
        let mut answer = second_step(&server, &mfa_token, method, code).await.body;
        answer["request_id"] = json!(null);
        answers.push(answer);
        server.execute("delete from auth.login_attempts").await;
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
}

#[tokio::test]
async fn a_stolen_session_is_no_place_to_guess_in() {
    let server = Server::configured(&[("LOGIN_FREE_FAILURES", "3")]).await;
    let ada = server.person_with("ada", &[]).await;
    enrol(&server, &ada).await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(ada.post("/auth/reauthenticate", json!({"method": "totp", "code": "000000"})).await.status);
    }
    assert!(statuses.starts_with(&[400, 400, 400]) && statuses.ends_with(&[429]), "{statuses:?}");
}
