//! Hashes that other systems made: imported as they are, verified, replaced by ours at the first login.

use serde_json::{Value, json};

use crate::support::Server;

/// Somebody to register with a hash.
pub fn imported(username: &str, hash: &str) -> Value {
    json!({
        "username": username, "password_hash": hash, "name": username,
        "person_type": "N", "document_type": "CE", "document_number": username,
    })
}

/// Made by Python's hashlib, bcrypt and argon2-cffi (passlib's way of writing in its row) for `correct horse`.
const FOREIGN: [(&str, &str); 6] = [
    ("bcrypt", "$2b$05$aF/oTg.FTEtM9xG13ZQFReST97E0AKK89hOMKy3b98NP1dCZKWOHS"),
    ("bcrypt-php", "$2y$05$aF/oTg.FTEtM9xG13ZQFReST97E0AKK89hOMKy3b98NP1dCZKWOHS"),
    ("scrypt", "$scrypt$ln=10,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$6g3umF+uVrJsObaTZhIbbTlgrvOEFcCItdwSjtPF67M"),
    ("pbkdf2", "$pbkdf2-sha256$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$cBg8D2DungRB9k76szThf5ehfyBz991ay6PT8Srwk4M"),
    (
        "passlib",
        "$pbkdf2-sha512$1000$MDEyMzQ1Njc4OWFiY2RlZg$OM0FAoIqCVK1sWtxDiffVlBejtLa.ks4TP71JiecwuSZCG8iLbnlIEPOMoVX.i2B2wkSxjQ8CRGR9OkNGuIPMQ",
    ),
    ("argon2", "$argon2id$v=19$m=1024,t=1,p=2$E5oFHqF40pujFnzPYv7RzQ$TWybKZIAHGFJH9hgnFTlHf3zYg1OVrxp+CIPxD/m+Ds"),
];

#[tokio::test]
async fn an_imported_hash_lets_its_owner_in_and_is_replaced() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for (name, hash) in FOREIGN {
        root.post("/users", imported(name, hash)).await.ok();
        assert_eq!(server.anonymous().log_in(name, "correct horsf").await.status, 401, "{name}");
        assert_eq!(stored(&server, name).await, hash, "a wrong password replaces nothing");
        assert_eq!(server.anonymous().log_in(name, "correct horse").await.status, 200, "{name}");
        let replaced = stored(&server, name).await;
        assert!(replaced.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{name}");
        assert_eq!(server.anonymous().log_in(name, "correct horse").await.status, 200, "{name} again");
        assert_eq!(stored(&server, name).await, replaced, "once is enough");
    }
}

async fn stored(server: &Server, username: &str) -> String {
    sqlx::query_scalar("select password_hash from auth.person where username = $1 and removed_at is null")
        .bind(username)
        .fetch_one(server.app.db.pool())
        .await
        .expect("a hash")
}

#[tokio::test]
async fn a_hash_is_imported_over_an_old_password_too() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let ada = server.person_with("ada", &[]).await;
    root.put(&format!("/users/{}", ada.id), json!({"password_hash": FOREIGN[0].1})).await.ok();
    assert_eq!(ada.check().await.refusal(), (401, "invalid_token"));
    assert_eq!(server.anonymous().log_in("ada", "correct horse").await.status, 200);
}

#[tokio::test]
async fn a_hash_is_no_password() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    root.post("/users", imported("ada", FOREIGN[0].1)).await.ok();
    assert_eq!(server.anonymous().log_in("ada", FOREIGN[0].1).await.refusal(), (401, "invalid_credentials"));
    let hash = stored(&server, "root").await;
    assert_eq!(server.anonymous().log_in("root", &hash).await.refusal(), (401, "invalid_credentials"));
}

#[tokio::test]
async fn in_the_field_password_a_hash_is_taken_for_a_password() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let ada = server.person_with("ada", &[]).await;
    root.put(&format!("/users/{}", ada.id), json!({"password": FOREIGN[0].1})).await.ok();
    assert_eq!(server.anonymous().log_in("ada", "correct horse").await.status, 401);
    assert_eq!(server.anonymous().log_in("ada", FOREIGN[0].1).await.status, 200);
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
    for odd in ["", "\0", "🦜", &"9".repeat(30_000)] {
        assert_eq!(judged(odd, odd).await["acceptable"], false);
    }
}
