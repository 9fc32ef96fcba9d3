//! Passwords: which are good enough, and what is a hash and no password.

use serde_json::{Value, json};

use crate::support::Server;

/// Somebody to register with a hash.
pub fn imported(username: &str, hash: &str) -> Value {
    json!({
        "username": username, "password_hash": hash, "name": username,
        "person_type": "N", "document_type": "CE", "document_number": username,
    })
}

const BCRYPT: &str = "$2b$05$aF/oTg.FTEtM9xG13ZQFReST97E0AKK89hOMKy3b98NP1dCZKWOHS";

#[tokio::test]
async fn a_hash_is_imported_over_an_old_password_too() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let ada = server.person_with("ada", &[]).await;
    root.put(&format!("/users/{}", ada.id), json!({"password_hash": BCRYPT})).await.ok();
    assert_eq!(ada.check().await.refusal(), (401, "invalid_token"));
    assert_eq!(server.anonymous().log_in("ada", "correct horse").await.status, 200);
}

#[tokio::test]
async fn a_hash_is_no_password() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    root.post("/users", imported("ada", BCRYPT)).await.ok();
    assert_eq!(server.anonymous().log_in("ada", BCRYPT).await.refusal(), (401, "invalid_credentials"));
    let hash = server.stored_hash("root").await;
    assert_eq!(server.anonymous().log_in("root", &hash).await.refusal(), (401, "invalid_credentials"));
}

#[tokio::test]
async fn in_the_field_password_a_hash_is_taken_for_a_password() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let ada = server.person_with("ada", &[]).await;
    root.put(&format!("/users/{}", ada.id), json!({"password": BCRYPT})).await.ok();
    assert_eq!(server.anonymous().log_in("ada", "correct horse").await.status, 401);
    assert_eq!(server.anonymous().log_in("ada", BCRYPT).await.status, 200);
}

#[tokio::test]
async fn a_password_that_is_easily_guessed_is_refused_with_the_reason_and_what_to_do() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let ada = server.person_with("ada", &[]).await;
    let refused = root.put(&format!("/users/{}", ada.id), json!({"password": "password123"})).await;
    assert_eq!(refused.refusal(), (400, "invalid_request_body"));
    let feedback = &refused.body["feedback"];
    assert_eq!(feedback["score"], 0, "{refused:?}");
    let (warning, advice) = (feedback["warning"].as_str(), feedback["suggestions"][0].as_str());
    let detail = refused.body["detail"].as_str().expect("a detail");
    assert!(detail.starts_with("`password`: too easily guessed."), "{detail}");
    assert!(detail.contains(warning.expect("a warning")) && detail.contains(advice.expect("advice")), "{detail}");
    assert_eq!(ada.check().await.status, 200, "nothing was changed");
}

#[tokio::test]
async fn anyone_may_ask_how_good_a_password_is() {
    let server = Server::on_a_fresh_database().await;
    let judged = async |password: &str, username: &str| {
        let body = json!({"password": password, "login": username, "name": "Joaquina Floripondia"});
        server.anonymous().post("/auth/password-strength", body).await.ok().body
    };
    let common = judged("qwerty123", "ada").await;
    assert_eq!((&common["acceptable"], &common["score"]), (&json!(false), &json!(0)), "{common}");
    assert!(common["suggestions"].as_array().is_some_and(|advice| !advice.is_empty()), "{common}");
    assert_eq!(judged("zanahorias con limón", "ada").await["acceptable"], true);
    let short = judged("x7Kq!w2", "ada").await;
    assert_eq!(
        (&short["acceptable"], &short["reason"]),
        (&json!(false), &json!("too short: 7 characters, at least 8 are needed"))
    );
    assert_eq!(judged("Joaquina Floripondia", "ada").await["acceptable"], false, "everybody knows the name");
    assert_eq!(judged("valderrama-77", "valderrama").await["acceptable"], false);
    for odd in ["", "\0", "🦜", &"9".repeat(3_000)] {
        assert_eq!(judged(odd, odd).await["acceptable"], false);
    }
}
