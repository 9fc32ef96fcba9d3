//! Registering oneself, with an invitation or without.

use axum::http::Method;
use portero::base::opaque::invitation::InvitationHash;
use serde_json::{Value, json};
use time::Duration;

use crate::support::{Caller, Response, Server};

const PASSWORD: &str = "a passphrase of my own";

async fn open() -> Server {
    Server::configured(&[("REGISTRATION", "open")]).await
}

async fn by_invitation() -> Server {
    Server::configured(&[("REGISTRATION", "invite"), ("MAX_CONNECTIONS", "16"), ("PASSWORD_HASH_THREADS", "2")]).await
}

async fn register(server: &Server, username: &str, invitation: Option<&str>) -> Response {
    let mut body = json!({"username": username, "password": PASSWORD});
    if let Some(invitation) = invitation {
        body["invitation"] = json!(invitation);
    }
    server.anonymous().post("/auth/register", body).await
}

async fn invite(admin: &Caller, body: Value) -> String {
    let made = admin.post("/invitations", body).await.ok();
    made.body["invitation"].as_str().expect("an invitation").to_owned()
}

const REFUSED: (u16, &str) = (403, "invalid_invitation");

#[tokio::test]
async fn nobody_registers_where_it_is_not_open() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let invitation = invite(&root, json!({})).await;
    for invitation in [None, Some(invitation.as_str())] {
        assert_eq!(register(&server, "ada", invitation).await.refusal(), (403, "registration_closed"));
    }
    assert_eq!(register(&server, "root", None).await.refusal(), (403, "registration_closed"), "whoever is here");
    assert_eq!(server.number("select count(*) from auth.person").await, 1);
}

#[tokio::test]
async fn who_registers_is_logged_in_and_holds_nothing() {
    let server = open().await;
    let ada = register(&server, "ada", None).await;
    assert_eq!(ada.status, 201);
    let payload = json!({"user_id": ada.body["payload"]["user_id"], "username": "ada", "name": "ada"});
    assert_eq!(ada.body["payload"], payload);
    assert_eq!(ada.body.get("refresh_token"), None);
    let session = server.anonymous().with_token(ada.token());
    let me = session.get("/auth/me").await.ok();
    assert_eq!((&me.body["name"], &me.body["roles"]), (&json!("ada"), &json!([])));
    assert!(me.body["last_login_at"].is_string());
    assert_eq!(session.get("/users").await.refusal(), (403, "insufficient_permissions"));
    session.log_in("ada", PASSWORD).await.ok();

    let event: Value = sqlx::query_scalar("select to_jsonb(e) from auth.audit_events e where action = 'user.created'")
        .fetch_one(server.app.db.pool())
        .await
        .expect("an event");
    assert_eq!((&event["actor"], &event["after"]["by"]), (&json!("anonymous"), &json!("registration")));
    assert_eq!(event["subject_id"], payload["user_id"]);
    assert_eq!(server.number("select count(*) from auth.audit_events where action = 'session.created'").await, 2);
}

#[tokio::test]
async fn one_may_choose_a_name_and_ask_for_a_refresh_token() {
    let server = open().await;
    let anonymous = server.anonymous();
    for (n, field) in ["name", "display_name"].into_iter().enumerate() {
        let mut body = json!({"login": format!("ada{n}"), "password": PASSWORD, "refresh": true});
        body[field] = json!("Ada Quispe");
        let ada = anonymous.post("/auth/register", body).await.ok();
        assert_eq!(ada.body["payload"]["name"], "Ada Quispe");
        let refreshed = anonymous.post("/auth/refresh", json!({"refresh_token": ada.refresh_token()})).await;
        assert_eq!(refreshed.status, 200);
    }
}

#[tokio::test]
async fn what_can_not_be_registered_is_refused_with_the_field_at_fault() {
    let server = open().await;
    let anonymous = server.anonymous();
    let with = |field: &str, value: Value| {
        let mut body = json!({"username": "ada", "password": PASSWORD});
        body[field] = value;
        body
    };
    for (body, named) in [
        (json!({"password": PASSWORD}), "username"),
        (json!({"username": "ada"}), "password"),
        (with("username", json!("17")), "username"),
        (with("username", json!("person-1")), "username"),
        (with("login", json!("ada")), "username"),
        (with("password", json!("short")), "password"),
        (with("password", json!("ADA")), "password"),
        (with("name", json!("")), "name"),
        (with("email", json!("ada at home")), "email"),
        (with("document_number", json!("1")), "document_number"),
        (with("roles", json!(["Administrator"])), "roles"),
        (with("refresh", json!("yes")), "refresh"),
        (with("invitation", json!(7)), "invitation"),
    ] {
        let answer = anonymous.post("/auth/register", body.clone()).await;
        assert_eq!(answer.refusal(), (400, "invalid_request_body"), "{body}");
        let detail = answer.body["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(named), "{body}: {detail}");
    }
    assert_eq!(server.number("select count(*) from auth.person").await, 0);
}

#[tokio::test]
async fn without_mail_an_address_is_kept_as_one_that_nobody_has_proved_and_is_one_persons() {
    let server = open().await;
    let body = json!({"username": "ada", "password": PASSWORD, "email": "ada@example.com"});
    let ada = server.anonymous().post("/auth/register", body).await.ok();
    let me = server.anonymous().with_token(ada.token()).get("/auth/me").await.ok();
    assert_eq!((&me.body["email"], &me.body["email_verified"]), (&json!("ada@example.com"), &json!(false)));
    let body = json!({"username": "eva", "password": PASSWORD, "email": "ADA@example.com"});
    assert_eq!(server.anonymous().post("/auth/register", body).await.refusal(), (409, "email_taken"));
}

#[tokio::test]
async fn of_many_who_want_one_username_one_gets_it() {
    let server =
        Server::configured(&[("REGISTRATION", "open"), ("MAX_CONNECTIONS", "16"), ("PASSWORD_HASH_THREADS", "2")])
            .await;
    let requests = (0..20).map(|_| {
        let anonymous = server.anonymous();
        async move { anonymous.post("/auth/register", json!({"username": "ada", "password": PASSWORD})).await }
    });
    let answers = Caller::together(requests).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1, "{answers:?}");
    assert!(answers.iter().all(|a| a.status == 201 || a.refusal() == (409, "user_exists")), "{answers:?}");
    assert_eq!(server.number("select count(*) from auth.tokens_cache").await, 1, "and nobody else a session");
}

#[tokio::test]
async fn an_invitation_lets_one_person_in_once() {
    let server = by_invitation().await;
    let root = server.administrator().await;
    let invitation = invite(&root, json!({"note": "for Ada"})).await;
    let ada = register(&server, "ada", Some(&invitation)).await;
    assert_eq!(ada.status, 201);
    assert_eq!(register(&server, "eva", Some(&invitation)).await.refusal(), REFUSED);
    let list = root.get("/invitations").await.ok();
    assert_eq!(list.column("note"), [json!("for Ada")]);
    assert_eq!(list.body[0]["used_by"], ada.body["payload"]["user_id"]);
    assert_eq!(list.body[0]["created_by"], root.id);
    assert!(list.body[0]["used_at"].is_string());
    let hash = hex::encode(InvitationHash::of(&invitation).expect("an invitation").as_bytes());
    assert!(!list.text.contains(&hash[..16]));
}

#[tokio::test]
async fn of_fifty_who_use_one_invitation_at_once_one_gets_in() {
    let server = by_invitation().await;
    let elsewhere = server.another_instance().await;
    assert_eq!(register(&elsewhere, "ada", None).await.refusal(), (403, "registration_closed"), "by its own settings");
    let root = server.administrator().await;
    let invitation = invite(&root, json!({})).await;
    let requests = (0..50).map(|n| {
        let (anonymous, invitation) = (server.anonymous(), invitation.clone());
        async move {
            let body = json!({"username": format!("ada{n}"), "password": PASSWORD, "invitation": invitation});
            anonymous.post("/auth/register", body).await
        }
    });
    let answers = Caller::together(requests).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1, "{answers:?}");
    assert!(answers.iter().all(|a| a.status == 201 || a.refusal() == REFUSED), "{answers:?}");
    assert_eq!(server.number("select count(*) from auth.person").await, 2);
}

#[tokio::test]
async fn a_registration_that_fails_spends_no_invitation() {
    let server = by_invitation().await;
    let root = server.administrator().await;
    let invitation = invite(&root, json!({})).await;
    assert_eq!(register(&server, "root", Some(&invitation)).await.refusal(), (409, "user_exists"));
    let short = json!({"username": "ada", "password": "short", "invitation": invitation});
    assert_eq!(server.anonymous().post("/auth/register", short).await.status, 400);
    assert_eq!(register(&server, "ada", Some(&invitation)).await.status, 201);
}

#[tokio::test]
async fn missing_unknown_used_revoked_and_expired_invitations_are_refused_alike() {
    let server = by_invitation().await;
    let root = server.administrator().await;
    let writer = server.person_with("writer", &[(0, -1)]).await;
    let used = invite(&root, json!({})).await;
    register(&server, "ada", Some(&used)).await.ok();
    let revoked = root.post("/invitations", json!({})).await.ok();
    root.delete(&format!("/invitations/{}", revoked.id())).await.ok();
    let revoked = revoked.body["invitation"].as_str().expect("an invitation").to_owned();
    let expired = invite(&root, json!({"expires_in": 60})).await;
    let of_somebody_disabled = invite(&writer, json!({})).await;
    server.execute("update auth.person set disabled_at = now() where username = 'writer'").await;
    let unknown = server.app.new_invitation(server.app.clock.now()).expect("an invitation");
    let good = invite(&root, json!({"expires_in": 120})).await;
    server.app.clock.turn(Duration::seconds(60));
    let forged = [
        None,
        Some(""),
        Some("pin_"),
        Some(unknown.reveal()),
        Some(used.as_str()),
        Some(revoked.as_str()),
        Some(expired.as_str()),
        Some(of_somebody_disabled.as_str()),
        Some(&good[..75]),
        Some(&good[4..]),
        Some(root.token()),
    ];
    let altered = [format!("{good} "), format!(" {good}"), good.to_uppercase(), good.replace("pin_", "ptk_")];
    let mut texts = Vec::new();
    // A name that is taken: who is not invited does not hear of it.
    for username in ["eva", "root"] {
        for invitation in forged.iter().copied().chain(altered.iter().map(|altered| Some(altered.as_str()))) {
            let answer = register(&server, username, invitation).await;
            assert_eq!(answer.refusal(), REFUSED, "{invitation:?}");
            texts.push(answer.body["detail"].to_string());
        }
    }
    texts.dedup();
    assert_eq!(texts.len(), 1);
    assert_eq!(register(&server, "eva", Some(&good)).await.status, 201);
}

#[tokio::test]
async fn where_it_is_open_an_invitation_is_used_if_there_is_one() {
    let server = open().await;
    let root = server.administrator().await;
    let invitation = invite(&root, json!({})).await;
    assert_eq!(register(&server, "ada", Some(&invitation)).await.status, 201);
    assert_eq!(register(&server, "eva", Some(&invitation)).await.refusal(), REFUSED);
    assert_eq!(register(&server, "eva", None).await.status, 201);
}

#[tokio::test]
async fn invitations_are_made_listed_and_revoked_by_who_may_write_people() {
    let server = by_invitation().await;
    let root = server.administrator().await;
    let reader = server.person_with("reader", &[(0, -2)]).await;
    let week = root.post("/invitations", json!({})).await.ok();
    assert_eq!(week.status, 201);
    let rest = root.post("/invitations", json!({"note": "for Eva", "expires_in": 7_776_000})).await.ok();
    assert_eq!(reader.get("/invitations?q=FOR").await.column("id"), [json!(rest.id())]);
    assert_eq!(reader.get("/invitations").await.column("id").len(), 2);
    for body in [
        json!({"expires_in": 0}),
        json!({"expires_in": -5}),
        json!({"expires_in": 7_776_001}),
        json!({"expires_in": 1e300}),
        json!({"note": ""}),
        json!({"note": "x".repeat(201)}),
        json!({"note": "a\nb"}),
        json!({"email": "nowhere"}),
    ] {
        assert_eq!(root.post("/invitations", body.clone()).await.refusal(), (400, "invalid_request_body"), "{body}");
    }
    let path = format!("/invitations/{}", week.id());
    assert_eq!(root.delete(&path).await.ok().body["status"], "invitation_revoked");
    assert_eq!(root.delete(&path).await.refusal(), (404, "invitation_not_found"));
    assert_eq!(root.delete("/invitations/x").await.refusal(), (400, "invalid_invitation_id"));
    let invitation = rest.body["invitation"].as_str().expect("an invitation");
    register(&server, "ada", Some(invitation)).await.ok();
    let path = format!("/invitations/{}", rest.id());
    assert_eq!(root.delete(&path).await.refusal(), (404, "invitation_not_found"), "what was used stays");
    for (action, times) in [("created", 2), ("revoked", 1)] {
        let told = sqlx::query_scalar::<_, i64>("select count(*) from auth.audit_events where action = $1");
        let told = told.bind(format!("invitation.{action}")).fetch_one(server.app.db.pool()).await;
        assert_eq!(told.expect("a count"), times, "{action}");
    }
}

#[tokio::test]
async fn a_revocation_that_races_the_registration_leaves_one_of_both() {
    let server = by_invitation().await;
    let root = server.administrator().await;
    for round in 0..6 {
        let made = root.post("/invitations", json!({})).await.ok();
        let invitation = made.body["invitation"].as_str().expect("an invitation").to_owned();
        let body = json!({"username": format!("ada{round}"), "password": PASSWORD, "invitation": invitation});
        let requests =
            [(Method::POST, "/auth/register".to_owned()), (Method::DELETE, format!("/invitations/{}", made.id()))];
        let answers = Caller::together(requests.into_iter().map(|(method, path)| {
            let (root, body) = (root.clone(), body.to_string());
            async move { root.send(method, &path, &body).await }
        }))
        .await;
        let (registered, revoked) = (answers[0].status == 201, answers[1].status == 200);
        assert_ne!(registered, revoked, "{answers:?}");
    }
}

#[tokio::test]
async fn invitations_that_ended_long_ago_are_forgotten_and_no_others() {
    let server = by_invitation().await;
    let root = server.administrator().await;
    invite(&root, json!({"note": "ended", "expires_in": 60})).await;
    invite(&root, json!({"note": "good", "expires_in": 7_776_000})).await;
    server.app.clock.turn(Duration::days(91));
    let root = server.session_of(root.id).await;
    invite(&root, json!({"note": "new"})).await;
    assert_eq!(root.get("/invitations").await.column("note"), [json!("good"), json!("new")]);
}
