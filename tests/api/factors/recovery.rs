use serde_json::json;

use super::{ada, begin, enrol, first_step, second_step};
use crate::support::{Caller, Server};

#[tokio::test]
async fn a_recovery_code_lets_somebody_in_once_in_any_writing() {
    let (server, ada) = ada().await;
    let (_, codes) = enrol(&server, &ada).await;
    let left = ada.get("/auth/me/recovery-codes").await.ok();
    assert_eq!(left.body["remaining"], json!(10));
    assert!(left.body["created_at"].is_string());
    for (n, code) in codes.iter().enumerate() {
        let written = match n % 3 {
            0 => code.to_uppercase(),
            1 => code.replace('-', ""),
            _ => code.replace('-', " "),
        };
        let began = second_step(&server, &first_step(&server, "ada").await, "recovery_code", &written).await.ok();
        assert_eq!(began.body["recovery_codes_left"], json!(9 - n));
        let again = second_step(&server, &first_step(&server, "ada").await, "recovery_code", code).await;
        assert_eq!(again.refusal(), (401, "invalid_code"));
        server.execute("delete from auth.login_attempts").await;
    }
    let login = server.anonymous().log_in("ada", crate::support::PASSWORD).await.ok();
    assert_eq!(login.body["methods"], json!(["totp"]), "there are none any more");
}

#[tokio::test]
async fn codes_are_hashed_as_passwords_are_and_a_new_set_replaces_the_old_one() {
    let (server, ada) = ada().await;
    assert_eq!(ada.post("/auth/me/recovery-codes", json!({})).await.refusal(), (409, "no_second_factor"));
    let (_, old) = enrol(&server, &ada).await;
    let hashes: Vec<String> = sqlx::query_scalar("select code_hash from auth.recovery_codes")
        .fetch_all(server.app.db.pool())
        .await
        .expect("hashes");
    assert!(hashes.len() == 10 && hashes.iter().all(|hash| hash.starts_with("$argon2id$")), "{hashes:?}");
    let new = ada.post("/auth/me/recovery-codes", json!({})).await.ok();
    let new: Vec<&str> =
        new.body["recovery_codes"].as_array().expect("codes").iter().filter_map(|c| c.as_str()).collect();
    assert!(new.len() == 10 && new.iter().all(|code| code.len() == 19 && !old.iter().any(|old| old == code)));
    let refused = second_step(&server, &first_step(&server, "ada").await, "recovery_code", &old[0]).await;
    assert_eq!(refused.refusal(), (401, "invalid_code"));
    second_step(&server, &first_step(&server, "ada").await, "recovery_code", new[0]).await.ok();
    // Another factor makes no new set.
    let (id, authenticator) = begin(&ada).await;
    let codes = json!({"codes": authenticator.two(&server)});
    let confirmed = ada.post(&format!("/auth/me/factors/{id}/confirm"), codes).await.ok();
    assert_eq!(confirmed.body.get("recovery_codes"), None);
}

#[tokio::test]
async fn of_many_who_use_one_recovery_code_at_once_on_two_instances_one_gets_in() {
    let (server, ada) = ada().await;
    let elsewhere = server.another_instance().await;
    let (_, codes) = enrol(&server, &ada).await;
    let mut waiting = Vec::new();
    for _ in 0..10 {
        waiting.push(first_step(&server, "ada").await);
    }
    let tries = waiting.into_iter().enumerate().map(|(n, mfa_token)| {
        let caller = if n % 2 == 0 { server.anonymous() } else { server.anonymous().at(&elsewhere) };
        let body = json!({"mfa_token": mfa_token, "method": "recovery_code", "code": codes[3]});
        async move { caller.post("/auth/mfa", body).await }
    });
    let answers = Caller::together(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
    assert_eq!(server.number("select count(*) from auth.recovery_codes").await, 9);
}

#[tokio::test]
async fn few_that_are_left_are_told_by_mail() {
    let (server, mailbox) = crate::reset::with_mail().await;
    let ada = crate::reset::reachable(&server, "ada").await;
    let (_, codes) = enrol(&server, &ada).await;
    for code in &codes[..7] {
        second_step(&server, &first_step(&server, "ada").await, "recovery_code", code).await.ok();
    }
    let mails = crate::reset::arriving(&server, &mailbox).await;
    let warned = mails.iter().filter(|mail| mail.text.contains("Make new ones soon")).count();
    assert_eq!(warned, 1, "{mails:?}");
}

#[tokio::test]
async fn nobody_uses_the_code_of_somebody_else() {
    let server = Server::on_a_fresh_database().await;
    let (ada, eva) = (server.person_with("ada", &[]).await, server.person_with("eva", &[]).await);
    let (_, codes) = enrol(&server, &ada).await;
    enrol(&server, &eva).await;
    let refused = second_step(&server, &first_step(&server, "eva").await, "recovery_code", &codes[0]).await;
    assert_eq!(refused.refusal(), (401, "invalid_code"));
}
