use serde_json::json;
use time::Duration;

use super::{Authenticator, ada, begin, enrol, first_step, log_in, second_step, told};
use crate::reset::{arriving, reachable, with_mail};
use crate::support::{Caller, PASSWORD, Server};

#[tokio::test]
async fn somebody_gets_an_authenticator_by_two_codes_and_needs_it_from_then_on() {
    let (server, ada) = ada().await;
    let begun = ada.post("/auth/me/factors", json!({"type": "totp", "name": "My phone"})).await.ok();
    let secret = begun.body["secret"].as_str().expect("a secret");
    let address = format!("otpauth://totp/Portero:ada?secret={secret}&issuer=Portero");
    assert_eq!(begun.body["otpauth_uri"], json!(address));
    assert!(begun.body["qr_svg"].as_str().is_some_and(|svg| svg.starts_with("<svg ") && svg.ends_with("</svg>")));
    assert_eq!(ada.get("/auth/me/factors").await.ok().body, json!([]), "it opens nothing yet");
    ada.log_in("ada", PASSWORD).await.ok().token();

    let authenticator = Authenticator::of(secret);
    let path = format!("/auth/me/factors/{}/confirm", begun.id());
    let [first, second] = authenticator.two(&server);
    for wrong in [[&second, &first], [&second, &second], [&first, &first]] {
        assert_eq!(ada.post(&path, json!({"codes": wrong})).await.refusal(), (400, "invalid_code"));
    }
    let confirmed = ada.post(&path, json!({"codes": [first, second]})).await.ok();
    assert_eq!(confirmed.body["recovery_codes"].as_array().map(Vec::len), Some(10));
    let listed = ada.get("/auth/me/factors").await.ok();
    assert_eq!((&listed.body[0]["type"], &listed.body[0]["name"]), (&json!("totp"), &json!("My phone")));
    assert!(!listed.text.contains(secret));

    let login = ada.log_in("ada", PASSWORD).await.ok();
    assert_eq!(login.body["methods"], json!(["totp", "recovery_code"]));
    assert_eq!(login.body["enrolment_required"], json!(false));
    let entered = log_in(&server, &ada, &authenticator).await;
    entered.check().await.ok();
    let words: (Vec<String>,) = sqlx::query_as("select amr from auth.tokens_cache order by created_at desc limit 1")
        .fetch_one(server.app.db.pool())
        .await
        .expect("a session");
    assert_eq!(words.0, ["pwd", "otp", "mfa"]);
}

#[tokio::test]
async fn the_secret_is_sealed_and_only_the_last_that_was_begun_can_be_confirmed() {
    let (server, ada) = ada().await;
    let (first, old) = begin(&ada).await;
    let (second, new) = begin(&ada).await;
    let confirm = async |id: i64, authenticator: &Authenticator| {
        let codes = json!({"codes": authenticator.two(&server)});
        ada.post(&format!("/auth/me/factors/{id}/confirm"), codes).await
    };
    assert_eq!(confirm(first, &old).await.refusal(), (404, "factor_not_found"));
    confirm(second, &new).await.ok();
    assert_eq!(confirm(second, &new).await.refusal(), (404, "factor_not_found"), "once");
    let (sealed, by): (Vec<u8>, String) = sqlx::query_as("select secret, sealed_by from auth.totp_factors")
        .fetch_one(server.app.db.pool())
        .await
        .expect("a factor");
    assert_eq!((sealed.len(), by.len()), (12 + 20 + 16, 16), "a nonce, the secret and a tag, and by which key");
}

#[tokio::test]
async fn of_fifty_who_confirm_one_authenticator_at_once_one_does() {
    let (server, ada) = ada().await;
    let elsewhere = server.another_instance().await;
    let (id, authenticator) = begin(&ada).await;
    let codes = json!({"codes": authenticator.two(&server)});
    let tries = (0..10).map(|n| {
        let (caller, codes) = (if n % 2 == 0 { ada.clone() } else { ada.at(&elsewhere) }, codes.clone());
        async move { caller.post(&format!("/auth/me/factors/{id}/confirm"), codes).await }
    });
    let answers = Caller::together(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    let codes = answers.iter().filter(|answer| answer.body.get("recovery_codes").is_some()).count();
    assert_eq!((codes, server.number("select count(*) from auth.recovery_codes").await), (1, 10));
}

#[tokio::test]
async fn whose_login_is_old_or_lacks_the_second_factor_changes_no_factor() {
    let (server, ada) = ada().await;
    server.app.clock.turn(Duration::minutes(4));
    ada.check().await.ok();
    let (id, authenticator) = begin(&ada).await;
    for _ in 0..4 {
        server.app.clock.turn(Duration::minutes(4));
        ada.check().await.ok();
    }
    let refused = ada.post("/auth/me/factors", json!({"type": "totp", "name": "x"})).await;
    assert_eq!(refused.refusal(), (403, "reauthentication_required"));
    let challenge = r#"Bearer realm="portero", error="insufficient_user_authentication", max_age="900""#;
    assert_eq!(refused.header("www-authenticate"), challenge);
    let codes = json!({"codes": authenticator.two(&server)});
    let path = format!("/auth/me/factors/{id}/confirm");
    assert_eq!(ada.post(&path, codes.clone()).await.refusal(), (403, "reauthentication_required"));
    let wrong = ada.post("/auth/reauthenticate", json!({"password": "not that"})).await;
    assert_eq!(wrong.refusal(), (400, "invalid_current_password"));
    let proved = ada.post("/auth/reauthenticate", json!({"password": PASSWORD})).await.ok();
    assert_eq!((&proved.body["acr"], &proved.body["amr"]), (&json!("1"), &json!(["pwd"])));
    ada.post(&path, codes).await.ok();

    // Another session, of before: it has no second factor.
    let events = told(&server, &ada).await;
    assert!(events.iter().any(|(action, _)| action == "session.reauthenticated"), "{events:?}");
}

#[tokio::test]
async fn a_session_without_the_second_factor_gets_it_by_a_code_and_not_by_the_password() {
    let (server, ada) = ada().await;
    let other = server.session_of(ada.id).await;
    let (authenticator, _) = enrol(&server, &ada).await;
    let listed = other.get("/auth/me/factors").await.ok();
    let path = format!("/auth/me/factors/{}", listed.body[0]["id"]);
    assert_eq!(other.delete(&path).await.refusal(), (403, "reauthentication_required"), "though it is new");
    let by_password = other.post("/auth/reauthenticate", json!({"password": PASSWORD})).await;
    assert_eq!(by_password.refusal(), (403, "mfa_required"));
    let code = authenticator.next(&server);
    let by_code = json!({"method": "totp", "code": code});
    let proved = other.post("/auth/reauthenticate", by_code.clone()).await.ok();
    assert_eq!((&proved.body["acr"], &proved.body["amr"]), (&json!("2"), &json!(["pwd", "otp", "mfa"])));
    assert_eq!(other.post("/auth/reauthenticate", by_code).await.refusal(), (400, "invalid_code"), "each code once");
    other.delete(&path).await.ok();
    ada.log_in("ada", PASSWORD).await.ok().token();
    assert_eq!(server.number("select count(*) from auth.recovery_codes").await, 0, "they go with the last factor");
}

#[tokio::test]
async fn a_refreshed_session_stays_as_strong_as_its_login() {
    let (server, ada) = ada().await;
    let (authenticator, _) = enrol(&server, &ada).await;
    let login = json!({"username": "ada", "password": PASSWORD, "refresh": true});
    let pending = server.anonymous().post("/auth/login", login).await.ok();
    let mfa_token = pending.body["mfa_token"].as_str().expect("a token").to_owned();
    let entered = second_step(&server, &mfa_token, "totp", &authenticator.next(&server)).await.ok();
    let refreshed =
        server.anonymous().post("/auth/refresh", json!({"refresh_token": entered.refresh_token()})).await.ok();
    let fresh = ada.with_token(refreshed.token());
    fresh.post("/auth/me/recovery-codes", json!({})).await.ok();
    for _ in 0..4 {
        server.app.clock.turn(Duration::minutes(4));
        fresh.check().await.ok();
    }
    assert_eq!(fresh.post("/auth/me/recovery-codes", json!({})).await.refusal(), (403, "reauthentication_required"));
    let by_code = json!({"method": "totp", "code": authenticator.next(&server)});
    fresh.post("/auth/reauthenticate", by_code).await.ok();
    let again =
        server.anonymous().post("/auth/refresh", json!({"refresh_token": refreshed.refresh_token()})).await.ok();
    ada.with_token(again.token()).post("/auth/me/recovery-codes", json!({})).await.ok();
}

#[tokio::test]
async fn factors_are_named_anew_and_nobody_touches_those_of_others() {
    let (server, ada) = ada().await;
    let (_, _) = enrol(&server, &ada).await;
    let path = format!("/auth/me/factors/{}", ada.get("/auth/me/factors").await.ok().body[0]["id"]);
    ada.patch(&path, json!({"name": "Her phone"})).await.ok();
    assert_eq!(ada.get("/auth/me/factors").await.ok().column("name"), [json!("Her phone")]);
    let eva = server.person_with("eva", &[]).await;
    assert_eq!(eva.patch(&path, json!({"name": "Mine"})).await.refusal(), (404, "factor_not_found"));
    assert_eq!(eva.delete(&path).await.refusal(), (404, "factor_not_found"));
    assert_eq!(eva.post(&format!("{path}/confirm"), json!({"codes": ["1", "2"]})).await.status, 404);
    for bad in [json!({"type": "sms", "name": "x"}), json!({"type": "totp", "name": ""}), json!({"type": "totp"})] {
        assert_eq!(ada.post("/auth/me/factors", bad).await.refusal(), (400, "invalid_request_body"));
    }
}

#[tokio::test]
async fn what_is_added_and_removed_is_told_by_mail_and_in_the_trail() {
    let (server, mailbox) = with_mail().await;
    let ada = reachable(&server, "ada").await;
    let (_, codes) = enrol(&server, &ada).await;
    let mails = arriving(&server, &mailbox).await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert!(mails[0].text.contains("My phone"), "{}", mails[0].text);
    let mfa_token = first_step(&server, "ada").await;
    let entered = second_step(&server, &mfa_token, "recovery_code", &codes[0]).await.ok();
    assert_eq!(entered.body["recovery_codes_left"], json!(9));
    let mails = arriving(&server, &mailbox).await;
    assert!(mails.iter().any(|mail| mail.text.contains("You have 9 left")), "{mails:?}");
    let path = format!("/auth/me/factors/{}", ada.get("/auth/me/factors").await.ok().body[0]["id"]);
    ada.delete(&path).await.ok();
    let mails = arriving(&server, &mailbox).await;
    assert!(mails.iter().any(|mail| mail.text.contains("was removed: My phone")), "{mails:?}");
    let actions: Vec<String> = told(&server, &ada).await.into_iter().map(|(action, _)| action).collect();
    for action in ["factor.added", "recovery-codes.created", "recovery-code.used", "factor.removed"] {
        assert!(actions.iter().any(|told| told == action), "{action} in {actions:?}");
    }
    let secrets = server.number("select count(*) from auth.audit_events where coalesce(before, '{}')::text || coalesce(after, '{}')::text like '%secret%'").await;
    assert_eq!(secrets, 0);
}

#[tokio::test]
async fn nobody_has_more_than_ten_authenticators() {
    let (server, ada) = ada().await;
    let (_, _) = enrol(&server, &ada).await;
    server
        .execute(
            "insert into auth.totp_factors (person_id, name, secret, sealed_by, created_at, confirmed_at, last_step)
             select person_id, name, secret, sealed_by, created_at, confirmed_at, last_step
             from auth.totp_factors, generate_series(1, 9)",
        )
        .await;
    let refused = ada.post("/auth/me/factors", json!({"type": "totp", "name": "One more"})).await;
    assert_eq!(refused.refusal(), (409, "too_many_factors"));
}

#[tokio::test]
async fn who_is_removed_leaves_no_factor_behind() {
    let server = Server::on_a_fresh_database().await;
    let (root, ada) = (server.administrator().await, server.person_with("ada", &[]).await);
    enrol(&server, &ada).await;
    first_step(&server, "ada").await;
    root.delete(&format!("/users/{}", ada.id)).await.ok();
    let left = "select (select count(*) from auth.totp_factors) + (select count(*) from auth.recovery_codes)
                + (select count(*) from auth.pending_logins) + (select count(*) from auth.trusted_devices)";
    assert_eq!(server.number(left).await, 0);
}
