//! Addresses: given by an administrator, or proved by whoever they belong to.

use serde_json::{Value, json};
use time::Duration;

use crate::reset::{arriving, reachable, with_mail};
use crate::support::{Caller, Mailbox, Response, Server};
use crate::users::{ada, with};

/// Begins to prove that an address is somebody's, as their profile does.
async fn claim(server: &Server, person: &Caller, email: &str) {
    let mut tx = server.app.db.begin().await.expect("a transaction");
    let (id, email) = (portero::base::id::PersonId(person.id), email.parse().expect("an address"));
    let asker = portero::identity::mail::GivenBy { person: Some(id), address: None };
    let begun = portero::identity::accounts::begin_verification(&mut tx, &server.app, id, &email, asker, None);
    begun.await.expect("a mail to be sent");
    tx.commit().await.expect("a commit");
}

async fn token_for(server: &Server, mailbox: &Mailbox, person: &Caller, email: &str) -> String {
    claim(server, person, email).await;
    let mails = arriving(server, mailbox).await;
    assert_eq!((mails.len(), mails[0].to[0].as_str()), (1, email));
    mails[0].token()
}

async fn verify(server: &Server, token: &str) -> Response {
    server.anonymous().post("/auth/verify-email", json!({ "token": token })).await
}

async fn email_of(server: &Server, person: &Caller) -> Value {
    let row: (Option<String>, bool) =
        sqlx::query_as("select email, email_verified_at is not null from auth.person where id = $1")
            .bind(person.id)
            .fetch_one(server.app.db.pool())
            .await
            .expect("a person");
    json!([row.0, row.1])
}

#[tokio::test]
async fn an_address_is_ones_own_once_its_mail_was_read() {
    let (server, mailbox) = with_mail().await;
    let ada = reachable(&server, "ada").await;
    let token = token_for(&server, &mailbox, &ada, "new@example.com").await;
    assert_eq!(email_of(&server, &ada).await, json!(["ada@example.com", true]), "until then nothing changes");
    assert_eq!(verify(&server, &token).await.body, json!({"status": "success"}));
    assert_eq!(email_of(&server, &ada).await, json!(["new@example.com", true]));
    let told = arriving(&server, &mailbox).await;
    assert_eq!((told.len(), told[0].to[0].as_str()), (1, "ada@example.com"), "the old address hears of it");
    assert_eq!(verify(&server, &token).await.refusal(), (400, "invalid_verification_token"), "once");
    assert_eq!(ada.check().await.status, 200, "sessions go on");
}

#[tokio::test]
async fn a_proof_is_over_after_a_day_and_a_newer_address_takes_its_place() {
    let (server, mailbox) = with_mail().await;
    let ada = server.person_with("ada", &[]).await;
    let first = token_for(&server, &mailbox, &ada, "first@example.com").await;
    let second = token_for(&server, &mailbox, &ada, "second@example.com").await;
    assert_eq!(verify(&server, &first).await.refusal(), (400, "invalid_verification_token"));
    server.app.clock.turn(Duration::hours(24));
    assert_eq!(verify(&server, &second).await.refusal(), (400, "invalid_verification_token"));
    let third = token_for(&server, &mailbox, &ada, "second@example.com").await;
    server.app.clock.turn(Duration::hours(24) - Duration::seconds(1));
    assert_eq!(verify(&server, &third).await.status, 200);
}

#[tokio::test]
async fn a_proof_ends_with_the_password_and_with_the_person() {
    let (server, mailbox) = with_mail().await;
    let root = server.administrator().await;
    for name in ["password", "disabled", "removed"] {
        let person = server.person_with(name, &[]).await;
        let token = token_for(&server, &mailbox, &person, &format!("{name}@example.com")).await;
        let path = format!("/users/{}", person.id);
        match name {
            "password" => drop(root.put(&path, json!({"password": "otra cosa distinta"})).await.ok()),
            "removed" => drop(root.delete(&path).await.ok()),
            _ => server.execute("update auth.person set disabled_at = now() where username = 'disabled'").await,
        }
        assert_eq!(verify(&server, &token).await.refusal(), (400, "invalid_verification_token"), "{name}");
    }
}

#[tokio::test]
async fn a_proof_sets_no_password_and_is_nobody_elses() {
    let (server, mailbox) = with_mail().await;
    let (ada, eva) = (server.person_with("ada", &[]).await, server.person_with("eva", &[]).await);
    let token = token_for(&server, &mailbox, &ada, "ada@example.com").await;
    let body = json!({"token": token, "password": "zanahorias con limón"});
    let reset = server.anonymous().post("/auth/reset-password", body).await;
    assert_eq!(reset.refusal(), (400, "invalid_reset_token"));
    eva.post("/auth/verify-email", json!({ "token": token })).await.ok();
    assert_eq!(email_of(&server, &eva).await, json!([null, false]), "whoever brings it, it is Ada's");
    assert_eq!(email_of(&server, &ada).await, json!(["ada@example.com", true]));
}

#[tokio::test]
async fn of_two_who_claim_one_address_the_first_to_prove_it_gets_it() {
    let (server, mailbox) = with_mail().await;
    let (ada, eva) = (server.person_with("ada", &[]).await, server.person_with("eva", &[]).await);
    let first = token_for(&server, &mailbox, &ada, "shared@example.com").await;
    server.app.clock.turn(Duration::minutes(1));
    let second = token_for(&server, &mailbox, &eva, "SHARED@example.com").await;
    let uses = [first, second].map(|token| {
        let anonymous = server.anonymous();
        async move { anonymous.post("/auth/verify-email", json!({ "token": token })).await }
    });
    let mut answers: Vec<u16> = Caller::together(uses).await.iter().map(|answer| answer.status).collect();
    answers.sort_unstable();
    assert_eq!(answers, [200, 409]);
    assert_eq!(server.number("select count(*) from auth.person where email is not null").await, 1);
}

#[tokio::test]
async fn of_fifty_proofs_at_once_one_counts() {
    let (server, mailbox) = with_mail().await;
    let ada = server.person_with("ada", &[]).await;
    let token = token_for(&server, &mailbox, &ada, "ada@example.com").await;
    let uses = (0..50).map(|_| {
        let (anonymous, token) = (server.anonymous(), token.clone());
        async move { anonymous.post("/auth/verify-email", json!({ "token": token })).await }
    });
    let wins = Caller::together(uses).await.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(wins, 1);
}

#[tokio::test]
async fn who_is_logged_in_gets_the_mail_again() {
    let (server, mailbox) = with_mail().await;
    let ada = server.person_with("ada", &[]).await;
    let again = || async { ada.post("/auth/send-verification", json!({})).await.ok().body["status"].clone() };
    assert_eq!(again().await, "nothing_to_verify");
    let first = token_for(&server, &mailbox, &ada, "ada@example.com").await;
    assert_eq!(again().await, "verification_sent");
    assert_eq!(arriving(&server, &mailbox).await.len(), 0, "one a minute");
    server.app.clock.turn(Duration::seconds(61));
    assert_eq!(ada.check().await.status, 200);
    assert_eq!(again().await, "verification_sent");
    let second = arriving(&server, &mailbox).await[0].token();
    assert_eq!(verify(&server, &first).await.refusal(), (400, "invalid_verification_token"));
    assert_eq!(verify(&server, &second).await.status, 200);
    assert_eq!(again().await, "nothing_to_verify");
}

#[tokio::test]
async fn an_address_that_an_administrator_gave_can_be_proved_later() {
    let (server, mailbox) = with_mail().await;
    let root = server.administrator().await;
    let id = root.post("/users", with(ada(), "email", "ada@example.com")).await.ok().id();
    let ada = server.session_of(i32::try_from(id).expect("an id")).await;
    assert_eq!(email_of(&server, &ada).await, json!(["ada@example.com", false]));
    ada.post("/auth/send-verification", json!({})).await.ok();
    let token = arriving(&server, &mailbox).await[0].token();
    verify(&server, &token).await.ok();
    assert_eq!(email_of(&server, &ada).await, json!(["ada@example.com", true]));
    assert_eq!(arriving(&server, &mailbox).await.len(), 0, "it is the same address: nobody is told");
}

#[tokio::test]
async fn a_reset_proves_the_address_too() {
    let (server, mailbox) = with_mail().await;
    let root = server.administrator().await;
    let id = root.post("/users", with(ada(), "email", "ada@example.com")).await.ok().id();
    let ada = server.session_of(i32::try_from(id).expect("an id")).await;
    server.anonymous().post("/auth/forgot-password", json!({"username": "ada"})).await.ok();
    let token = arriving(&server, &mailbox).await[0].token();
    let body = json!({"token": token, "password": "zanahorias con limón"});
    server.anonymous().post("/auth/reset-password", body).await.ok();
    assert_eq!(email_of(&server, &ada).await, json!(["ada@example.com", true]));
}

#[tokio::test]
async fn an_address_belongs_to_one_person() {
    let (server, mailbox) = with_mail().await;
    let root = server.administrator().await;
    let eva = reachable(&server, "eva").await;
    let taken = root.post("/users", with(ada(), "email", "EVA@example.com")).await;
    assert_eq!(taken.refusal(), (409, "email_taken"));
    let id = root.post("/users", with(ada(), "email", " ada@example.com ")).await.ok().id();
    let path = format!("/users/{id}");
    assert_eq!(root.put(&path, json!({"email": "eva@example.com"})).await.refusal(), (409, "email_taken"));
    assert_eq!(arriving(&server, &mailbox).await.len(), 0, "for what was rolled back no mail is sent");
    root.put(&path, json!({"email": "ADA@example.com"})).await.ok();
    assert_eq!(arriving(&server, &mailbox).await.len(), 0, "the same address");
    root.put(&path, json!({"email": "quispe@example.com"})).await.ok();
    let told = arriving(&server, &mailbox).await;
    assert_eq!((told.len(), told[0].to[0].as_str()), (1, "ADA@example.com"));
    root.delete(&format!("/users/{}", eva.id)).await.ok();
    root.put(&path, json!({"email": "eva@example.com"})).await.ok();
    for bad in ["", "ada", "ada@", "a@b\r\nBcc: x@example.com", "Ada <ada@example.com>"] {
        assert_eq!(root.put(&path, json!({ "email": bad })).await.refusal(), (400, "invalid_request_body"), "{bad}");
    }
}

#[tokio::test]
async fn where_no_mail_can_be_sent_nothing_can_be_proved() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let id = root.post("/users", with(ada(), "email", "ada@example.com")).await.ok().id();
    let ada = server.session_of(i32::try_from(id).expect("an id")).await;
    assert_eq!(ada.post("/auth/send-verification", json!({})).await.refusal(), (409, "mail_not_configured"));
}
