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
