//! What people hear by mail of their own account without having asked for it.

use axum::http::Method;
use serde_json::json;

use crate::reset::{arriving, reachable, with_mail, with_mail_and};
use crate::support::{PASSWORD, Server};

async fn log_in_with(server: &Server, user_agent: &str, refresh: bool) {
    let body = json!({"username": "ada", "password": PASSWORD, "refresh": refresh}).to_string();
    let login = server.anonymous();
    let answer =
        login.send_with(Method::POST, "/auth/login", &body, |request| request.header("user-agent", user_agent)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn who_logs_in_with_a_new_device_hears_of_it_by_mail() {
    let (server, mailbox) = with_mail().await;
    reachable(&server, "ada").await;
    log_in_with(&server, "Firefox on her own laptop", false).await;
    log_in_with(&server, "Firefox on her own laptop", false).await;
    assert!(arriving(&server, &mailbox).await.iter().all(|mail| !mail.text.contains("laptop")), "it is known");
    for refresh in [false, true] {
        let agent = format!("curl, refresh {refresh}");
        log_in_with(&server, &agent, refresh).await;
        log_in_with(&server, &agent, refresh).await;
        let told = arriving(&server, &mailbox).await;
        assert_eq!(told.len(), 1, "once: {told:?}");
        assert_eq!(told[0].to, ["ada@example.com"]);
        assert!(told[0].text.contains(&agent) && told[0].text.contains("127.0.0.1"), "{}", told[0].text);
    }
}

#[tokio::test]
async fn a_new_username_is_told_by_mail() {
    let (server, mailbox) = with_mail().await;
    let root = server.administrator().await;
    let ada = reachable(&server, "ada").await;
    let path = format!("/users/{}", ada.id);
    root.put(&path, json!({"username": "ada", "name": "Ada Q."})).await.ok();
    assert_eq!(arriving(&server, &mailbox).await.len(), 0, "it is the one she had");
    root.put(&path, json!({"username": "ada-q"})).await.ok();
    ada.send(Method::PATCH, "/auth/me", &json!({"username": "ada-quispe"}).to_string()).await.ok();
    let told = arriving(&server, &mailbox).await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().any(|mail| mail.text.contains("ada-q")) && told[0].to == ["ada@example.com"]);
}

#[tokio::test]
async fn who_is_invited_by_mail_registers_with_what_it_says_once_and_needs_no_further_proof() {
    let (server, mailbox) = with_mail_and(&[("REGISTRATION", "invite")]).await;
    let root = server.administrator().await;
    let made = root.post("/invitations", json!({"email": "ada@example.com"})).await.ok();
    assert_eq!(made.body["email"], "ada@example.com");
    let mails = arriving(&server, &mailbox).await;
    assert_eq!((mails.len(), &mails[0].to), (1, &vec!["ada@example.com".to_owned()]));
    let token = mails[0].token();

    let register = async |username: &str, invitation: &str| {
        let body = json!({"username": username, "password": PASSWORD, "invitation": invitation});
        server.anonymous().post("/auth/register", body).await
    };
    server.person_with("eva", &[]).await;
    assert_eq!(register("eva", &token).await.refusal(), (409, "user_exists"), "which spends nothing");
    let ada = register("ada", &token).await.ok();
    let ada = server.anonymous().with_token(ada.token());
    let me = ada.get("/auth/me").await.ok();
    assert_eq!((&me.body["email"], &me.body["email_verified"]), (&json!("ada@example.com"), &json!(true)));
    for spent in [token.as_str(), made.body["invitation"].as_str().expect("an invitation")] {
        assert_eq!(register("ana", spent).await.refusal(), (403, "invalid_invitation"), "one person, by either way");
    }
}

#[tokio::test]
async fn an_invitation_that_is_revoked_opens_nothing_and_is_not_sent_any_more() {
    let (server, mailbox) = with_mail_and(&[("REGISTRATION", "invite")]).await;
    let root = server.administrator().await;
    let sent = root.post("/invitations", json!({"email": "ada@example.com"})).await.ok().id();
    let token = arriving(&server, &mailbox).await[0].token();
    let unsent = root.post("/invitations", json!({"email": "eva@example.com"})).await.ok().id();
    for id in [sent, unsent] {
        root.delete(&format!("/invitations/{id}")).await.ok();
    }
    assert_eq!(arriving(&server, &mailbox).await.len(), 0);
    let body = json!({"username": "ada", "password": PASSWORD, "invitation": token});
    assert_eq!(server.anonymous().post("/auth/register", body).await.refusal(), (403, "invalid_invitation"));
}

#[tokio::test]
async fn without_mail_nobody_is_invited_by_mail() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let answer = root.post("/invitations", json!({"email": "ada@example.com"})).await;
    assert_eq!(answer.refusal(), (409, "mail_not_configured"));
    assert_eq!(root.get("/invitations").await.ok().body, json!([]));
}
