//! Secrets stay secret. Every answer and every log line of every test is searched for the passwords, tokens and hashes
//! of that test (`support::secrets`); here is where else they could be, and that the search would find them.

use axum::http::Method;
use serde_json::json;

use crate::support::{PASSWORD, Server};

#[tokio::test]
async fn the_search_would_find_a_secret() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    assert_eq!(server.secrets.shown_in("nothing of the kind"), None);
    for secret in [PASSWORD, root.token(), crate::support::PASSWORD_HASH.as_str(), "$2b$10$anything"] {
        assert!(server.secrets.shown_in(&format!("before {secret} after")).is_some());
    }
    server.anonymous().log_in("root", "a wrong password of many").await;
    let login = server.anonymous().log_in("root", PASSWORD).await;
    for secret in ["a wrong password of many", login.token()] {
        assert!(server.secrets.shown_in(secret).is_some(), "the search has learnt it from the request or the answer");
    }
    let (_, codes) = crate::factors::enrol(&server, &root).await;
    let waiting = server.anonymous().log_in("root", PASSWORD).await.ok();
    let mfa_token = waiting.body["mfa_token"].as_str().expect("a token");
    let begun = root.post("/auth/reauthenticate", json!({"method": "recovery_code", "code": codes[0]})).await;
    assert_eq!(begun.status, 200, "{begun:?}");
    let begun = root.post("/auth/me/factors", json!({"type": "totp", "name": "Tablet"})).await.ok();
    let secret = begun.body["secret"].as_str().expect("a secret");
    let key = root.post("/auth/me/keys", json!({"name": "CI", "scopes": ["portero:users:read"]})).await.ok();
    let key = key.body["key"].as_str().expect("a key");
    for secret in [codes[1].as_str(), &codes[1].replace('-', ""), mfa_token, secret, key] {
        assert!(server.secrets.shown_in(&format!("before {secret} after")).is_some(), "it has learnt {secret}");
    }
    assert!(server.log.text().contains("sqlx::query"), "statements are in what is searched");
    assert!(server.log.lines("portero::access").len() >= 2, "requests are, too");
}

#[tokio::test]
async fn no_table_has_a_token_or_a_password() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    adm1.post("/users", crate::users::ada()).await.ok();
    let login = server.anonymous().log_in("ada", "a passphrase of hers").await;
    adm1.put("/users/7", json!({"password": "another passphrase"})).await.ok();
    let key = adm1.post_once("/services/4/keys", "a-key-to-ask-twice", json!({"name": "till"})).await.ok();
    let key = key.body["key"].as_str().expect("a key").to_owned();
    let spelled = hex::encode(&key);
    let tables: Vec<String> = sqlx::query_scalar(
        "select format('select coalesce(string_agg(t::text, e''\\n''), '''') from %I.%I t', schemaname, tablename)
         from pg_tables where schemaname not in ('pg_catalog', 'information_schema')",
    )
    .fetch_all(server.app.db.pool())
    .await
    .expect("tables");
    assert!(tables.len() >= 9, "{tables:?}");
    for table in tables {
        let rows: String =
            sqlx::query_scalar(sqlx::AssertSqlSafe(table.clone())).fetch_one(server.app.db.pool()).await.expect("rows");
        let token = login.token();
        for secret in [token, &token[4..68], "a passphrase of hers", "another passphrase", adm1.token()] {
            assert!(!rows.contains(secret), "{table}");
        }
        for secret in [&key, &key[4..68], &spelled, "a-key-to-ask-twice", &hex::encode("a-key-to-ask-twice")] {
            assert!(!rows.contains(secret), "{table}");
        }
    }
}

#[tokio::test]
async fn two_people_with_one_password_have_two_hashes() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for (username, document) in [("ada", "1"), ("eva", "2")] {
        let mut body = crate::users::with(crate::users::ada(), "username", username);
        body["document_number"] = document.into();
        root.post("/users", body).await.ok();
    }
    let hashes = "select count(distinct password_hash) from auth.person where username in ('ada', 'eva')";
    assert_eq!(server.number(hashes).await, 2);
}

#[tokio::test]
async fn nothing_that_prints_itself_prints_a_secret() {
    let server = Server::configured(&[("TOKEN_SECRET", "a-secret-of-the-servers-own")]).await;
    let root = server.administrator().await;
    server.secrets.add("a-secret-of-the-servers-own");
    let token = server.app.new_token(server.app.clock.now()).expect("a token");
    server.secrets.add(token.reveal());
    let hash = portero::base::opaque::token::TokenHash::of(root.token()).expect("a token");
    let session = portero::gate::check::check(&server.app, hash, None).await.expect("a valid token");
    let printed = format!("{:?} {token:?} {:?} {session:?}", server.app, token.hash());
    assert_eq!(server.secrets.shown_in(&printed), None);
    assert!(!printed.contains(&hex::encode(token.hash().as_bytes())));
}

#[tokio::test]
async fn tokens_differ_by_all_that_makes_them() {
    let server = Server::on_a_fresh_database().await;
    let now = server.app.clock.now();
    let tokens: std::collections::BTreeSet<String> =
        (0..200).map(|_| server.app.new_token(now).expect("a token").reveal().to_owned()).collect();
    assert_eq!(tokens.len(), 200, "made in the same microsecond by the same server");
}

#[tokio::test]
async fn a_fault_of_ours_shows_nothing_of_its_cause() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    server.execute("alter table auth.role rename to role_lost").await;
    let anonymous = server.anonymous().with_token(root.token());
    let answer = anonymous.unchecked(Method::GET, "/roles").await;
    assert_eq!(answer.refusal(), (500, "internal_error"));
    for leak in ["role_lost", "relation", "select", "sqlx", "auth."] {
        assert!(!answer.text.contains(leak), "{leak} in {answer:?}");
    }
    let id = answer.header("x-request-id");
    assert!(id.len() == 32 && answer.text.contains(id));
    assert_eq!(server.log.lines("internal error").len(), 1, "the log has the cause, once");
    assert!(server.log.lines("internal error")[0].contains("auth.role"), "{:?}", server.log.lines("internal error"));
}
