use serde_json::json;
use time::Duration;

use super::{HOME, SETTINGS, add, asked, server, show, sign_in, signed_in, with_passkey};
use crate::reset::{arriving, reachable, with_mail_and};
use crate::support::{Authenticator, Caller, Server};

/// What is refused, with all that could tell why.
fn told(answer: &crate::support::Response) -> (u16, String) {
    let mut body = answer.body.clone();
    body["request_id"] = json!(null);
    (answer.status, body.to_string())
}

#[tokio::test]
async fn whatever_is_wrong_the_answer_is_the_same_and_nobody_is_let_in() {
    let server = Server::configured(&[SETTINGS[0], ("LOGIN_FREE_FAILURES", "50")]).await;
    let (_, mut phone) = with_passkey(&server, "ada").await;
    let (bea, mut of_bea) = with_passkey(&server, "bea").await;
    let (carl, mut of_carl) = with_passkey(&server, "carl").await;
    let root = server.administrator().await;
    root.post(&format!("/users/{}/disable", bea.id), json!({})).await.ok();
    root.delete(&format!("/users/{}", carl.id)).await.ok();

    let mut answers = vec![sign_in(&server, &mut Authenticator::at(HOME)).await];
    let mut stranger = Authenticator::at(HOME);
    stranger.user_handle = phone.user_handle.clone();
    answers.push(sign_in(&server, &mut stranger).await);
    stranger.credential_id.clone_from(&phone.credential_id);
    answers.push(sign_in(&server, &mut stranger).await);
    answers.push(sign_in(&server, &mut of_bea).await);
    answers.push(sign_in(&server, &mut of_carl).await);
    let wrong: [fn(&mut Authenticator); 5] = [
        |at| at.origin = "https://evil.example".to_owned(),
        |at| at.origin = "https://id.example.com:8443".to_owned(),
        |at| at.rp_id = "example.com".to_owned(),
        |at| at.verifies = false,
        |at| at.is_eligible = false,
    ];
    for make_wrong in wrong {
        let before = (phone.origin.clone(), phone.rp_id.clone());
        make_wrong(&mut phone);
        phone.is_backed_up = phone.is_eligible;
        answers.push(sign_in(&server, &mut phone).await);
        (phone.origin, phone.rp_id) = before;
        (phone.verifies, phone.is_eligible, phone.is_backed_up) = (true, true, true);
    }
    let handle = std::mem::replace(&mut phone.user_handle, of_bea.user_handle.clone());
    answers.push(sign_in(&server, &mut phone).await);
    phone.user_handle = handle;
    let mut options = asked(&server).await;
    options["challenge"] = json!("AAAAAAAAAAAAAAAAAAAAAA");
    answers.push(show(&server, &phone.get(&options)).await);
    options["challenge"] = super::asked_for_new(&server.person_with("dora", &[]).await).await["challenge"].clone();
    answers.push(show(&server, &phone.get(&options)).await);
    let options = asked(&server).await;
    let signed = phone.get(&options);
    show(&server, &signed).await.ok();
    answers.push(show(&server, &signed).await);
    answers.push(show(&server, &phone.get(&options)).await);
    let options = asked(&server).await;
    server.app.clock.turn(Duration::seconds(300));
    answers.push(show(&server, &phone.get(&options)).await);

    assert_eq!(answers[0].refusal(), (401, "passkey_refused"));
    for (place, answer) in answers.iter().enumerate() {
        assert_eq!(told(answer), told(&answers[0]), "{place}");
    }
    sign_in(&server, &mut phone).await.ok();
}

#[tokio::test]
async fn the_trail_says_why_somebody_was_refused() {
    let server = server().await;
    let (ada, mut phone) = with_passkey(&server, "ada").await;
    sign_in(&server, &mut Authenticator::at(HOME)).await;
    phone.verifies = false;
    sign_in(&server, &mut phone).await;
    let told: Vec<(Option<i32>, serde_json::Value)> =
        sqlx::query_as("select subject_id, after from auth.audit_events where action = 'login.failed' order by id")
            .fetch_all(server.app.db.pool())
            .await
            .expect("events");
    assert_eq!(told[0], (None, json!({"reason": "unknown passkey"})));
    assert_eq!((told[1].0, &told[1].1["reason"]), (Some(ada.id), &json!("user not verified")));
}

#[tokio::test]
async fn what_is_no_passkey_at_all_is_a_bad_request() {
    let server = server().await;
    for credential in [json!(null), json!("x"), json!({}), json!({"id": "AA", "type": "public-key"})] {
        assert_eq!(show(&server, &credential).await.refusal(), (400, "invalid_request_body"), "{credential}");
    }
}

#[tokio::test]
async fn a_passkey_that_counts_backwards_is_refused_and_its_owner_is_told() {
    let (server, mailbox) = with_mail_and(&SETTINGS).await;
    let ada = reachable(&server, "ada").await;
    let mut key = add(&ada, Authenticator::at(HOME).in_hardware(), "Key").await;
    sign_in(&server, &mut key).await.ok();
    sign_in(&server, &mut key).await.ok();
    let _ = arriving(&server, &mailbox).await;
    for counter in [1, 0] {
        key.counter = Some(counter);
        assert_eq!(sign_in(&server, &mut key).await.refusal(), (401, "passkey_refused"));
        let told = arriving(&server, &mailbox).await;
        assert!(told.len() == 1 && told[0].text.contains("“Key”") && told[0].text.contains("copied"), "{told:?}");
    }
    assert_eq!(server.number("select count(*) from auth.audit_events where action = 'passkey.copied'").await, 2);
    key.counter = Some(100);
    sign_in(&server, &mut key).await.ok();
}

#[tokio::test]
async fn a_passkey_that_does_not_count_is_good_again_and_again() {
    let server = server().await;
    let (_, mut phone) = with_passkey(&server, "ada").await;
    for _ in 0..3 {
        sign_in(&server, &mut phone).await.ok();
    }
}

#[tokio::test]
async fn whether_a_passkey_is_backed_up_may_change_and_whether_it_can_be_may_not() {
    let server = server().await;
    let ada = server.person_with("ada", &[]).await;
    let mut phone = add(&ada, Authenticator { is_backed_up: false, ..Authenticator::at(HOME) }, "Phone").await;
    let listed =
        async |caller: &Caller| caller.get("/auth/me/passkeys").await.ok().body["passkeys"][0]["backed_up"].clone();
    assert_eq!(listed(&ada).await, json!(false));
    phone.is_backed_up = true;
    let ada = signed_in(&server, &ada, &mut phone).await;
    assert_eq!(listed(&ada).await, json!(true));
    (phone.is_eligible, phone.is_backed_up) = (false, false);
    assert_eq!(sign_in(&server, &mut phone).await.refusal(), (401, "passkey_refused"));
}

#[tokio::test]
async fn of_fifty_at_once_with_one_answer_on_two_instances_one_gets_in() {
    let server = Server::configured(&[SETTINGS[0], ("LOGIN_FREE_FAILURES", "0")]).await;
    let settings = [SETTINGS[0], ("LOGIN_FREE_FAILURES", "0")];
    let other = server.another_instance_with(&settings).await;
    let (_, mut phone) = with_passkey(&server, "ada").await;
    let signed = phone.get(&asked(&server).await);
    let requests = (0..50).map(|n| {
        let caller = if n % 2 == 0 { server.anonymous() } else { other.anonymous() };
        let body = json!({ "credential": signed });
        async move { Caller::patiently(20, || caller.post("/auth/passkeys/login", body.clone())).await.status }
    });
    let answers = Caller::together(requests).await;
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1, "{answers:?}");
    assert!(answers.iter().all(|status| [200, 401].contains(status)), "{answers:?}");
}

#[tokio::test]
async fn failures_count_as_those_of_passwords_do() {
    let server = server().await;
    let (ada, mut phone) = with_passkey(&server, "ada").await;
    phone.verifies = false;
    for _ in 0..5 {
        assert_eq!(sign_in(&server, &mut phone).await.status, 401);
    }
    phone.verifies = true;
    let refused = sign_in(&server, &mut phone).await;
    assert_eq!(refused.refusal(), (429, "too_many_attempts"));
    assert_eq!(server.anonymous().log_in("ada", crate::support::PASSWORD).await.refusal(), (429, "too_many_attempts"));
    server.app.clock.turn(Duration::seconds(2));
    let answer = sign_in(&server, &mut phone).await.ok();
    assert_eq!(answer.body["payload"]["user_id"], ada.id);
}

#[tokio::test]
async fn a_login_with_a_passkey_can_be_refreshed_and_ends_when_its_owner_is_disabled() {
    let server = server().await;
    let (ada, mut phone) = with_passkey(&server, "ada").await;
    let signed = phone.get(&asked(&server).await);
    let body = json!({"credential": signed, "refresh": true});
    let answer = server.anonymous().post("/auth/passkeys/login", body).await.ok();
    let refreshed =
        server.anonymous().post("/auth/refresh", json!({"refresh_token": answer.refresh_token()})).await.ok();
    let amr = "select count(*) from auth.tokens_cache where amr = '{swk,user,mfa}'";
    assert_eq!(server.number(amr).await, 1, "a refreshed session goes on with what its login said");
    let root = server.administrator().await;
    root.post(&format!("/users/{}/disable", ada.id), json!({})).await.ok();
    assert_eq!(ada.with_token(refreshed.token()).check().await.status, 401);
    assert_eq!(sign_in(&server, &mut phone).await.refusal(), (401, "passkey_refused"));
    root.post(&format!("/users/{}/enable", ada.id), json!({})).await.ok();
    sign_in(&server, &mut phone).await.ok();
}

#[tokio::test]
async fn nothing_is_left_of_the_passkeys_of_who_is_removed() {
    let server = server().await;
    let (ada, _) = with_passkey(&server, "ada").await;
    let root = server.administrator().await;
    root.delete(&format!("/users/{}", ada.id)).await.ok();
    for table in ["passkeys", "passkey_users", "passkey_challenges"] {
        let left: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select count(*) from auth.{table}")))
            .fetch_one(server.app.db.pool())
            .await
            .expect("a number");
        assert_eq!(left, 0, "{table}");
    }
}

#[tokio::test]
async fn pages_of_related_origins_may_ask_and_browsers_are_told_which() {
    let settings = [SETTINGS[0], ("PASSKEY_ORIGINS", "https://shop.example, https://app.example:8443")];
    let server = Server::configured(&settings).await;
    let told = server.anonymous().get("/.well-known/webauthn").await.ok();
    assert_eq!(told.body, json!({"origins": [HOME, "https://shop.example", "https://app.example:8443"]}));
    let (_, mut phone) = with_passkey(&server, "ada").await;
    for (origin, status) in
        [("https://shop.example", 200), ("https://app.example:8443", 200), ("https://app.example", 401)]
    {
        phone.origin = origin.to_owned();
        assert_eq!(sign_in(&server, &mut phone).await.status, status, "{origin}");
    }
}

#[tokio::test]
async fn strangers_keep_a_bounded_number_of_challenges_and_those_that_are_over_go() {
    let server = server().await;
    for _ in 0..3 {
        asked(&server).await;
    }
    server.app.clock.turn(Duration::minutes(5));
    asked(&server).await;
    assert_eq!(server.number("select count(*) from auth.passkey_challenges").await, 1);
    server
        .execute(
            "insert into auth.passkey_challenges (challenge, purpose, state, asker, expires_at)
             select substring(sha256(n::text::bytea) for 16), 'login', '', asker, expires_at
             from auth.passkey_challenges, generate_series(1, 499) n",
        )
        .await;
    let refused = server.anonymous().post("/auth/passkeys/options", json!({})).await;
    assert_eq!(refused.refusal(), (429, "too_many_at_once"));
}
