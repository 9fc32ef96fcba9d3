//! Registering, seeing, changing and removing people.

use serde_json::{Value, json};

use crate::reset::{arriving, with_mail_and};
use crate::support::{Caller, PASSWORD, Server};

pub fn ada() -> Value {
    json!({
        "username": "ada", "password": "a passphrase of hers", "name": "Ada Quispe",
        "person_type": "N", "document_type": "DNI", "document_number": "45678912",
    })
}

/// `body` with one member changed.
pub fn with(mut body: Value, field: &str, value: impl Into<Value>) -> Value {
    body[field] = value.into();
    body
}

#[tokio::test]
async fn a_username_registers_once() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let made = root.post("/users", ada()).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.body, json!({"id": made.id(), "username": "ada", "name": "Ada Quispe"}));
    let second = root.post("/users", with(ada(), "document_number", "1")).await;
    assert_eq!(second.refusal(), (409, "user_exists"));
    let same_document = root.post("/users", with(ada(), "username", "ada2")).await;
    assert_eq!(same_document.refusal(), (409, "user_exists"));
    let other_kind = with(with(ada(), "username", "ada2"), "document_type", "CE");
    assert_eq!(root.post("/users", other_kind).await.status, 201, "the same number of another kind of document");
}

#[tokio::test]
async fn a_new_person_logs_in_with_a_password_under_either_name_of_the_field() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    root.post("/users", ada()).await.ok();
    let mut older = with(with(ada(), "username", "eva"), "document_number", "2");
    let password = older.as_object_mut().expect("an object").remove("password").expect("a password");
    root.post("/users", with(older, "password_hash", password)).await.ok();
    for username in ["ada", "eva"] {
        let login = server.anonymous().log_in(username, "a passphrase of hers").await;
        assert_eq!(login.status, 200, "{username}");
        assert_eq!(login.body["payload"]["username"], username);
    }
}

#[tokio::test]
async fn a_password_must_be_one_and_good_enough() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let mut without = ada();
    without.as_object_mut().expect("an object").remove("password");
    for body in [
        with(ada(), "password_hash", "another passphrase"),
        with(ada(), "password", "short"),
        with(ada(), "password", ""),
        with(ada(), "password", 12_345_678),
        with(ada(), "password", "x".repeat(257)),
        with(ada(), "password", "password123"),
        with(ada(), "password", "Quispe2024"),
        with(with(ada(), "email", "adita@zanahoria.example"), "password", "zanahoria1"),
        with(with(ada(), "username", "ada-quispe"), "password", "Ada-Quispe"),
        with(without.clone(), "password_hash", "short"),
        with(without.clone(), "password_hash", "$2y$31$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"),
        with(without, "password_hash", "$argon2id$nonsense"),
    ] {
        let answer = root.post("/users", body.clone()).await;
        assert_eq!(answer.refusal(), (400, "invalid_request_body"), "{body}");
        assert!(answer.body["detail"].as_str().is_some_and(|detail| detail.contains("password")), "{answer:?}");
    }
    assert_eq!(root.get("/users?q=ada").await.body, json!([]));
    assert_eq!(root.post("/users", with(ada(), "password", "🦜 canta ñ bajo".repeat(17))).await.status, 201);
}

#[tokio::test]
async fn all_that_is_wrong_with_a_person_is_named_at_once() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let refused = root.post("/users", json!({"person_type": "X", "document_number": ""})).await;
    assert_eq!(refused.refusal(), (400, "invalid_request_body"));
    for part in
        ["`person_type`: ", "`document_number`: must not be empty", "missing field `username`", "missing field `name`"]
    {
        assert!(refused.detail().contains(part), "{part} in {refused:?}");
    }
}

#[tokio::test]
async fn a_type_and_a_document_may_be_left_out() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let bare = json!({"username": "ada", "name": "Ada", "password": "a passphrase of hers"});
    root.post("/users", bare).await.ok();
    let nulls = json!({
        "username": "eva", "name": "Eva", "password": "a passphrase of hers",
        "person_type": null, "document_type": null, "document_number": null,
    });
    root.post("/users", nulls).await.ok();
    let long = "7".repeat(64);
    let typed = with(with(ada(), "username", "joy"), "document_number", long.as_str());
    root.post("/users", typed).await.ok();
    let kept = "select count(*) from auth.person where length(document_number) = 64";
    assert_eq!(server.number(kept).await, 1);
    root.patch("/users/2", json!({"document_type": "CE", "document_number": "8".repeat(64)})).await.ok();
    assert_eq!(root.patch("/users/2", json!({"document_number": "8".repeat(65)})).await.status, 400);
}

#[tokio::test]
async fn who_has_no_password_yet_is_nobody_who_can_log_in_and_chooses_one_by_mail() {
    let (server, mailbox) = with_mail_and(&[("LOGIN_FREE_FAILURES", "50")]).await;
    let root = server.administrator().await;
    let mut without = with(ada(), "email", "ada@example.com");
    without.as_object_mut().expect("an object").remove("password");
    let id = root.post("/users", without).await.id();
    let nobody = server.anonymous().log_in("nobody", "a passphrase of hers").await;
    for password in [
        "",
        "a passphrase of hers",
        "\0",
        "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        let refused = server.anonymous().log_in("ada", password).await;
        assert_eq!(refused.refusal(), (401, "invalid_credentials"), "{password:?}");
        assert_eq!(refused.detail(), nobody.detail());
    }
    let told = root.get(&format!("/audit-events?subject={id}&action=login.failed")).await.ok();
    assert_eq!(told.body[0]["after"]["reason"], "no password", "{told:?}");
    root.patch(&format!("/users/{id}"), json!({"name": "Ada Q."})).await.ok();
    assert_eq!(server.anonymous().log_in("ada", "").await.status, 401, "a change of something else gives none");

    server.anonymous().post("/auth/forgot-password", json!({"email": "ada@example.com"})).await.ok();
    let token = arriving(&server, &mailbox).await[0].token();
    let chosen = json!({"token": token, "password": "a passphrase of hers"});
    server.anonymous().post("/auth/reset-password", chosen).await.ok();
    server.anonymous().log_in("ada", "a passphrase of hers").await.ok();
}

#[tokio::test]
async fn whoever_lost_their_password_meanwhile_can_t_change_it_by_guessing() {
    let server = Server::on_a_fresh_database().await;
    server.administrator().await;
    let ada = server.person_with("ada", &[]).await;
    server.execute("update auth.person set password_hash = null where username = 'ada'").await;
    let change = json!({"current_password": crate::support::PASSWORD, "new_password": "another passphrase of hers"});
    assert_eq!(ada.post("/auth/change-password", change).await.refusal(), (400, "invalid_current_password"));
}

#[tokio::test]
async fn every_field_is_checked_and_named() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for (field, bad) in [
        ("username", json!("")),
        ("username", json!("12345")),
        ("username", json!("-7")),
        ("username", json!("person-7")),
        ("username", json!(" ada")),
        ("username", json!("a\nda")),
        ("username", json!("a\0da")),
        ("username", json!("x".repeat(101))),
        ("username", json!(null)),
        ("username", json!(7)),
        ("username", json!(["ada"])),
        ("name", json!("")),
        ("name", json!("x".repeat(201))),
        ("name", json!("Ada\u{7f}")),
        ("person_type", json!("X")),
        ("person_type", json!("n")),
        ("document_type", json!("PASSPORT")),
        ("document_number", json!("")),
        ("document_number", json!("1".repeat(65))),
        ("document_number", json!(45_678_912)),
        ("surprise", json!(true)),
        ("id", json!(1)),
    ] {
        let answer = root.post("/users", with(ada(), field, bad.clone())).await;
        assert_eq!(answer.refusal(), (400, "invalid_request_body"), "{field}: {bad}");
        assert!(answer.body["detail"].as_str().is_some_and(|detail| detail.contains(field)), "{field}: {answer:?}");
    }
    for field in ["username", "name", "document_type", "document_number"] {
        let mut body = ada();
        body.as_object_mut().expect("an object").remove(field);
        let answer = root.post("/users", body).await;
        assert_eq!(answer.refusal(), (400, "invalid_request_body"), "without {field}");
        assert!(answer.body["detail"].as_str().is_some_and(|detail| detail.contains(field)), "{field}: {answer:?}");
    }
    assert_eq!(root.get("/users").await.column("id"), [1], "none of them was registered");
}

#[tokio::test]
async fn people_are_listed_and_seen() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let list = adm1.get("/users").await;
    assert_eq!(list.column("id"), (1..=15).collect::<Vec<_>>());
    assert_eq!(list.body[6], json!({"id": 7, "username": "juan", "name": "Juan Demo"}));
    let juan = adm1.get("/users/7").await.body;
    for field in ["id", "username", "name"] {
        assert_eq!(juan[field], list.body[6][field]);
    }
    assert_eq!((&juan["document_type"], &juan["document_number"]), (&json!("DNI"), &json!("00000007")));
    assert_eq!((&juan["email"], &juan["disabled_at"]), (&Value::Null, &Value::Null));
    adm1.post("/users/7/disable", json!({})).await.ok();
    assert!(adm1.get("/users/7").await.body["disabled_at"].is_string());
    for (id, refusal) in [
        ("99", (404, "user_not_found")),
        ("0", (404, "user_not_found")),
        ("-1", (404, "user_not_found")),
        ("2147483648", (404, "user_not_found")),
        ("99999999999999999999", (404, "user_not_found")),
        ("juan", (400, "invalid_user_id")),
        ("7a", (400, "invalid_user_id")),
        ("1.5", (400, "invalid_user_id")),
        ("%00", (400, "invalid_user_id")),
        ("%20", (400, "invalid_user_id")),
        ("person-7", (400, "invalid_user_id")),
    ] {
        let path = format!("/users/{id}");
        assert_eq!(adm1.get(&path).await.refusal(), refusal, "GET {id}");
        assert_eq!(adm1.put(&path, json!({"name": "X"})).await.refusal(), refusal, "PUT {id}");
        assert_eq!(adm1.delete(&path).await.refusal(), refusal, "DELETE {id}");
    }
}

#[tokio::test]
async fn one_sees_oneself_and_nobody_else() {
    let server = Server::on_the_demo_data().await;
    let juan = server.demo("juan").await;
    assert_eq!(juan.get("/users/7").await.body["username"], "juan");
    for id in ["1", "99", "juan", "-7", "3000000000"] {
        assert_eq!(juan.get(&format!("/users/{id}")).await.refusal(), (403, "insufficient_permissions"), "{id}");
    }
    assert_eq!(juan.get("/users").await.status, 403);
    assert_eq!(juan.put("/users/7", json!({"name": "Admin"})).await.status, 403);
    assert_eq!(juan.delete("/users/7").await.status, 403);
}

#[tokio::test]
async fn a_change_changes_what_it_names_and_nothing_else() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    assert_eq!(adm1.put("/users/7", json!({"name": "Juan Q."})).await.body, json!({"status": "success"}));
    let juan = adm1.get("/users/7").await.body;
    assert_eq!(
        (&juan["username"], &juan["name"], &juan["person_type"]),
        (&json!("juan"), &json!("Juan Q."), &json!("N"))
    );
    let all = json!({"username": "juanq", "person_type": "J", "document_type": "RUC", "document_number": "20"});
    adm1.put("/users/7", all).await.ok();
    let row: (String, String, String, String) = sqlx::query_as(
        "select username, person_type::text, document_type::text, document_number from auth.person where id = 7",
    )
    .fetch_one(server.app.db.pool())
    .await
    .expect("juan");
    assert_eq!(row, ("juanq".into(), "J".into(), "RUC".into(), "20".into()));
    assert_eq!(server.anonymous().log_in("juanq", "juan-hash").await.status, 200, "the password stays");

    for nothing in [json!({}), json!({"name": null})] {
        assert_eq!(adm1.put("/users/7", nothing).await.refusal(), (400, "invalid_request_body"));
    }
    for taken in [json!({"username": "usr1"}), json!({"document_type": "DNI", "document_number": "00000002"})] {
        assert_eq!(adm1.put("/users/7", taken).await.refusal(), (409, "user_exists"));
    }
    assert_eq!(adm1.put("/users/7", json!({"username": "juanq"})).await.status, 200, "one's own is not taken");
}

#[tokio::test]
async fn half_a_document_is_no_document() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for half in [json!({"document_type": "DNI"}), json!({"document_number": "1"})] {
        assert_eq!(root.put("/users/1", half).await.refusal(), (400, "invalid_request_body"));
    }
    root.put("/users/1", json!({"document_type": "DNI", "document_number": "1"})).await.ok();
    root.put("/users/1", json!({"document_number": "2"})).await.ok();
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let here = server.person_with("ada", &[(0, 0)]).await;
    let there = server.session_of(here.id).await;
    let path = format!("/users/{}", here.id);

    let change = json!({"current_password": PASSWORD, "new_password": "a new passphrase"});
    here.post("/auth/change-password", change).await.ok();
    assert_eq!(here.check().await.status, 200, "the one that changed it goes on");
    assert_eq!(there.check().await.refusal(), (401, "invalid_token"));
    assert_eq!(server.anonymous().log_in("ada", PASSWORD).await.refusal(), (401, "invalid_credentials"));
    assert_eq!(server.anonymous().log_in("ada", "a new passphrase").await.status, 200);

    root.put(&path, json!({"password_hash": "yet another passphrase"})).await.ok();
    assert_eq!(here.check().await.refusal(), (401, "invalid_token"), "changed by somebody else, all end");
    assert_eq!(root.check().await.status, 200);
    let login = server.anonymous().log_in("ada", "yet another passphrase").await;
    let again = here.with_token(login.token());
    root.put(&path, json!({"name": "Ada Q."})).await.ok();
    assert_eq!(again.check().await.status, 200, "another change ends nothing");
    assert_eq!(root.put(&path, json!({"password": "ADA"})).await.status, 400);
    assert_eq!(root.put(&path, json!({"username": "adalovelace", "password": "AdaLovelace"})).await.status, 400);
}

#[tokio::test]
async fn who_is_removed_is_out_and_their_name_is_free() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let id = root.post("/users", ada()).await.id();
    let first = server.session_of(i32::try_from(id).expect("an id")).await;
    let second = server.session_of(i32::try_from(id).expect("an id")).await;
    let path = format!("/users/{id}");

    let removed = root.delete(&path).await;
    assert_eq!(removed.body, json!({"status": "user_deleted", "user_id": id, "revoked_tokens": 2}));
    for session in [first, second] {
        assert_eq!(session.check().await.refusal(), (401, "invalid_token"));
    }
    assert_eq!(server.anonymous().log_in("ada", "a passphrase of hers").await.refusal(), (401, "invalid_credentials"));
    assert_eq!(root.get(&path).await.refusal(), (404, "user_not_found"));
    assert_eq!(root.put(&path, json!({"name": "X"})).await.refusal(), (404, "user_not_found"));
    assert_eq!(root.delete(&path).await.refusal(), (404, "user_not_found"));
    assert_eq!(root.get("/users").await.column("id"), [1]);

    let next = root.post("/users", ada()).await;
    assert_eq!(next.status, 201, "username and document are free");
    assert!(next.id() > id, "the id is not");
}

#[tokio::test]
async fn of_twenty_registrations_of_one_name_one_is_made() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "16")]).await;
    let root = server.administrator().await;
    let hash = crate::support::PASSWORD_HASH.as_str();
    let requests = (0..20).map(|n| {
        let mut body = with(with(ada(), "document_number", n.to_string()), "password_hash", hash);
        body.as_object_mut().expect("an object").remove("password");
        let root = root.clone();
        async move { root.post("/users", body).await }
    });
    let mut statuses: Vec<u16> = Caller::together(requests).await.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses[0], 201);
    assert!(statuses[1..].iter().all(|status| *status == 409), "{statuses:?}");
    assert_eq!(root.get("/users?q=ada").await.column("username"), ["ada"]);
}
