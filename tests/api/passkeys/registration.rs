use serde_json::{Value, json};
use time::Duration;

use super::{HOME, SETTINGS, add, asked_for_new, server, show, sign_in, signed_in, with_passkey};
use crate::reset::{arriving, reachable, with_mail_and};
use crate::support::{Authenticator, Caller, PASSWORD, Server};

#[tokio::test]
async fn who_adds_a_passkey_signs_in_with_it_without_a_username() {
    let server = server().await;
    let ada = server.person_with("ada", &[]).await;
    let options = asked_for_new(&ada).await;
    assert_eq!(options["rp"]["id"], "id.example.com");
    assert_eq!((&options["user"]["name"], &options["user"]["displayName"]), (&json!("ada"), &json!("ada by name")));
    assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
    assert_eq!((&options["attestation"], &options["excludeCredentials"]), (&json!("none"), &json!([])));

    assert_eq!(options["extensions"]["enforceCredentialProtectionPolicy"], false, "not all authenticators know it");

    let mut phone = Authenticator::at(HOME);
    let made = phone.create(&options);
    let added = ada.post("/auth/me/passkeys", json!({"name": "Phone", "credential": made})).await;
    assert_eq!((added.status, &added.body["name"]), (201, &json!("Phone")), "{added:?}");
    assert_eq!((&added.body["backup_eligible"], &added.body["last_used_at"]), (&json!(true), &Value::Null));

    let answer = sign_in(&server, &mut phone).await.ok();
    assert_eq!(answer.body["payload"]["username"], "ada");
    let in_again = ada.with_token(answer.token());
    let listed = in_again.get("/auth/me/passkeys").await.ok().body;
    assert!(listed["passkeys"][0]["last_used_at"].is_string(), "{listed}");
    let accepted = &listed["signals"]["signalAllAcceptedCredentials"];
    assert_eq!((&accepted["rpId"], &accepted["userId"]), (&json!("id.example.com"), &json!(phone.user_handle)));
    assert_eq!(accepted["allAcceptedCredentialIds"], json!([listed["passkeys"][0]["credential_id"]]));
    assert_eq!(listed["signals"]["signalCurrentUserDetails"]["name"], "ada");
}

#[tokio::test]
async fn a_session_says_by_what_kind_of_passkey_it_began() {
    let server = server().await;
    let (_, mut synced) = with_passkey(&server, "ada").await;
    let bea = server.person_with("bea", &[]).await;
    let mut key = add(&bea, Authenticator::at(HOME).in_hardware(), "Key").await;
    for (authenticator, kind) in [(&mut synced, "swk"), (&mut key, "hwk")] {
        sign_in(&server, authenticator).await.ok();
        let amr: Vec<String> =
            sqlx::query_scalar("select amr from auth.tokens_cache order by created_at desc, ctid desc limit 1")
                .fetch_one(server.app.db.pool())
                .await
                .expect("a session");
        assert_eq!(amr, [kind, "user", "mfa"]);
    }
}

#[tokio::test]
async fn the_first_second_factor_comes_with_recovery_codes_and_no_other_does() {
    let server = server().await;
    let ada = server.person_with("ada", &[]).await;
    let add = async |caller: &Caller, mut authenticator: Authenticator| {
        let made = authenticator.create(&asked_for_new(caller).await);
        let added = caller.post("/auth/me/passkeys", json!({"credential": made})).await.ok();
        (added.body["recovery_codes"].clone(), authenticator)
    };
    let (codes, mut phone) = add(&ada, Authenticator::at(HOME)).await;
    let codes = codes.as_array().expect("codes").clone();
    assert_eq!(codes.len(), 10);
    let in_again = signed_in(&server, &ada, &mut phone).await;
    assert_eq!(in_again.get("/auth/me/recovery-codes").await.ok().body["remaining"], 10);
    let (none, _) = add(&in_again, Authenticator::at(HOME)).await;
    assert_eq!(none, Value::Null, "she has some");
    let events = "select count(*) from auth.audit_events where action = 'recovery-codes.created'";
    assert_eq!(server.number(events).await, 1);

    let login = server.anonymous().log_in("ada", PASSWORD).await.ok();
    assert_eq!(login.body["methods"], json!(["passkey", "recovery_code"]));
    let step = json!({"mfa_token": login.body["mfa_token"], "method": "recovery_code", "code": codes[0]});
    let entered = server.anonymous().post("/auth/mfa", step).await.ok();
    assert_eq!(entered.body["recovery_codes_left"], 9);

    // An authenticator after a passkey brings none either.
    let (id, authenticator) = crate::factors::begin(&in_again).await;
    let codes = json!({"codes": authenticator.two(&server)});
    let confirmed = in_again.post(&format!("/auth/me/factors/{id}/confirm"), codes).await.ok();
    assert_eq!(confirmed.body.get("recovery_codes"), None);
}

/// What makes an authenticator answer wrongly.
type Spoils<'a> = &'a dyn Fn(&mut Authenticator);

#[tokio::test]
async fn what_was_not_asked_for_so_is_not_added() {
    let server = server().await;
    let ada = server.person_with("ada", &[]).await;
    let bea = server.person_with("bea", &[]).await;
    let refused = async |make: &dyn Fn(&mut Authenticator), options: &Value| {
        let mut authenticator = Authenticator::at(HOME);
        make(&mut authenticator);
        let made = authenticator.create(options);
        ada.post("/auth/me/passkeys", json!({"credential": made})).await
    };
    let wrong: [(Spoils<'_>, &str); 4] = [
        (&|at| at.origin = "https://evil.example".to_owned(), "another origin"),
        (&|at| at.rp_id = "example.com".to_owned(), "another relying party"),
        (&|at| at.verifies = false, "did not verify the user"),
        (&|at| at.origin = "http://id.example.com".to_owned(), "another origin"),
    ];
    for (make, why) in wrong {
        let answer = refused(make, &asked_for_new(&ada).await).await;
        assert_eq!(answer.refusal(), (400, "invalid_passkey"));
        assert!(answer.detail().contains(why), "{}", answer.detail());
    }
    let mut made_up = asked_for_new(&ada).await;
    made_up["challenge"] = json!("AAAAAAAAAAAAAAAAAAAAAA");
    assert_eq!(refused(&|_| {}, &made_up).await.refusal(), (400, "invalid_passkey"));
    let of_bea = asked_for_new(&bea).await;
    assert_eq!(refused(&|_| {}, &of_bea).await.refusal(), (400, "invalid_passkey"), "hers alone");
    let for_login = super::asked(&server).await;
    let mut for_login = json!({"challenge": for_login["challenge"], "user": {"id": of_bea["user"]["id"]}});
    assert_eq!(refused(&|_| {}, &for_login).await.refusal(), (400, "invalid_passkey"), "for another purpose");
    for_login["challenge"] = json!("");
    for body in [json!({}), json!({"credential": {}}), json!({"credential": {"id": 1}})] {
        assert_eq!(ada.post("/auth/me/passkeys", body).await.refusal(), (400, "invalid_request_body"));
    }
    assert_eq!(ada.get("/auth/me/passkeys").await.ok().body["passkeys"], json!([]));
}

#[tokio::test]
async fn a_challenge_is_answered_once_and_within_five_minutes() {
    let server = server().await;
    let ada = server.person_with("ada", &[]).await;
    let options = asked_for_new(&ada).await;
    let wrong = Authenticator { verifies: false, ..Authenticator::at(HOME) }.create(&options);
    ada.post("/auth/me/passkeys", json!({"credential": wrong})).await;
    let right = Authenticator::at(HOME).create(&options);
    let again = ada.post("/auth/me/passkeys", json!({"credential": right})).await;
    assert_eq!(again.refusal(), (400, "invalid_passkey"), "spent by what was wrong");

    let options = asked_for_new(&ada).await;
    for seconds in [200, 101] {
        server.app.clock.turn(Duration::seconds(seconds));
        ada.check().await.ok();
    }
    let late = Authenticator::at(HOME).create(&options);
    assert_eq!(ada.post("/auth/me/passkeys", json!({"credential": late})).await.refusal(), (400, "invalid_passkey"));
}

#[tokio::test]
async fn a_passkey_is_registered_once_and_its_authenticator_is_not_asked_for_another() {
    let server = server().await;
    let (ada, mut phone) = with_passkey(&server, "ada").await;
    let ada = signed_in(&server, &ada, &mut phone).await;
    let options = asked_for_new(&ada).await;
    let id = crate::support::base64url(&phone.credential_id);
    assert_eq!(options["excludeCredentials"][0]["id"], id);
    assert_eq!(options["user"]["id"], phone.user_handle, "one handle for all passkeys of a person");
    let made = phone.create(&options);
    let again = ada.post("/auth/me/passkeys", json!({"credential": made})).await;
    assert_eq!(again.refusal(), (409, "passkey_exists"));
    let bea = server.person_with("bea", &[]).await;
    let made = phone.create(&asked_for_new(&bea).await);
    assert_eq!(bea.post("/auth/me/passkeys", json!({"credential": made})).await.refusal(), (409, "passkey_exists"));
}

#[tokio::test]
async fn it_takes_a_login_of_lately_and_by_a_passkey_once_there_is_one() {
    let server = server().await;
    let ada = server.person_with("ada", &[]).await;
    let options = asked_for_new(&ada).await;
    server.app.clock.turn(Duration::minutes(4));
    let mut phone = Authenticator::at(HOME);
    let made = phone.create(&options);
    ada.post("/auth/me/passkeys", json!({"credential": made})).await.ok();
    let ask = |caller: crate::support::Caller| async move { caller.post("/auth/me/passkeys/options", json!({})).await };
    assert_eq!(
        ask(ada.clone()).await.refusal(),
        (403, "reauthentication_required"),
        "a password alone is too little now"
    );
    let fresh = signed_in(&server, &ada, &mut phone).await;
    ask(fresh.clone()).await.ok();
    let id = fresh.get("/auth/me/passkeys").await.ok().body["passkeys"][0]["id"].clone();
    for _ in 0..4 {
        server.app.clock.turn(Duration::minutes(4));
        fresh.check().await.ok();
    }
    assert_eq!(ask(fresh.clone()).await.refusal(), (403, "reauthentication_required"));
    let removed = fresh.delete(&format!("/auth/me/passkeys/{id}")).await;
    assert_eq!(removed.refusal(), (403, "reauthentication_required"));
}

#[tokio::test]
async fn passkeys_are_named_renamed_removed_and_told_of() {
    let (server, mailbox) = with_mail_and(&SETTINGS).await;
    let ada = reachable(&server, "ada").await;
    let mut phone = add(&ada, Authenticator::at(HOME), "Phone").await;
    let told = arriving(&server, &mailbox).await;
    assert!(told.len() == 1 && told[0].text.contains("“Phone” was added"), "{told:?}");
    let ada = signed_in(&server, &ada, &mut phone).await;
    let mut key = add(&ada, Authenticator::at(HOME).in_hardware(), "Key").await;
    let listed = ada.get("/auth/me/passkeys").await.ok().body;
    let id = |n: usize| listed["passkeys"][n]["id"].as_i64().expect("an id");
    let renamed = ada.patch(&format!("/auth/me/passkeys/{}", id(0)), json!({"name": "Old phone"})).await.ok();
    assert_eq!(renamed.body["name"], "Old phone");
    let bea = server.person_with("bea", &[]).await;
    for path in [format!("/auth/me/passkeys/{}", id(0)), "/auth/me/passkeys/999999".to_owned()] {
        assert_eq!(bea.patch(&path, json!({"name": "Mine"})).await.refusal(), (404, "passkey_not_found"));
        assert_eq!(bea.delete(&path).await.refusal(), (404, "passkey_not_found"));
    }
    let _ = arriving(&server, &mailbox).await;
    let left = ada.delete(&format!("/auth/me/passkeys/{}", id(0))).await.ok().body;
    assert_eq!(left["passkeys"][0]["name"], "Key");
    let accepted = &left["signals"]["signalAllAcceptedCredentials"]["allAcceptedCredentialIds"];
    assert_eq!(*accepted, json!([crate::support::base64url(&key.credential_id)]));
    let told = arriving(&server, &mailbox).await;
    assert!(told.len() == 1 && told[0].text.contains("“Old phone” was removed"), "{told:?}");
    assert_eq!(sign_in(&server, &mut phone).await.refusal(), (401, "passkey_refused"), "it opens nothing any more");
    sign_in(&server, &mut key).await.ok();
    let actions: Vec<String> = sqlx::query_scalar(
        "select action from auth.audit_events where action like 'passkey.%' and subject_id = $1 order by id",
    )
    .bind(ada.id)
    .fetch_all(server.app.db.pool())
    .await
    .expect("events");
    assert_eq!(actions, ["passkey.added", "passkey.added", "passkey.changed", "passkey.removed"]);
}

#[tokio::test]
async fn nobody_has_more_than_twenty_or_asks_for_many_at_once() {
    let server = server().await;
    let (ada, mut phone) = with_passkey(&server, "ada").await;
    server
        .execute(
            "insert into auth.passkeys (person_id, name, credential_id, verifier, is_backup_eligible, is_backed_up)
             select person_id, 'n', sha256(n::text::bytea), verifier, true, true from auth.passkeys, generate_series(1, 18) n",
        )
        .await;
    let ada = signed_in(&server, &ada, &mut phone).await;
    add(&ada, Authenticator::at(HOME), "The last").await;
    let answer = ada.post("/auth/me/passkeys/options", json!({})).await;
    assert_eq!(answer.refusal(), (409, "too_many_passkeys"));

    let bea = server.person_with("bea", &[]).await;
    for _ in 0..20 {
        asked_for_new(&bea).await;
    }
    let answer = bea.post("/auth/me/passkeys/options", json!({})).await;
    assert_eq!(answer.refusal(), (429, "too_many_at_once"));
    assert!(!answer.header("retry-after").is_empty());
    server.app.clock.turn(Duration::minutes(5));
    bea.check().await;
    let bea = server.session_of(bea.id).await;
    asked_for_new(&bea).await;
}

#[tokio::test]
async fn where_portero_has_no_name_there_are_no_passkeys() {
    let server = Server::configured(&[("PUBLIC_URL", "http://127.0.0.1:7878")]).await;
    let ada = server.person_with("ada", &[]).await;
    let anybody = server.anonymous();
    let mut answers = vec![ada.post("/auth/me/passkeys/options", json!({})).await];
    answers.push(anybody.post("/auth/passkeys/options", json!({})).await);
    answers.push(show(&server, &json!({})).await);
    for answer in answers {
        assert_eq!(answer.refusal(), (409, "passkeys_unavailable"));
    }
    assert_eq!(anybody.get("/.well-known/webauthn").await.refusal(), (404, "passkeys_unavailable"));
    assert_eq!(ada.get("/auth/me/passkeys").await.ok().body, json!({"passkeys": [], "signals": null}));
}
