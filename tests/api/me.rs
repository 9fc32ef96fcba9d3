//! What people see and change of themselves.

use axum::http::Method;
use serde_json::{Value, json};
use time::Duration;

use crate::reset::{arriving, reachable, with_mail};
use crate::sessions::log_in_from;
use crate::support::{Caller, PASSWORD, Response, Server};

const NEW_PASSWORD: &str = "another fine passphrase";

async fn patch(caller: &Caller, body: Value) -> Response {
    caller.send(Method::PATCH, "/auth/me", &body.to_string()).await
}

async fn change_password(caller: &Caller, current: &str, new: &str) -> Response {
    caller.post("/auth/change-password", json!({"current_password": current, "new_password": new})).await
}

#[tokio::test]
async fn people_see_who_they_are_and_what_they_hold_where() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await.get("/auth/me").await.ok();
    assert_eq!(
        (&adm1.body["id"], &adm1.body["username"], &adm1.body["name"]),
        (&json!(1), &json!("adm1"), &json!("Admin One"))
    );
    let roles = adm1.body["roles"].as_array().expect("roles");
    assert_eq!((&roles[0]["service_id"], &roles[0]["roles"]), (&json!(0), &json!(["Administrator"])));
    let shop = json!({
        "service_id": 1, "service": "Service A", "roles": ["Admin"], "permissions": ["read", "write", "update", "delete"],
    });
    assert_eq!(roles[1..], [shop]);
    assert!(adm1.body["created_at"].is_string() && adm1.body["last_login_at"].is_string());
    let nobody = server.powerless().await.get("/auth/me").await;
    assert_eq!(nobody.body["roles"], json!([]));
}

#[tokio::test]
async fn what_is_granted_or_removed_shows_at_once_also_a_service_that_is_gone() {
    let server = Server::on_the_demo_data().await;
    let (adm1, juan) = (server.demo("adm1").await, server.demo("juan").await);
    let direct = json!({"person_id": "juan", "service_id": 5, "permission_id": "share"});
    adm1.post("/person-service-permissions", direct).await.ok();
    let me = juan.get("/auth/me").await;
    assert_eq!(me.body["roles"][1]["permissions"], json!(["share"]));
    assert_eq!(me.body["roles"][1]["roles"], json!(["direct:7:5"]));
    adm1.delete("/services/5").await.ok();
    assert_eq!(juan.get("/auth/me").await.body["roles"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn who_holds_something_in_more_than_a_thousand_services_is_led_to_the_rest() {
    let server = Server::on_a_fresh_database().await;
    let ada = server.person_with("ada", &[]).await;
    server
        .execute(
            "insert into auth.services (name) select 's' || n from generate_series(1, 1001) n;
            insert into auth.role (name) values ('Clerk');
            insert into auth.service_roles select s.id, r.id from auth.services s, auth.role r where s.id > 0 and r.name = 'Clerk';
            insert into auth.person_service_role select 1, service_id, role_id from auth.service_roles where role_id > 0",
        )
        .await;
    let me = ada.get("/auth/me").await;
    assert_eq!(me.body["roles"].as_array().map(Vec::len), Some(1000));
    let rest = ada.get(&me.next().expect("one more")).await;
    assert_eq!(rest.column("name"), [json!("s1001")]);
}

#[tokio::test]
async fn people_change_their_own_name_and_username_and_it_shows_in_the_next_check() {
    let server = Server::on_a_fresh_database().await;
    let ada = server.person_with("ada", &[]).await;
    patch(&ada, json!({"name": "Ada Q."})).await.ok();
    patch(&ada, json!({"login": "ada.q"})).await.ok();
    let payload = json!({"user_id": ada.id, "username": "ada.q", "name": "Ada Q."});
    assert_eq!(ada.check().await.body["payload"], payload);
    ada.log_in("ada.q", PASSWORD).await.ok();
    assert_eq!(ada.log_in("ada", PASSWORD).await.status, 401);
    let told = "select count(*) from auth.audit_events where action = 'user.changed' and actor_id = subject_id";
    assert_eq!(server.number(told).await, 2);
}

#[tokio::test]
async fn a_login_of_long_ago_does_for_a_new_name_and_not_for_a_new_address() {
    let (server, mailbox) = with_mail().await;
    let ada = reachable(&server, "ada").await;
    let refreshing = json!({"username": "ada", "password": PASSWORD, "refresh": true});
    let login = server.anonymous().post("/auth/login", refreshing).await.ok();
    server.app.clock.turn(Duration::minutes(16));
    let refresh_token = json!({"refresh_token": login.body["refresh_token"]});
    let refreshed = server.anonymous().post("/auth/refresh", refresh_token).await.ok();
    let thief = ada.with_token(refreshed.body["token"].as_str().expect("a token"));
    patch(&thief, json!({"display_name": "Ada Q."})).await.ok();
    let address = |password: Option<&str>| json!({"email": "thief@example.com", "current_password": password});
    assert_eq!(patch(&thief, address(None)).await.refusal(), (403, "reauthentication_required"));
    assert_eq!(patch(&thief, address(Some("guessed"))).await.refusal(), (400, "invalid_current_password"));
    assert_eq!(thief.get("/auth/me").await.body["pending_email"], Value::Null);
    assert!(arriving(&server, &mailbox).await.is_empty());
    let changed = patch(&thief, address(Some(PASSWORD))).await.ok();
    assert_eq!(
        (&changed.body["name"], &changed.body["pending_email"]),
        (&json!("Ada Q."), &json!("thief@example.com"))
    );
}

#[tokio::test]
async fn a_new_address_is_ones_own_once_its_mail_was_read() {
    let (server, mailbox) = with_mail().await;
    let ada = reachable(&server, "ada").await;
    patch(&ada, json!({"email": "new@example.com"})).await.ok();
    let me = ada.get("/auth/me").await;
    assert_eq!((&me.body["email"], &me.body["email_verified"]), (&json!("ada@example.com"), &json!(true)));
    assert_eq!(me.body["pending_email"], "new@example.com");
    let mails = arriving(&server, &mailbox).await;
    assert_eq!((mails.len(), mails[0].to[0].as_str()), (1, "new@example.com"));
    ada.post("/auth/verify-email", json!({"token": mails[0].token()})).await.ok();
    let me = ada.get("/auth/me").await;
    assert_eq!((&me.body["email"], &me.body["pending_email"]), (&json!("new@example.com"), &Value::Null));
    arriving(&server, &mailbox).await;

    patch(&ada, json!({"username": "ada.q"})).await.ok();
    change_password(&ada, PASSWORD, NEW_PASSWORD).await.ok();
    assert_eq!(arriving(&server, &mailbox).await.len(), 2, "of both one is told");
}

#[tokio::test]
async fn nobody_takes_the_username_of_somebody_else_or_changes_what_is_not_theirs_to_change() {
    let server = Server::on_a_fresh_database().await;
    let ada = server.person_with("ada", &[]).await;
    server.person_with("eva", &[]).await;
    assert_eq!(patch(&ada, json!({"username": "eva", "name": "Eva"})).await.refusal(), (409, "user_exists"));
    assert_eq!(ada.get("/auth/me").await.body["name"], "ada by name", "nothing was half done");
    for body in [
        json!({}),
        json!({"username": null}),
        json!({"username": ""}),
        json!({"username": "17"}),
        json!({"username": "person-2"}),
        json!({"username": "a", "login": "b"}),
        json!({"name": " "}),
        json!({"id": 2}),
        json!({"password": NEW_PASSWORD}),
        json!({"document_number": "1"}),
        json!({"name": "x", "roles": []}),
    ] {
        assert_eq!(patch(&ada, body.clone()).await.refusal(), (400, "invalid_request_body"), "{body}");
    }
}

#[tokio::test]
async fn login_is_another_name_of_username_wherever_a_body_has_one() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let mut new = crate::users::ada();
    let username = new.as_object_mut().expect("an object").remove("username").expect("a username");
    new["login"] = username.clone();
    let ada = root.post("/users", new.clone()).await.ok();
    assert_eq!(ada.body["username"], username);
    root.put(&format!("/users/{}", ada.id()), json!({"login": "ada2"})).await.ok();
    let login = json!({"login": "ada2", "password": new["password"]});
    root.post("/auth/login", login.clone()).await.ok();

    let both = json!({"login": "ada2", "username": "ada2"});
    for (method, path) in [
        (Method::POST, "/auth/login"),
        (Method::POST, "/users"),
        (Method::PUT, "/users/1"),
        (Method::PATCH, "/auth/me"),
    ] {
        let mut body = if path == "/users" { new.clone() } else { json!({}) };
        if path == "/auth/login" {
            body["password"] = login["password"].clone();
        }
        body["login"] = both["login"].clone();
        body["username"] = both["username"].clone();
        let answer = root.send(method, path, &body.to_string()).await;
        assert_eq!(answer.refusal(), (400, "invalid_request_body"), "{path}");
        let detail = answer.body["detail"].as_str().unwrap_or_default();
        assert!(detail.contains("`username`"), "{path}: {detail}");
    }
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions_and_not_the_one_that_asks() {
    let server = Server::on_a_fresh_database().await;
    let other = server.person_with("ada", &[]).await;
    let (phone, phones) = log_in_from(&server, "ada", "a phone", true).await;
    let (laptop, own) = log_in_from(&server, "ada", "a laptop", true).await;
    change_password(&laptop, PASSWORD, NEW_PASSWORD).await.ok();
    for session in [&other, &phone] {
        assert_eq!(session.check().await.refusal(), (401, "invalid_token"));
    }
    let refresh = async |login: &Response| {
        laptop.post("/auth/refresh", json!({"refresh_token": login.refresh_token()})).await.status
    };
    assert_eq!(refresh(&phones).await, 401);
    assert_eq!(laptop.check().await.status, 200);
    assert_eq!(refresh(&own).await, 200);
    assert_eq!(other.log_in("ada", PASSWORD).await.status, 401);
    other.log_in("ada", NEW_PASSWORD).await.ok();
    let told = "select count(*) from auth.audit_events where action = 'password.changed' and actor_id = subject_id";
    assert_eq!(server.number(told).await, 1);
}

#[tokio::test]
async fn who_does_not_know_the_current_password_changes_nothing_and_stays_logged_in() {
    let server = Server::on_a_fresh_database().await;
    let ada = server.person_with("ada", &[]).await;
    let eva = server.person_with("eva", &[]).await;
    for wrong in ["", "wrong", NEW_PASSWORD, &format!("{PASSWORD} ")] {
        let answer = change_password(&ada, wrong, NEW_PASSWORD).await;
        assert_eq!(answer.refusal(), (400, "invalid_current_password"), "{wrong}");
    }
    for (refused, why) in [("short", "too short"), ("", "empty")] {
        let answer = change_password(&ada, PASSWORD, refused).await;
        assert_eq!(answer.refusal(), (400, "invalid_request_body"));
        let detail = answer.body["detail"].as_str().unwrap_or_default();
        assert!(detail.contains("`new_password`") && detail.contains(why), "{detail}");
    }
    for session in [&ada, &eva] {
        assert_eq!(session.check().await.status, 200);
    }
    ada.log_in("ada", PASSWORD).await.ok();
}

#[tokio::test]
async fn a_stolen_session_is_no_place_to_guess_the_password_in() {
    let server = Server::on_a_fresh_database().await;
    let ada = server.person_with("ada", &[]).await;
    let mut answers = Vec::new();
    for n in 0..8 {
        answers.push(change_password(&ada, &format!("guess {n}"), NEW_PASSWORD).await.status);
    }
    assert_eq!(answers[..5], [400; 5]);
    assert!(answers[5..].contains(&429), "{answers:?}");
    let waits = change_password(&ada, PASSWORD, NEW_PASSWORD).await;
    assert_eq!(waits.refusal(), (429, "too_many_attempts"), "and counts with the logins");
    assert_eq!(ada.log_in("ada", PASSWORD).await.refusal(), (429, "too_many_attempts"));
    server.app.clock.turn(Duration::minutes(2));
    let (ada, _) = log_in_from(&server, "ada", "a laptop", false).await;
    change_password(&ada, PASSWORD, NEW_PASSWORD).await.ok();
}

#[tokio::test]
async fn of_many_who_change_one_password_at_once_one_wins_and_keeps_a_session() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "8"), ("PASSWORD_HASH_THREADS", "2")]).await;
    let ada = server.person_with("ada", &[]).await;
    let mut sessions = Vec::new();
    for _ in 0..6 {
        sessions.push(server.session_of(ada.id).await);
    }
    let requests =
        sessions.iter().cloned().enumerate().map(|(n, session)| async move {
            change_password(&session, PASSWORD, &format!("{NEW_PASSWORD} {n}")).await
        });
    let answers = Caller::together(requests).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
    let mut tried: Vec<_> = answers.iter().zip(&sessions).enumerate().collect();
    // The right password first: five wrong ones are free.
    tried.sort_by_key(|(_, (answer, _))| answer.status);
    for (n, (answer, session)) in tried {
        let won = answer.status == 200;
        assert!(won || [(401, "invalid_token"), (400, "invalid_current_password")].contains(&answer.refusal()));
        assert_eq!(session.check().await.status == 200, won);
        assert_eq!(ada.log_in("ada", &format!("{NEW_PASSWORD} {n}")).await.status == 200, won);
    }
}

#[tokio::test]
async fn a_dead_session_changes_nothing() {
    let server = Server::on_a_fresh_database().await;
    let ada = server.person_with("ada", &[]).await;
    server.app.clock.turn(Duration::seconds(400));
    assert_eq!(patch(&ada, json!({"name": "Eva"})).await.refusal(), (401, "expired_token"));
    assert_eq!(change_password(&ada, PASSWORD, NEW_PASSWORD).await.refusal(), (401, "expired_token"));
}

#[tokio::test]
async fn nobody_changes_themselves_without_end_on_any_instance() {
    let server = Server::on_a_fresh_database().await;
    let other = server.another_instance().await;
    let (ada, eva) = (server.person_with("ada", &[]).await, server.person_with("eva", &[]).await);
    let there = ada.at(&other);
    for n in 0..10 {
        let at = if n % 2 == 0 { &ada } else { &there };
        patch(at, json!({"name": format!("Ada {n}")})).await.ok();
    }
    for at in [&ada, &there] {
        let refused = patch(at, json!({"name": "Ada again"})).await;
        assert_eq!(refused.refusal(), (429, "too_many_changes"));
        let wait: u32 = refused.header("retry-after").parse().expect("seconds");
        assert!((1..=360).contains(&wait), "{wait}");
        assert_eq!(refused.header("ratelimit"), format!("\"own-changes\";r=0;t={wait}"));
    }
    let told = "select count(*) from auth.audit_events where action = 'user.changed'";
    assert_eq!(server.number(told).await, 10);
    assert_eq!(server.number("select count(*) from auth.changes where kind = 'token-claims-change'").await, 10);
    patch(&eva, json!({"name": "Eva"})).await.ok();
    change_password(&ada, PASSWORD, NEW_PASSWORD).await.ok();
    server.app.clock.turn(Duration::minutes(6));
    let ada = server.session_of(ada.id).await;
    patch(&ada, json!({"name": "Ada again"})).await.ok();
    assert_eq!(patch(&ada, json!({"name": "Ada"})).await.refusal(), (429, "too_many_changes"));
    server.app.clock.turn(Duration::hours(2));
    // What a refusal has locked is passed over until it is rolled back.
    while server.number("select count(*) from auth.quotas").await > 0 {
        portero::identity::attempts::purge(&server.app).await.expect("a purge");
    }
}

#[tokio::test]
async fn changes_of_many_at_once_are_counted_one_by_one() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "8")]).await;
    let ada = server.person_with("ada", &[]).await;
    let requests = (0..30).map(|n| {
        let ada = ada.clone();
        async move {
            loop {
                let answer = patch(&ada, json!({"name": format!("Ada {n}")})).await;
                if answer.error() != "unavailable" {
                    return answer.status;
                }
            }
        }
    });
    let answers = Caller::together(requests).await;
    assert!(answers.iter().all(|status| [200, 429].contains(status)), "{answers:?}");
    let told = "select count(*) from auth.audit_events where action = 'user.changed'";
    assert_eq!(server.number(told).await, 10, "{answers:?}");
}
