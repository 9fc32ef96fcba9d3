//! Forgotten passwords: who gets a mail, what its token opens, and when it opens nothing any more.

use axum::http::Method;
use serde_json::{Value, json};
use time::Duration;

use crate::support::{Caller, Mail, Mailbox, PASSWORD, Response, Server};

const NEW: &str = "zanahorias con limón";

/// A server that sends mail, and where that arrives.
pub async fn with_mail() -> (Server, Mailbox) {
    with_mail_and(&[]).await
}

/// Likewise, with settings of the test's own.
pub async fn with_mail_and(settings: &[(&str, &str)]) -> (Server, Mailbox) {
    let mailbox = Mailbox::open().await;
    let always = [("SMTP_URL", mailbox.url.as_str()), ("MAIL_FROM", "Portero <portero@example.com>")];
    let settings: Vec<_> = always.into_iter().chain(settings.iter().copied()).collect();
    (Server::configured(&settings).await, mailbox)
}

/// Somebody with a verified address `<username>@example.com`.
pub async fn reachable(server: &Server, username: &str) -> Caller {
    let person = server.person_with(username, &[]).await;
    sqlx::query("update auth.person set email = $2, email_verified_at = now() where id = $1")
        .bind(person.id)
        .bind(format!("{username}@example.com"))
        .execute(server.app.db.pool())
        .await
        .expect("an address");
    person
}

/// What arrives when all that is due is sent.
pub async fn arriving(server: &Server, mailbox: &Mailbox) -> Vec<Mail> {
    while portero::identity::mail::deliver::deliver_what_is_due(&server.app).await.expect("Postgres answers") > 0 {}
    mailbox.take(&server.secrets)
}

async fn forgot(server: &Server, who: Value) -> Response {
    server.anonymous().post("/auth/forgot-password", who).await
}

async fn reset(server: &Server, token: &str, password: &str) -> Response {
    server.anonymous().post("/auth/reset-password", json!({ "token": token, "password": password })).await
}

/// Asks for a new password and reads the mail.
async fn token_of(server: &Server, mailbox: &Mailbox, username: &str) -> String {
    forgot(server, json!({ "username": username })).await.ok();
    let mails = arriving(server, mailbox).await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    mails[0].token()
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_and_every_session_ends() {
    let (server, mailbox) = with_mail().await;
    let ada = reachable(&server, "ada").await;
    let answer = forgot(&server, json!({"email": "ADA@example.com"})).await;
    assert_eq!((answer.status, &answer.body), (202, &json!({"status": "accepted"})));
    let mails = arriving(&server, &mailbox).await;
    assert_eq!((mails.len(), &mails[0].to), (1, &vec!["ada@example.com".to_owned()]));
    assert_eq!(server.number("select count(*) from auth.mails").await, 0, "what is sent is not kept");

    assert_eq!(ada.check().await.status, 200, "asking changes nothing");
    assert_eq!(reset(&server, &mails[0].token(), NEW).await.body, json!({"status": "success"}));
    assert_eq!(ada.check().await.refusal(), (401, "invalid_token"));
    assert_eq!(server.anonymous().log_in("ada", PASSWORD).await.status, 401);
    assert_eq!(server.anonymous().log_in("ada", NEW).await.status, 200);
    let told = arriving(&server, &mailbox).await;
    assert_eq!(told.len(), 1);
    assert!(told[0].subject.contains("was changed") && !told[0].text.contains("pmt_"), "{told:?}");
}

#[tokio::test]
async fn who_asked_from_where_and_who_reset_is_told() {
    let (server, mailbox) = with_mail().await;
    let root = server.administrator().await;
    let ada = reachable(&server, "ada").await;
    forgot(&server, json!({"username": "stranger"})).await.ok();
    let asked = forgot(&server, json!({"username": "ada"})).await;
    mailbox.refuse(Some("451 later"));
    arriving(&server, &mailbox).await;
    mailbox.refuse(None);
    server.app.clock.turn(Duration::minutes(1));
    let token = arriving(&server, &mailbox).await[0].token();
    reset(&server, &token, NEW).await.ok();
    let events = server.session_of(root.id).await.get("/audit-events?action=password.*").await.ok();
    assert_eq!(events.column("action"), ["password.changed", "password.reset-sent"], "once, whatever the tries");
    let (changed, sent) = (&events.body[0], &events.body[1]);
    assert_eq!((&sent["actor"]["type"], &changed["actor"]["type"]), (&json!("anonymous"), &json!("person")));
    assert_eq!(sent["request_id"], asked.header("x-request-id"));
    assert_eq!((&sent["address"], &sent["subject"]["id"]), (&json!("127.0.0.1"), &json!(ada.id)));
    assert_eq!((&changed["after"], &changed["actor"]["id"]), (&json!({"by": "reset"}), &json!(ada.id)));
}

#[tokio::test]
async fn whoever_is_asked_for_the_answer_is_the_same_and_only_people_with_an_address_get_mail() {
    let (server, mailbox) = with_mail().await;
    let root = server.administrator().await;
    for name in ["disabled", "removed", "unreachable"] {
        reachable(&server, name).await;
    }
    server
        .execute("update auth.person set email = null, email_verified_at = null where username = 'unreachable'")
        .await;
    server.execute("update auth.person set disabled_at = now() where username = 'disabled'").await;
    let removed = server.number("select id::bigint from auth.person where username = 'removed'").await;
    root.delete(&format!("/users/{removed}")).await.ok();
    reachable(&server, "ada").await;
    let mut answers = Vec::new();
    for who in [
        json!({"email": "ada@example.com"}),
        json!({"username": "ada"}),
        json!({"login": "ada"}),
        json!({"email": "stranger@example.com"}),
        json!({"username": "stranger"}),
        json!({"email": "disabled@example.com"}),
        json!({"username": "disabled"}),
        json!({"username": "removed"}),
        json!({"email": "removed@example.com"}),
        json!({"username": "unreachable"}),
        json!({"username": "' or true --"}),
        json!({"username": "ada@example.com"}),
        json!({"email": "%@example.com"}),
    ] {
        let answer = forgot(&server, who).await;
        assert_eq!(answer.status, 202);
        answers.push((answer.text, answer.headers.keys().cloned().collect::<Vec<_>>()));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:#?}");
    let mails = arriving(&server, &mailbox).await;
    let to: Vec<_> = mails.iter().map(|mail| mail.to[0].as_str()).collect();
    assert_eq!(to, ["ada@example.com"], "asked three times within a minute, and one mail");
    assert_eq!(server.number("select count(*) from auth.mails").await, 0);
    assert_eq!(server.number("select count(*) from auth.mail_tokens").await, 1);
}

#[tokio::test]
async fn without_mail_the_answer_is_the_same_and_nothing_is_kept() {
    let server = Server::on_a_fresh_database().await;
    reachable(&server, "ada").await;
    for who in [json!({"username": "ada"}), json!({"username": "stranger"})] {
        let answer = forgot(&server, who).await;
        assert_eq!((answer.status, answer.body), (202, json!({"status": "accepted"})));
    }
    assert_eq!(server.number("select count(*) from auth.mails").await, 0);
}

#[tokio::test]
async fn one_of_the_two_names_is_needed() {
    let (server, _) = with_mail().await;
    for who in [
        json!({}),
        json!({"email": "ada@example.com", "username": "ada"}),
        json!({"email": "ada"}),
        json!({"email": "ada@example.com\r\nBcc: eva@example.com"}),
        json!({"email": format!("{}@example.com", "a".repeat(300))}),
        json!({"username": ""}),
        json!({"username": 7}),
        json!({"email": ["ada@example.com"]}),
        json!({"username": "ada", "admin": true}),
    ] {
        assert_eq!(forgot(&server, who.clone()).await.refusal(), (400, "invalid_request_body"), "{who}");
    }
    assert_eq!(server.number("select count(*) from auth.mails").await, 0);
}

#[tokio::test]
async fn a_token_works_once() {
    let (server, mailbox) = with_mail().await;
    reachable(&server, "ada").await;
    let token = token_of(&server, &mailbox, "ada").await;
    reset(&server, &token, NEW).await.ok();
    assert_eq!(reset(&server, &token, "otra cosa distinta").await.refusal(), (400, "invalid_reset_token"));
    assert_eq!(server.anonymous().log_in("ada", NEW).await.status, 200);
}

#[tokio::test]
async fn of_fifty_uses_at_once_one_wins() {
    let (server, mailbox) = with_mail_and(&[("MAX_CONNECTIONS", "16"), ("PASSWORD_HASH_THREADS", "2")]).await;
    reachable(&server, "ada").await;
    let token = token_of(&server, &mailbox, "ada").await;
    let uses = (0..50).map(|n| {
        let (anonymous, token) = (server.anonymous(), token.clone());
        let password = format!("zanahorias con limón {n}");
        async move { anonymous.post("/auth/reset-password", json!({ "token": token, "password": password })).await }
    });
    let answers = Caller::together(uses).await;
    let wins: Vec<usize> = (0..50).filter(|n| answers[*n].status == 200).collect();
    assert_eq!(wins.len(), 1, "{wins:?}");
    assert!(answers.iter().all(|answer| [200, 400, 429].contains(&answer.status)), "{answers:?}");
    let winner = format!("zanahorias con limón {}", wins[0]);
    assert_eq!(server.anonymous().log_in("ada", &winner).await.status, 200, "and the winner's password stands");
}

#[tokio::test]
async fn a_token_is_over_ten_minutes_after_it_was_sent_whether_or_not_anybody_clears_up() {
    let (server, mailbox) = with_mail().await;
    reachable(&server, "ada").await;
    forgot(&server, json!({"username": "ada"})).await.ok();
    server.app.clock.turn(Duration::hours(3));
    let token = arriving(&server, &mailbox).await[0].token();
    server.app.clock.turn(Duration::minutes(10) - Duration::SECOND);
    assert_eq!(reset(&server, &token, "short").await.refusal(), (400, "invalid_request_body"), "it is good still");
    server.app.clock.turn(Duration::seconds(2));
    assert_eq!(server.number("select count(*) from auth.mail_tokens where token_hash is not null").await, 1);
    assert_eq!(reset(&server, &token, NEW).await.refusal(), (400, "invalid_reset_token"));
    assert_eq!(server.anonymous().log_in("ada", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_mail_server_that_is_away_for_hours_costs_nobody_their_token() {
    let (server, mailbox) = with_mail().await;
    reachable(&server, "ada").await;
    mailbox.refuse(Some("451 later"));
    forgot(&server, json!({"username": "ada"})).await.ok();
    for minutes in [1, 5, 15, 60, 180] {
        assert_eq!(arriving(&server, &mailbox).await.len(), 0);
        server.app.clock.turn(Duration::minutes(minutes));
    }
    mailbox.refuse(None);
    let token = arriving(&server, &mailbox).await[0].token();
    assert_eq!(reset(&server, &token, NEW).await.status, 200);
}

#[tokio::test]
async fn a_newer_token_ends_the_one_before() {
    let (server, mailbox) = with_mail().await;
    reachable(&server, "ada").await;
    let first = token_of(&server, &mailbox, "ada").await;
    forgot(&server, json!({"username": "ada"})).await.ok();
    assert_eq!(arriving(&server, &mailbox).await.len(), 0, "not within a minute");
    server.app.clock.turn(Duration::seconds(61));
    let second = token_of(&server, &mailbox, "ada").await;
    assert_eq!(reset(&server, &first, NEW).await.refusal(), (400, "invalid_reset_token"));
    assert_eq!(reset(&server, &second, NEW).await.status, 200);
}

#[tokio::test]
async fn a_token_ends_with_the_password_the_address_and_the_person_it_was_for() {
    let (server, mailbox) = with_mail().await;
    let root = server.administrator().await;
    for (name, change) in [
        ("password", json!({"password": "otra cosa distinta"})),
        ("address", json!({"email": "elsewhere@example.com"})),
        ("disabled", json!(null)),
        ("removed", json!(null)),
        ("upgraded", json!(null)),
    ] {
        let person = reachable(&server, name).await;
        let token = token_of(&server, &mailbox, name).await;
        let path = format!("/users/{}", person.id);
        match name {
            "disabled" => {
                server.execute("update auth.person set disabled_at = now() where username = 'disabled'").await;
            }
            "upgraded" => {
                server
                    .execute("update auth.person set password_hash = 'another' || id where username = 'upgraded'")
                    .await;
            }
            "removed" => drop(root.delete(&path).await.ok()),
            _ => drop(root.put(&path, change).await.ok()),
        }
        mailbox.take(&server.secrets);
        assert_eq!(reset(&server, &token, NEW).await.refusal(), (400, "invalid_reset_token"), "{name}");
        server.execute("update auth.person set disabled_at = null where username = 'disabled'").await;
        assert_eq!(reset(&server, &token, NEW).await.refusal(), (400, "invalid_reset_token"), "{name}, for good");
        arriving(&server, &mailbox).await;
    }
}

#[tokio::test]
async fn a_token_opens_nothing_of_anybody_else_and_nothing_else() {
    let (server, mailbox) = with_mail().await;
    let (ada, eva) = (reachable(&server, "ada").await, reachable(&server, "eva").await);
    let token = token_of(&server, &mailbox, "ada").await;
    let anonymous = server.anonymous();
    let proof = anonymous.post("/auth/verify-email", json!({ "token": token })).await;
    assert_eq!(proof.refusal(), (400, "invalid_verification_token"));
    assert_eq!(anonymous.with_token(&token).check().await.refusal(), (401, "invalid_token"));
    for wrong in [ada.token(), eva.token(), "", "pmt_", &token[..75], &format!("{token} "), &token.to_uppercase()] {
        assert_eq!(reset(&server, wrong, NEW).await.refusal(), (400, "invalid_reset_token"), "{wrong}");
    }
    let made_up = server.app.new_mail_token(server.app.clock.now()).expect("a token");
    assert_eq!(reset(&server, made_up.reveal(), NEW).await.refusal(), (400, "invalid_reset_token"));
    let body = json!({"token": token, "password": NEW, "user_id": eva.id, "email": "eva@example.com"});
    assert_eq!(anonymous.post("/auth/reset-password", body).await.refusal(), (400, "invalid_request_body"));
    reset(&server, &token, NEW).await.ok();
    assert_eq!(eva.check().await.status, 200);
    assert_eq!(anonymous.log_in("eva", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_password_that_is_refused_does_not_use_the_token_up() {
    let (server, mailbox) = with_mail().await;
    reachable(&server, "ada").await;
    let token = token_of(&server, &mailbox, "ada").await;
    for (weak, why) in [("short", "too short"), ("password1", "easily guessed"), ("ada@example.com", "the address")] {
        let refused = reset(&server, &token, weak).await;
        assert_eq!(refused.refusal(), (400, "invalid_request_body"));
        assert!(refused.body["detail"].as_str().is_some_and(|detail| detail.contains(why)), "{refused:?}");
    }
    assert_eq!(reset(&server, &token, NEW).await.status, 200);
}

#[tokio::test]
async fn nothing_at_rest_opens_anything() {
    let (server, mailbox) = with_mail().await;
    reachable(&server, "ada").await;
    mailbox.refuse(Some("451 {mail}"));
    forgot(&server, json!({"username": "ada"})).await.ok();
    assert_eq!(arriving(&server, &mailbox).await.len(), 0);
    let kept: String = sqlx::query_scalar(
        "select string_agg(m::text, '') || string_agg(t::text, '') from auth.mails m, auth.mail_tokens t",
    )
    .fetch_one(server.app.db.pool())
    .await
    .expect("rows");
    assert!(kept.contains("451") && kept.contains("pmt_*** "), "a server that quotes what it was sent: {kept}");
    mailbox.refuse(None);
    server.app.clock.turn(Duration::minutes(1));
    let token = arriving(&server, &mailbox).await[0].token();
    assert_eq!(reset(&server, &token, NEW).await.status, 200);
}

#[tokio::test]
async fn whoever_asks_never_waits_for_the_mail_server_or_looks_anybody_up() {
    let (server, _) = with_mail().await;
    reachable(&server, "ada").await;
    server.execute("alter table auth.mail_tokens rename to away").await;
    for who in ["ada", "stranger"] {
        assert_eq!(forgot(&server, json!({ "username": who })).await.status, 202, "{who}");
    }
    server.execute("alter table auth.person rename column email to address").await;
    for who in ["ada@example.com", "stranger@example.com"] {
        assert_eq!(forgot(&server, json!({ "email": who })).await.status, 202, "{who}");
    }
    assert_eq!(server.number("select count(*) from auth.mails where recipient is null").await, 4);
}

#[tokio::test]
async fn a_flood_of_requests_ends_at_a_bound_and_nobody_is_told() {
    let (server, _) = with_mail().await;
    server
        .execute(
            "insert into auth.mails (data, created_at, next_try_at, network)
             select '{\"kind\": \"password-reset\", \"username\": \"stranger\"}', now(), now(), 'net' || n
             from generate_series(1, 20000) n",
        )
        .await;
    for who in ["ada", "stranger"] {
        let answer = forgot(&server, json!({ "username": who })).await;
        assert_eq!((answer.status, answer.body), (202, json!({"status": "accepted"})));
    }
    assert_eq!(server.number("select count(*) from auth.mails").await, 20_000);
}

#[tokio::test]
async fn a_host_that_a_stranger_names_is_in_no_mail() {
    let link = "https://app.example.com/reset?token={token}";
    let (server, mailbox) = with_mail_and(&[("RESET_PASSWORD_URL", link)]).await;
    reachable(&server, "ada").await;
    let body = json!({"username": "ada"}).to_string();
    let anonymous = server.anonymous();
    let answer = anonymous.send_with(Method::POST, "/auth/forgot-password", &body, |request| {
        let request = request.header("host", "evil.example").header("x-forwarded-host", "evil.example");
        request.header("forwarded", "host=evil.example;proto=http").header("origin", "https://evil.example")
    });
    answer.await.ok();
    let mail = &arriving(&server, &mailbox).await[0];
    assert!(!mail.raw.contains("evil") && !mail.text.contains("evil") && !mail.html.contains("evil"), "{mail:?}");
    assert!(mail.text.contains(&format!("https://app.example.com/reset?token={}", mail.token())), "{}", mail.text);
    assert!(mail.html.contains(&format!("href=\"https://app.example.com/reset?token={}\"", mail.token())));
}
