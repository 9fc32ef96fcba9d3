//! What people log in with they change of themselves where their password is asked for, whatever else they may.

use serde_json::{Value, json};
use time::Duration;

use crate::support::{PASSWORD, PASSWORD_HASH, Server};

const REFUSED: (u16, &str) = (403, "reauthentication_required");
const NEW_PASSWORD: &str = "otra zanahoria 44";

#[tokio::test]
async fn a_stolen_session_of_somebody_who_may_write_people_makes_the_account_nobody_elses() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let writer = server.person_with("writer", &[(0, -1)]).await;
    let wrong = json!({"current_password": "guessed", "new_password": NEW_PASSWORD});
    assert_eq!(writer.post("/auth/change-password", wrong).await.refusal(), (400, "invalid_current_password"));
    for caller in [&writer, &root] {
        let path = format!("/users/{}", caller.id);
        for change in [
            json!({"password": NEW_PASSWORD}),
            json!({"password_hash": NEW_PASSWORD}),
            json!({"password_hash": PASSWORD_HASH.as_str()}),
            json!({"email": "thief@example.net"}),
            json!({"username": "mine"}),
            json!({"login": "mine"}),
            json!({"name": "Mine", "password": NEW_PASSWORD}),
        ] {
            for answer in [caller.put(&path, change.clone()).await, caller.patch(&path, change.clone()).await] {
                assert_eq!(answer.refusal(), REFUSED, "{change}");
                let detail = answer.body["detail"].as_str().expect("a detail");
                assert!(detail.contains("/auth/change-password") && detail.contains("/auth/me"), "{detail}");
            }
        }
        assert_eq!(server.anonymous().log_in(&caller.username, PASSWORD).await.status, 200, "the owner is in");
    }
    // What is theirs to change without a proof, and what is sent as it was.
    let as_it_is =
        json!({"username": "writer", "name": "Writer the First", "document_type": "DNI", "document_number": "1"});
    let shown = writer.patch(&format!("/users/{}", writer.id), as_it_is).await.ok();
    assert_eq!(shown.body["name"], "Writer the First");
    // Of others it is as it was.
    let ada = server.person_with("ada", &[]).await;
    let change = json!({"password": NEW_PASSWORD, "email": "ada@example.net", "username": "ada.q"});
    writer.put(&format!("/users/{}", ada.id), change).await.ok();
    assert_eq!(server.anonymous().log_in("ada.q", NEW_PASSWORD).await.status, 200);
}

#[tokio::test]
async fn long_after_the_login_a_new_username_takes_the_password_too() {
    let server = Server::on_a_fresh_database().await;
    let ada = server.person_with("ada", &[]).await;
    for _ in 0..8 {
        server.app.clock.turn(Duration::seconds(140));
        ada.check().await.ok();
    }
    let change = |password: Option<&str>| json!({"username": "ada.q", "current_password": password});
    for body in [json!({"username": "ada.q"}), json!({"login": "ada.q"})] {
        assert_eq!(ada.patch("/auth/me", body).await.refusal(), REFUSED);
    }
    assert_eq!(ada.patch("/auth/me", change(Some("guessed"))).await.refusal(), (400, "invalid_current_password"));
    ada.patch("/auth/me", json!({"name": "Ada Q."})).await.ok();
    assert_eq!(ada.get("/auth/me").await.body["username"], "ada");
    let changed = ada.patch("/auth/me", change(Some(PASSWORD))).await.ok();
    assert_eq!((&changed.body["username"], &changed.body["email"]), (&json!("ada.q"), &Value::Null));
}
