//! Keys are made, shown once, listed, renamed and revoked by their owner.

use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::{key_of, made, path_of};
use crate::reset::{arriving, reachable, with_mail};
use crate::support::Server;

#[tokio::test]
async fn a_key_is_shown_once_and_listed_without_it() {
    let server = Server::on_the_demo_data().await;
    let juan = server.demo("juan").await;
    let (row, key) = made(&juan, json!({"name": "nightly export", "scopes": ["UI Store:read", "4:read"]})).await;
    assert!(key.token().starts_with("pak_") && key.token().len() == 76, "{}", key.token());
    assert_eq!(row["scopes"], json!(["UI Store:read"]), "each once, as the service is called");
    assert_eq!((&row["created_by"], &row["last_used_at"], &row["networks"]), (&json!(7), &Value::Null, &json!([])));

    let list = juan.get("/auth/me/keys?count=true").await.ok();
    assert_eq!((list.column("id"), list.header("x-total-count")), (vec![row["id"].clone()], "1"));
    assert!(!list.text.contains(&key.token()[4..20]) && list.body[0].get("key").is_none());
    assert_eq!(juan.get(&path_of(&row)).await.ok().body, list.body[0]);
    let stored: Vec<u8> =
        sqlx::query_scalar("select key_hash from auth.api_keys").fetch_one(server.app.db.pool()).await.expect("a row");
    assert!(hex::encode(stored).starts_with(row["fingerprint"].as_str().expect("digits")));
}

#[tokio::test]
async fn a_key_lives_as_long_as_a_setting_says_at_most() {
    let server = Server::configured(&[("API_KEY_MAX_DAYS", "30")]).await;
    server.execute("insert into auth.services (id, name) values (4, 'Shop')").await;
    server.execute("insert into auth.permission (id, name) values (1, 'read')").await;
    let adm = server.administrator().await;
    let now = server.app.clock.now();
    let (row, _) = made(&adm, json!({"name": "k", "scopes": ["portero:users:read"]})).await;
    let end = |row: &Value| {
        let text = row["expires_at"].as_str().expect("a moment").to_owned();
        OffsetDateTime::parse(&text, &time::format_description::well_known::Rfc3339).expect("RFC 3339")
    };
    let longest = end(&row) - now;
    assert!((Duration::days(30)..Duration::days(30) + Duration::minutes(1)).contains(&longest), "{longest}");
    let wanted = (now + Duration::days(2)).unix_timestamp();
    let (row, _) = made(&adm, json!({"name": "k", "scopes": ["0:users:read"], "expires_at": wanted})).await;
    assert_eq!(end(&row).unix_timestamp(), wanted);
    for bad in [now + Duration::days(31), now - Duration::DAY] {
        let new = json!({"name": "k", "scopes": ["0:users:read"], "expires_at": bad.unix_timestamp()});
        let refused = adm.post("/auth/me/keys", new.clone()).await;
        assert_eq!(refused.refusal(), (400, "invalid_request_body"));
        assert!(refused.detail().contains("expires_at"), "{refused:?}");
        let refused = adm.patch(&path_of(&row), json!({"expires_at": bad.unix_timestamp()})).await;
        assert_eq!(refused.refusal(), (400, "invalid_request_body"));
    }
}

#[tokio::test]
async fn what_can_not_be_a_key_is_refused_by_the_name_of_the_field() {
    let server = Server::on_the_demo_data().await;
    let juan = server.demo("juan").await;
    let many: Vec<String> = (0..101).map(|n| format!("UI Store:p{n}")).collect();
    let networks: Vec<String> = (0..21).map(|n| format!("10.0.0.{n}")).collect();
    for (change, field) in [
        (json!({"name": ""}), "name"),
        (json!({"scopes": []}), "scopes"),
        (json!({"scopes": many}), "scopes"),
        (json!({"scopes": ["read"]}), "scopes"),
        (json!({"scopes": ["UI Store:nothing"]}), "scopes"),
        (json!({"scopes": ["Nowhere:read"]}), "scopes"),
        (json!({"scopes": ["UI Store:"]}), "scopes"),
        (json!({"scopes": "UI Store:read"}), "scopes"),
        (json!({"networks": ["here"]}), "networks"),
        (json!({"networks": ["10.0.0.1/8"]}), "networks"),
        (json!({"networks": networks}), "networks"),
        (json!({"expires_at": "tomorrow"}), "expires_at"),
        (json!({"person_id": 1}), "person_id"),
    ] {
        let mut new = json!({"name": "k", "scopes": ["UI Store:read"]});
        new.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        let refused = juan.post("/auth/me/keys", new).await;
        assert_eq!(refused.refusal(), (400, "invalid_request_body"), "{change}");
        assert!(refused.detail().contains(field), "{field}: {refused:?}");
    }
    let beyond = json!({"name": "k", "scopes": ["UI Store:read"], "networks": ["10.0.0.1/8"]});
    let told = juan.post("/auth/me/keys", beyond).await;
    assert!(told.detail().contains("the network is 10.0.0.0/8"), "{told:?}");
    assert_eq!(juan.get("/auth/me/keys").await.ok().body, json!([]));
}

#[tokio::test]
async fn a_scope_that_may_mean_two_services_is_refused_and_an_id_says_which() {
    let server = Server::on_the_demo_data().await;
    server
        .execute(
            "insert into auth.services (id, name) values (50, 'Till'), (51, 'Till:orders');
             insert into auth.permission (id, name) values (50, 'orders:read');
             insert into auth.service_roles values (50, 1), (51, 1);
             insert into auth.role_permission values (1, 50);
             insert into auth.person_service_role values (7, 50, 1), (7, 51, 1);",
        )
        .await;
    let juan = server.demo("juan").await;
    let refused = juan.post("/auth/me/keys", json!({"name": "k", "scopes": ["Till:orders:read"]})).await;
    assert_eq!(refused.refusal(), (400, "invalid_request_body"));
    assert!(refused.detail().contains("by its id"), "{refused:?}");
    let (row, _) = made(&juan, json!({"name": "k", "scopes": ["50:orders:read", "51:read"]})).await;
    assert_eq!(row["scopes"], json!(["Till:orders:read", "Till:orders:read"]), "two, of one name");
}

#[tokio::test]
async fn nobody_gives_a_key_what_they_do_not_hold() {
    let server = Server::on_the_demo_data().await;
    let juan = server.demo("juan").await;
    for scope in ["UI Store:write", "Service A:read", "portero:users:read", "UI Store:grants:write"] {
        let refused = juan.post("/auth/me/keys", json!({"name": "k", "scopes": ["UI Store:read", scope]})).await;
        assert_eq!(refused.refusal(), (403, "insufficient_permissions"), "{scope}");
        assert_eq!(refused.body["permission"], scope);
    }
    assert_eq!(server.number("select count(*) from auth.api_keys").await, 0);
}

#[tokio::test]
async fn an_old_login_makes_no_key_and_opens_none_further() {
    let server = Server::on_the_demo_data().await;
    let juan = server.demo("juan").await;
    let (row, _) = made(&juan, json!({"name": "k", "scopes": ["UI Store:read"]})).await;
    for _ in 0..4 {
        server.app.clock.turn(Duration::minutes(4));
        juan.check().await.ok();
    }
    let refused = juan.post("/auth/me/keys", json!({"name": "k", "scopes": ["UI Store:read"]})).await;
    assert_eq!(refused.refusal(), (403, "reauthentication_required"));
    let refused = juan.patch(&path_of(&row), json!({"networks": []})).await;
    assert_eq!(refused.refusal(), (403, "reauthentication_required"));
    let renamed = juan.patch(&path_of(&row), json!({"name": "another"})).await.ok();
    assert_eq!(renamed.body["name"], "another");
    juan.delete(&path_of(&row)).await.ok();
}

#[tokio::test]
async fn a_key_is_its_owners_alone() {
    let server = Server::on_the_demo_data().await;
    let (juan, usr1) = (server.demo("juan").await, server.demo("usr1").await);
    let (row, _) = made(&juan, json!({"name": "k", "scopes": ["UI Store:read"]})).await;
    let path = path_of(&row);
    assert_eq!(usr1.get("/auth/me/keys").await.ok().body, json!([]));
    for refused in [usr1.get(&path).await, usr1.patch(&path, json!({"name": "mine"})).await, usr1.delete(&path).await] {
        assert_eq!(refused.refusal(), (404, "api_key_not_found"));
    }
    for refused in [usr1.get("/users/7/keys").await, usr1.delete("/users/7/keys").await] {
        assert_eq!(refused.refusal(), (403, "insufficient_permissions"));
    }
    assert_eq!(juan.get("/auth/me/keys/x").await.refusal(), (400, "invalid_api_key_id"));
    assert_eq!(juan.patch(&path, json!({})).await.refusal(), (400, "invalid_request_body"));
}

#[tokio::test]
async fn somebody_has_fifty_keys_at_most_also_when_they_are_made_at_once() {
    let server = Server::on_the_demo_data().await;
    let juan = server.demo("juan").await;
    let new = || json!({"name": "k", "scopes": ["UI Store:read"]});
    server
        .execute(
            "insert into auth.api_keys (person_id, key_hash, name, created_at, expires_at)
             select 7, sha256(int4send(n)), 'k', now(), now() + interval '1 day' from generate_series(1, 45) n",
        )
        .await;
    let answers = crate::support::Caller::together((0..8).map(|_| {
        let juan = juan.clone();
        async move { juan.post("/auth/me/keys", new()).await.status }
    }))
    .await;
    assert_eq!(answers.iter().filter(|status| **status == 201).count(), 5, "{answers:?}");
    assert_eq!(juan.post("/auth/me/keys", new()).await.refusal(), (409, "too_many_keys"));
    assert_eq!(juan.get("/auth/me/keys?limit=20").await.ok().column("id").len(), 20);
}

#[tokio::test]
async fn one_request_that_comes_twice_makes_one_key() {
    let server = Server::on_the_demo_data().await;
    let juan = server.demo("juan").await;
    let new = || json!({"name": "k", "scopes": ["UI Store:read"]});
    let id = "8e03978e-40d5-43dd-bc93-6894a57f9324";
    let first = juan.post_once("/auth/me/keys", id, new()).await.ok();
    let again = juan.post_once("/auth/me/keys", id, new()).await.ok();
    assert_eq!(first.body, again.body);
    assert_eq!(server.number("select count(*) from auth.api_keys").await, 1);
}

#[tokio::test]
async fn a_new_key_is_told_by_mail_and_in_the_trail_without_it() {
    let (server, mailbox) = with_mail().await;
    let ada = reachable(&server, "ada").await;
    sqlx::query("insert into auth.person_service_role (person_id, service_id, role_id) values ($1, 0, -2)")
        .bind(ada.id)
        .execute(server.app.db.pool())
        .await
        .expect("a grant");
    let key = key_of(&ada, &["portero:users:read"]).await;
    let mails = arriving(&server, &mailbox).await;
    let [mail] = mails.as_slice() else { panic!("one mail: {mails:?}") };
    assert!(mail.text.contains("nightly export") && !mail.text.contains("pak_"), "{mail:?}");
    let told: Value = sqlx::query_scalar("select after from auth.audit_events where action = 'api-key.created'")
        .fetch_one(server.app.db.pool())
        .await
        .expect("an event");
    assert_eq!((&told["name"], &told["scopes"]), (&json!("nightly export"), &json!(["portero:users:read"])));
    assert!(!told.to_string().contains(&key.token()[4..20]));
}
