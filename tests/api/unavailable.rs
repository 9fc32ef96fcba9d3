//! When Portero can't answer it says so, soon, and lets nobody in.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::document::Operation;
use crate::support::{CONNECTIONS, Caller, PASSWORD, Server, document};

#[tokio::test]
async fn without_postgres_nothing_is_valid_and_everybody_hears_so_soon() {
    let server = Server::without_postgres(&[("REGISTRATION", "open"), ("PUBLIC_URL", crate::passkeys::HOME)]).await;
    let token = server.app.new_token(server.app.clock.now()).expect("a token");
    let refresh_token = server.app.new_refresh_token(server.app.clock.now()).expect("a token");
    let caller = server.anonymous().with_token(token.reveal());
    // Without a way for mail, nobody's forgotten password is written down.
    let without = [
        "home",
        "healthz",
        "openapi",
        "password_strength",
        "forgot_password",
        "openid_configuration",
        "oauth_authorization_server",
        "authzen_configuration",
        "related_origins",
        // A form, of a provider that is to be found first.
        "backchannel_logout",
    ];
    // These say it in words of their own.
    let others = ["pages", "oauth", "tokens"];
    let is_page = |operation: &&Operation| others.iter().any(|tag| operation.json["tags"][0] == *tag);
    let programs = || document::operations().iter().filter(|operation| !is_page(operation));
    let operations = || programs().filter(|operation| !without.contains(&operation.id()));
    let proof = server.app.new_mail_token(server.app.clock.now()).expect("a token");
    let waiting: portero::base::opaque::second_step::MfaToken =
        server.app.generate(server.app.clock.now()).expect("a token");
    let mut authenticator = crate::support::Authenticator::at(crate::passkeys::HOME);
    let credential = authenticator.get(&json!({"challenge": "AAAAAAAAAAAAAAAAAAAAAA"}));
    let begun = Instant::now();
    let answers = operations().map(|operation| {
        let caller = caller.clone();
        let body = match operation.id() {
            "login" => json!({"username": "juan", "password": "juan-hash"}).to_string(),
            "finish_login" => json!({"mfa_token": waiting.reveal(), "method": "totp", "code": "123456"}).to_string(),
            "enrol_at_login" => json!({"mfa_token": waiting.reveal(), "name": "Mine"}).to_string(),
            "reset_password" => json!({"token": proof.reveal(), "password": PASSWORD}).to_string(),
            "verify_email" => json!({"token": proof.reveal()}).to_string(),
            "register" => json!({"username": "ada", "password": PASSWORD}).to_string(),
            "refresh" => json!({"refresh_token": refresh_token.reveal()}).to_string(),
            "ask_for_passkey_at_login" => json!({"mfa_token": waiting.reveal()}).to_string(),
            "log_in_with_passkey" => json!({ "credential": credential }).to_string(),
            _ => String::new(),
        };
        async move { caller.send(operation.method.clone(), &operation.example_path(), &body).await }
    });
    for (answer, operation) in Caller::together(answers).await.iter().zip(operations()) {
        assert_eq!(answer.refusal(), (503, "unavailable"), "{operation}");
        assert_eq!(answer.header("retry-after"), "1");
        assert!(!answer.text.contains("127.0.0.1"), "{answer:?}");
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "soon is 1.5 s; a busy machine gets more");
    assert_eq!(caller.get("/healthz").await.status, 200, "alive, though not ready");
    assert_eq!(server.anonymous().get("/users").await.status, 401, "strangers need no Postgres to be turned away");
}

#[tokio::test]
async fn when_every_connection_is_taken_one_is_told_to_come_back() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let mut taken = Vec::new();
    for _ in 0..CONNECTIONS {
        taken.push(server.app.db.pool().acquire().await.expect("a connection"));
    }
    let questions = (0..3).map(|_| {
        let root = root.clone();
        async move { root.get("/users").await }
    });
    for answer in Caller::together(questions).await {
        assert_eq!(answer.refusal(), (503, "unavailable"));
    }
    assert_eq!(root.check().await.status, 200, "checks have connections of their own");
    drop(taken);
    assert_eq!(root.get("/users").await.status, 200);
}

#[tokio::test]
async fn while_postgres_hangs_questions_are_refused_soon() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "16")]).await;
    let root = server.administrator().await;
    let mut hanging = server.app.db.begin().await.expect("a transaction");
    sqlx::query("lock table auth.tokens_cache in access exclusive mode").execute(&mut *hanging).await.expect("a lock");
    let questions =
        ["/check-token", "/auth/profile", "/users", "/people/1/services/0", "/services/0/roles"].map(|path| {
            let root = root.clone();
            let method = if path == "/check-token" { "POST" } else { "GET" }.parse().expect("a method");
            async move { root.send(method, path, "").await }
        });
    let begun = Instant::now();
    for answer in Caller::together(questions).await {
        assert_eq!(answer.refusal(), (503, "unavailable"));
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "soon is 2 s; a busy machine gets more");
    assert_eq!(server.anonymous().get("/healthz").await.status, 200, "others are unharmed");
    hanging.rollback().await.expect("a rollback");
    assert_eq!(root.check().await.status, 200);
}

#[tokio::test]
async fn connections_that_postgres_cut_are_replaced() {
    let server = Server::on_a_fresh_database().await;
    let elsewhere = server.another_instance().await;
    let root = server.administrator().await;
    elsewhere
        .execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
        .await;
    let mut statuses = Vec::new();
    for _ in 0..=CONNECTIONS {
        statuses.push(root.check().await.status);
    }
    assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
    assert_eq!(statuses.last(), Some(&200), "{statuses:?}");
}

#[tokio::test]
async fn a_storm_of_logins_is_turned_away_and_checks_go_on() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let storm = (0..60).map(|n| {
        let root = root.clone();
        async move { if n % 10 == 9 { root.check().await } else { root.log_in("root", PASSWORD).await } }
    });
    let answers = Caller::together(storm).await;
    let (checks, logins): (Vec<_>, Vec<_>) = answers.iter().enumerate().partition(|(n, _)| n % 10 == 9);
    assert!(checks.iter().all(|(_, check)| check.status == 200), "{checks:?}");
    let full = logins.iter().filter(|(_, login)| login.refusal() == (429, "too_many_at_once")).count();
    assert!(
        full > 0 && logins.iter().all(|(_, login)| [200, 429].contains(&login.status)),
        "{full} of {}",
        logins.len()
    );
    assert_eq!(server.anonymous().log_in("root", PASSWORD).await.status, 200, "and then all is well again");
}

#[tokio::test]
async fn a_password_that_cannot_be_hashed_now_changes_nothing() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let person = server.person_with("ada", &[]).await.id;
    let storm = (0..50).map(|n| {
        let root = root.clone();
        let body = json!({"password": format!("a new passphrase {n}"), "name": format!("Ada {n}")});
        async move { root.put(&format!("/users/{person}"), body).await }
    });
    let answers = Caller::together(storm).await;
    assert!(answers.iter().any(|answer| answer.status == 429));
    assert!(answers.iter().all(|answer| [200, 429].contains(&answer.status)));
    let name = root.get(&format!("/users/{person}")).await.body["name"].clone();
    let n: usize = name.as_str().and_then(|name| name.strip_prefix("Ada ")?.parse().ok()).expect("one of the names");
    assert_eq!(answers[n].status, 200, "a refused change left no trace");
    let login = server.anonymous().log_in("ada", &format!("a new passphrase {n}")).await;
    assert_eq!(login.status, 200, "name and password are of the same change");
}
