//! The keys of services: made, shown once, listed, used, revoked.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Caller, Response, Server};

async fn make(by: &Caller, service: &str) -> Response {
    by.post(&format!("/services/{service}/keys"), json!({"name": "warehouse in Lima"})).await
}

#[tokio::test]
async fn a_key_is_shown_once_and_listed_without_it() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let made = make(&adm1, "4").await;
    assert_eq!(
        (made.status, &made.body["service_id"], &made.body["name"]),
        (201, &json!(4), &json!("warehouse in Lima"))
    );
    let key = made.body["key"].as_str().expect("a key");
    assert!(key.starts_with("psk_") && key.len() == 76, "{key}");
    assert_eq!((&made.body["created_by"], &made.body["last_used_at"]), (&json!(1), &Value::Null));

    let list = adm1.get("/services/UI%20Store/keys").await.ok();
    assert!(!list.text.contains(&key[4..20]) && list.body[0].get("key").is_none());
    assert_eq!(list.column("id"), [made.body["id"].clone()]);
    assert_eq!(list.column("fingerprint"), [made.body["fingerprint"].clone()]);
    let stored: Vec<u8> = sqlx::query_scalar("select key_hash from auth.service_keys")
        .fetch_one(server.app.db.pool())
        .await
        .expect("a row");
    assert!(hex::encode(stored).starts_with(made.body["fingerprint"].as_str().expect("digits")));
    assert_eq!(adm1.get("/services/5/keys").await.body, json!([]), "another service's list");
}

#[tokio::test]
async fn a_list_of_keys_has_pages_and_a_filter() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for name in ["Lima", "Cusco", "lima 2"] {
        adm1.post("/services/4/keys", json!({"name": name})).await.ok();
    }
    let first = adm1.get("/services/4/keys?limit=2").await;
    assert_eq!(first.column("name"), ["Lima", "Cusco"]);
    assert_eq!(adm1.get(&first.next().expect("more")).await.column("name"), ["lima 2"]);
    assert_eq!(adm1.get("/services/4/keys?q=LIM").await.column("name"), ["Lima", "lima 2"]);
}

#[tokio::test]
async fn a_key_works_in_either_header_until_it_is_revoked_on_every_instance() {
    let server = Server::on_the_demo_data().await;
    let elsewhere = server.another_instance().await;
    let adm1 = server.demo("adm1").await;
    let made = make(&adm1, "4").await.ok();
    let key = server.anonymous().with_token(made.body["key"].as_str().expect("a key"));
    let bearer = format!("Bearer {}", key.token());
    for caller in [&key, &key.at(&elsewhere)] {
        assert_eq!(caller.get("/people/juan/services/4").await.status, 200);
    }
    let anonymous = server.anonymous();
    let send = |headers: Vec<(&'static str, String)>| {
        anonymous.send_with(Method::GET, "/people/juan/services/4", "", move |request| {
            headers.iter().fold(request, |request, (name, value)| request.header(*name, value))
        })
    };
    assert_eq!(send(vec![("authorization", bearer.clone())]).await.status, 200);
    let both = send(vec![("authorization", bearer), ("token", adm1.token().to_owned())]).await;
    assert_eq!(both.refusal(), (401, "invalid_token"), "a key and a token differ");

    let path = format!("/services/4/keys/{}", made.id());
    let revoked = adm1.delete(&path).await;
    assert_eq!(revoked.body, json!({"status": "key_revoked", "service_id": 4, "key_id": made.id()}));
    for caller in [&key, &key.at(&elsewhere)] {
        assert_eq!(caller.get("/people/juan/services/4").await.refusal(), (401, "invalid_token"));
    }
    assert_eq!(adm1.delete(&path).await.refusal(), (404, "key_not_found"));
    assert_eq!(adm1.get("/services/4/keys").await.body, json!([]));
}

#[tokio::test]
async fn the_administrators_of_a_service_manage_its_keys_and_no_others() {
    let server = Server::on_the_demo_data().await;
    let keeper = server.person_with("keeper", &[(4, 0)]).await;
    let of_five = server.backend(5).await;
    let made = make(&keeper, "4").await;
    assert_eq!(made.status, 201);
    assert_eq!(keeper.get("/services/4/keys").await.column("id"), [made.body["id"].clone()]);
    for refused in [
        make(&keeper, "5").await,
        make(&keeper, "nobody").await,
        keeper.get("/services/5/keys").await,
        keeper.delete(&format!("/services/5/keys/{}", of_five.id)).await,
    ] {
        assert_eq!(refused.refusal(), (403, "insufficient_permissions"));
    }
    let through_own = keeper.delete(&format!("/services/4/keys/{}", of_five.id)).await;
    assert_eq!(through_own.refusal(), (404, "key_not_found"), "another service's key is not under this one");
    assert_eq!(of_five.get("/people/viewer1/services/5").await.status, 200, "and it still works");
}

#[tokio::test]
async fn what_can_not_be_a_key_or_have_one_is_refused() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    assert_eq!(make(&adm1, "0").await.refusal(), (409, "built_in"));
    assert_eq!(adm1.get("/services/0/keys").await.body, json!([]));
    assert_eq!(make(&adm1, "99").await.refusal(), (404, "service_not_found"));
    assert_eq!(make(&adm1, "nobody").await.refusal(), (400, "invalid_service_id"));
    for (body, field) in [(json!({}), "name"), (json!({"name": ""}), "name"), (json!({"name": "a\nb"}), "name")] {
        let refused = adm1.post("/services/4/keys", body).await;
        assert_eq!(refused.refusal(), (400, "invalid_request_body"));
        assert!(refused.body["detail"].as_str().is_some_and(|detail| detail.contains(field)), "{refused:?}");
    }
    for (key, refusal) in [("99", (404, "key_not_found")), ("nothing", (400, "invalid_key_id"))] {
        assert_eq!(adm1.delete(&format!("/services/4/keys/{key}")).await.refusal(), refusal);
    }
}

#[tokio::test]
async fn a_service_has_a_hundred_keys_at_most_however_many_are_asked_for_at_once() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "8")]).await;
    let root = server.administrator().await;
    root.post("/services", json!({"name": "One"})).await.ok();
    server
        .execute(
            "insert into auth.service_keys (service_id, key_hash, name)
             select 1, sha256(n::text::bytea), 'old' from generate_series(1, 97) n",
        )
        .await;
    let made = Caller::together((0..6).map(|_| {
        let root = root.clone();
        async move { make(&root, "1").await }
    }));
    let made = made.await;
    assert_eq!(made.iter().filter(|answer| answer.status == 201).count(), 3);
    assert!(made.iter().all(|answer| answer.status == 201 || answer.refusal() == (409, "too_many_keys")), "{made:?}");
    let keys: BTreeSet<_> = made.iter().filter_map(|answer| answer.body["key"].as_str()).collect();
    assert_eq!(keys.len(), 3, "and no two are the same");
}

#[tokio::test]
async fn a_key_asks_about_anyone_within_its_own_service_only() {
    let server = Server::on_the_demo_data().await;
    let backend = server.backend(4).await;
    for (person, service, id, roles) in [
        ("juan", "4", 7, json!(["Viewer"])),
        ("8", "UI%20Store", 8, json!(["Admin"])),
        ("person-10", "4", 10, json!(["User"])),
    ] {
        let answer = backend.get(&format!("/people/{person}/services/{service}")).await;
        assert_eq!((answer.status, &answer.body["user"]["id"], &answer.body["roles"]), (200, &json!(id), &roles));
        assert_eq!(answer.body["service_id"], 4);
    }
    // Of others than those who hold something there it hears what it hears of nobody.
    for person in ["nobody", "99", "person-99", "usr1", "2", "person-2"] {
        let answer = backend.get(&format!("/people/{person}/services/4")).await;
        assert_eq!(answer.refusal(), (404, "person_not_found"), "{person}");
    }
    // Whether the other service, or the person, is there or not.
    for path in
        ["/people/juan/services/5", "/people/juan/services/0", "/people/juan/services/99", "/people/x/services/x"]
    {
        assert_eq!(backend.get(path).await.refusal(), (403, "forbidden_service_lookup"), "{path}");
    }
    let juan = server.demo("juan").await;
    assert_eq!(juan.get("/people/adm1/services/4").await.refusal(), (403, "forbidden_person_lookup"), "as ever");
}

#[tokio::test]
async fn a_grant_or_a_removal_shows_in_the_very_next_answer_to_a_key() {
    let server = Server::on_the_demo_data().await;
    let (adm1, backend) = (server.demo("adm1").await, server.backend(4).await);
    let grant = json!({"person_id": "juan", "service_id": 4, "role_id": "Editor"});
    adm1.post("/person-service-roles", grant.clone()).await.ok();
    assert_eq!(backend.get("/people/juan/services/4").await.body["roles"], json!(["Editor", "Viewer"]));
    adm1.delete_with("/person-service-roles", grant).await.ok();
    assert_eq!(backend.get("/people/juan/services/4").await.body["roles"], json!(["Viewer"]));
}

#[tokio::test]
async fn a_backend_may_send_its_key_where_it_checks_a_token() {
    let server = Server::on_the_demo_data().await;
    let (juan, backend) = (server.demo("juan").await, server.backend(4).await);
    let answer =
        backend.post("/check-token", json!({"token": juan.token(), "service_id": 4, "permission": "read"})).await;
    assert_eq!((answer.status, &answer.body["allowed"]), (200, &json!(true)));
    let without = backend.post("/check-token", json!({"service_id": 4})).await;
    assert_eq!(without.refusal(), (403, "service_key_not_allowed"), "a key is nobody's token");
    let as_token = backend.post("/check-token", json!({"token": backend.token()})).await;
    assert_eq!((as_token.refusal(), &as_token.body["valid"]), ((401, "invalid_token"), &json!(false)));
}

#[tokio::test]
async fn when_a_key_was_last_used_is_noted_to_the_minute() {
    let server = Server::on_the_demo_data().await;
    let backend = server.backend(4).await;
    let noted = "select count(*) from auth.service_keys where last_used_at is not null";
    let seconds = "select extract(epoch from last_used_at)::bigint from auth.service_keys";
    let until_noted = async |sql, expected: i64| {
        for _ in 0..200 {
            if server.number(sql).await >= expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it is never noted");
    };
    assert_eq!(server.number(noted).await, 0);
    backend.get("/people/juan/services/4").await.ok();
    until_noted(noted, 1).await;
    let first = server.number(seconds).await;
    server.app.clock.turn(time::Duration::seconds(50));
    backend.get("/people/juan/services/4").await.ok();
    assert_eq!(server.number(seconds).await, first, "within the minute nothing is written");
    server.app.clock.turn(time::Duration::seconds(20));
    backend.get("/people/juan/services/4").await.ok();
    until_noted(seconds, first + 60).await;
}

#[tokio::test]
async fn log_lines_name_a_key_by_eight_digits_of_its_hash() {
    let server = Server::on_the_demo_data().await;
    let backend = server.backend(4).await;
    backend.get("/people/juan/services/4").await.ok();
    let stored: Vec<u8> = sqlx::query_scalar("select key_hash from auth.service_keys")
        .fetch_one(server.app.db.pool())
        .await
        .expect("a row");
    let hash = hex::encode(stored);
    assert_eq!(server.log.lines(&hash[..8]).len(), 1, "the one request is in the log");
    assert!(!server.log.text().contains(&hash[..9]), "no more than eight digits");
    server.secrets.add(backend.token());
    assert!(server.secrets.shown_in(backend.token()).is_some(), "the search of the log would find a key");
}
