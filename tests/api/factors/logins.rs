use serde_json::json;
use time::Duration;

use super::{ada, enrol, first_step, log_in, second_step};
use crate::support::{Caller, PASSWORD, Server};

#[tokio::test]
async fn of_fifty_who_use_one_code_at_once_on_two_instances_one_gets_in() {
    let (server, ada) = ada().await;
    let elsewhere = server.another_instance().await;
    let (authenticator, _) = enrol(&server, &ada).await;
    let mut waiting = Vec::new();
    for _ in 0..20 {
        waiting.push(first_step(&server, "ada").await);
    }
    let code = authenticator.next(&server);
    let tries = (0..50).map(|n| {
        let caller = if n % 2 == 0 { server.anonymous() } else { server.anonymous().at(&elsewhere) };
        let body = json!({"mfa_token": waiting[n % waiting.len()], "method": "totp", "code": code});
        async move { caller.post("/auth/mfa", body).await }
    });
    let answers = Caller::together(tries).await;
    let won: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    assert!(answers.iter().all(|answer| [200, 401, 429].contains(&answer.status)), "{answers:?}");
    assert_eq!(server.number("select count(*) from auth.tokens_cache").await, 2, "hers of before, and that one");
}

#[tokio::test]
async fn of_fifty_who_finish_one_login_at_once_one_does() {
    let (server, ada) = ada().await;
    let elsewhere = server.another_instance().await;
    let (authenticator, codes) = enrol(&server, &ada).await;
    let mfa_token = first_step(&server, "ada").await;
    let code = authenticator.next(&server);
    let mut given: Vec<(&str, &str)> = codes.iter().map(|code| ("recovery_code", code.as_str())).take(5).collect();
    given.extend([("totp", code.as_str()); 5]);
    let tries = given.into_iter().enumerate().map(|(n, (method, code))| {
        let caller = if n % 2 == 0 { server.anonymous() } else { server.anonymous().at(&elsewhere) };
        let body = json!({"mfa_token": mfa_token, "method": method, "code": code});
        async move { caller.post("/auth/mfa", body).await }
    });
    let answers = Caller::together(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
    let left = server.number("select count(*) from auth.recovery_codes").await;
    assert!((9..=10).contains(&left), "who did not get in has spent nothing: {left}");
    assert_eq!(
        second_step(&server, &mfa_token, "recovery_code", &codes[9]).await.refusal(),
        (401, "invalid_mfa_token")
    );
}

#[tokio::test]
async fn a_code_is_good_one_step_early_or_late_and_never_again() {
    let (server, ada) = ada().await;
    let (authenticator, _) = enrol(&server, &ada).await;
    server.app.clock.turn(Duration::seconds(300));
    let step = async |offset: i64| {
        let mfa_token = first_step(&server, "ada").await;
        second_step(&server, &mfa_token, "totp", &authenticator.at(&server, offset)).await
    };
    assert_eq!(step(-2).await.refusal(), (401, "invalid_code"), "too old");
    assert_eq!(step(2).await.refusal(), (401, "invalid_code"), "too early");
    step(-1).await.ok();
    step(0).await.ok();
    step(1).await.ok();
    assert_eq!(step(1).await.refusal(), (401, "invalid_code"), "each once");
    assert_eq!(step(0).await.refusal(), (401, "invalid_code"), "nor one from before it");
}

#[tokio::test]
async fn a_login_waits_five_minutes_and_for_nobody_who_may_not_log_in_or_has_another_password() {
    let server = Server::on_a_fresh_database().await;
    let (root, ada) = (server.administrator().await, server.person_with("ada", &[]).await);
    let (authenticator, _) = enrol(&server, &ada).await;

    let late = first_step(&server, "ada").await;
    server.app.clock.turn(Duration::seconds(301));
    let code = authenticator.next(&server);
    assert_eq!(second_step(&server, &late, "totp", &code).await.refusal(), (401, "invalid_mfa_token"));

    let root = server.session_of(root.id).await;
    let disabled = first_step(&server, "ada").await;
    root.post(&format!("/users/{}/disable", ada.id), json!({})).await.ok();
    assert_eq!(second_step(&server, &disabled, "totp", &code).await.refusal(), (401, "invalid_mfa_token"));
    root.post(&format!("/users/{}/enable", ada.id), json!({})).await.ok();
    assert_eq!(second_step(&server, &disabled, "totp", &code).await.refusal(), (401, "invalid_mfa_token"));

    let before = first_step(&server, "ada").await;
    let session = log_in(&server, &ada, &authenticator).await;
    let new = json!({"current_password": PASSWORD, "new_password": "another fine passphrase"});
    session.post("/auth/change-password", new).await.ok();
    let code = authenticator.next(&server);
    assert_eq!(second_step(&server, &before, "totp", &code).await.refusal(), (401, "invalid_mfa_token"));
    for unknown in ["", "pmf_", &"x".repeat(76), before.trim_end_matches(char::is_numeric)] {
        assert_eq!(second_step(&server, unknown, "totp", &code).await.refusal(), (401, "invalid_mfa_token"));
    }
}

#[tokio::test]
async fn whoever_ends_all_sessions_ends_the_logins_that_wait_too() {
    let server = Server::on_a_fresh_database().await;
    let (root, ada) = (server.administrator().await, server.person_with("ada", &[]).await);
    let (authenticator, _) = enrol(&server, &ada).await;
    let waiting = first_step(&server, "ada").await;
    root.delete(&format!("/users/{}/sessions", ada.id)).await.ok();
    let code = authenticator.next(&server);
    assert_eq!(second_step(&server, &waiting, "totp", &code).await.refusal(), (401, "invalid_mfa_token"));

    let session = log_in(&server, &ada, &authenticator).await;
    let waiting = first_step(&server, "ada").await;
    session.delete("/auth/sessions").await.ok();
    let code = authenticator.next(&server);
    assert_eq!(second_step(&server, &waiting, "totp", &code).await.refusal(), (401, "invalid_mfa_token"));
    session.check().await.ok();
}

#[tokio::test]
async fn what_waits_opens_nothing_else() {
    let (server, ada) = ada().await;
    enrol(&server, &ada).await;
    let mfa_token = first_step(&server, "ada").await;
    let thief = server.anonymous().with_token(&mfa_token);
    assert_eq!(thief.check().await.status, 401);
    assert_eq!(thief.get("/auth/me/factors").await.status, 401);
    let refresh = json!({"refresh_token": mfa_token});
    assert_eq!(server.anonymous().post("/auth/refresh", refresh).await.status, 401);
    let enrol = json!({"mfa_token": mfa_token, "name": "Mine"});
    assert_eq!(
        server.anonymous().post("/auth/mfa/enrol", enrol).await.refusal(),
        (409, "enrolment_not_required"),
        "who has a factor gets no other by their password"
    );
}

#[tokio::test]
async fn what_waits_too_long_is_forgotten() {
    let (server, ada) = ada().await;
    enrol(&server, &ada).await;
    first_step(&server, "ada").await;
    assert_eq!(portero::identity::factors::purge(&server.app).await.expect("Postgres answers"), 0);
    server.app.clock.turn(Duration::minutes(6));
    assert_eq!(portero::identity::factors::purge(&server.app).await.expect("Postgres answers"), 1);
}
