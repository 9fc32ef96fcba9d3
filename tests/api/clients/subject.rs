//! A client that acts for itself: somebody to whom roles are given, and nobody among people.

use axum::http::Method;
use serde_json::{Value, json};

use super::{BANK, CLERK, FORBIDDEN, SHOP, make, robot, wiki, with, world};
use crate::support::document::operations;
use crate::support::{Caller, PASSWORD, PASSWORD_HASH, Server, schema};

/// Registers the robot; answers who it is.
async fn robot_of(by: &Caller) -> i64 {
    let made = make(by, robot()).await.ok();
    made.body["person_id"].as_i64().expect("somebody")
}

async fn row(server: &Server) -> Value {
    sqlx::query_scalar("select to_jsonb(p) from auth.person p where client_id is not null")
        .fetch_one(server.app.db.pool())
        .await
        .expect("a subject")
}

#[tokio::test]
async fn it_is_in_no_list_of_people() {
    let (server, root) = world().await;
    let people = root.get("/users?count=true").await.ok().header("x-total-count").to_owned();
    let id = robot_of(&root).await;
    for path in [
        "/users",
        "/users?count=true",
        "/users?q=client",
        "/users?q=client:&count=true",
        "/users?q=Robot",
        "/users/export",
        "/users/export?format=jsonl",
    ] {
        let answer = root.get(path).await.ok();
        assert!(!answer.text.contains("client:robot") && !answer.text.contains("Robot"), "{path}: {answer:?}");
    }
    assert_eq!(root.get("/users?count=true").await.ok().header("x-total-count"), people);
    assert_eq!(root.get("/users?q=client:&count=true").await.ok().header("x-total-count"), "0");
    assert_eq!(root.get(&format!("/users/{id}")).await.refusal(), (404, "user_not_found"));
    assert_eq!(root.get(&format!("/users/{id}/sessions")).await.refusal(), (404, "user_not_found"));
    drop(server);
}

#[tokio::test]
async fn no_route_of_people_changes_it() {
    let (server, root) = world().await;
    let id = robot_of(&root).await;
    let was = row(&server).await;
    let changes = operations()
        .iter()
        .filter(|operation| operation.path.starts_with("/users/{id}") && operation.method != Method::GET);
    let mut walked = 0;
    for operation in changes {
        let example = operation.request_schema().and_then(schema::example);
        let body = example.map(|example| example.to_string()).unwrap_or_default();
        let path = operation
            .path
            .replace("{id}", &id.to_string())
            .replace("{session}", &"0".repeat(32))
            .replace("{key_id}", "1");
        let answer = root.send(operation.method.clone(), &path, &body).await;
        assert_eq!(answer.refusal(), (404, "user_not_found"), "{operation}: {answer:?}");
        walked += 1;
    }
    assert!(walked > 6, "{walked}");
    for change in [
        json!({"password": "a passphrase of mine"}),
        json!({"password_hash": PASSWORD_HASH.as_str()}),
        json!({"email": "robot@example.com"}),
        json!({"username": "robot"}),
        json!({"document_type": "DNI", "document_number": "1"}),
    ] {
        assert_eq!(root.patch(&format!("/users/{id}"), change).await.refusal(), (404, "user_not_found"));
    }
    let many = root.post("/users/delete", json!({"user_ids": [root.id, id]})).await;
    assert_eq!((many.refusal(), &many.body["unknown_user_ids"]), ((404, "user_not_found"), &json!([id])));
    for username in ["client:robot", "CLIENT:ROBOT"] {
        assert_eq!(server.anonymous().log_in(username, PASSWORD).await.refusal(), (401, "invalid_credentials"));
        let forgotten = json!({"username": username});
        server.anonymous().post("/auth/forgot-password", forgotten).await.ok();
    }
    assert_eq!(row(&server).await, was);
}

#[tokio::test]
async fn no_person_takes_the_username_of_a_client() {
    let (server, root) = world().await;
    for username in ["client:robot", "Client:Robot", "client:"] {
        let body = json!({"username": username, "name": "Ada", "password": "a passphrase of mine"});
        assert_eq!(root.post("/users", body).await.refusal(), (400, "invalid_request_body"), "{username}");
        let renamed = root.patch("/users/1", json!({"username": username})).await;
        assert_eq!(renamed.refusal(), (400, "invalid_request_body"), "{username}");
        let file = format!("username,name\n{username},Ada\n");
        let imported = root.send(Method::POST, "/users/import?format=csv", &file).await;
        assert!(imported.status == 400 && imported.text.contains("client"), "{imported:?}");
    }
    // One of old, from before there were clients.
    server.execute("insert into auth.person (username, name) values ('client:robot', 'Of old')").await;
    let refused = make(&root, robot()).await;
    assert_eq!(refused.refusal(), (409, "user_exists"));
    assert!(refused.detail().contains("client:robot"), "{refused:?}");
    assert_eq!(root.get("/clients").await.body, json!([]), "nothing was made");
    let other = root.get("/users?q=client:").await.ok();
    assert_eq!(other.column("name"), ["Of old"], "who was there stays a person");
}

#[tokio::test]
async fn roles_are_given_to_it_as_to_anybody_and_reviews_show_it() {
    let (server, root) = world().await;
    let id = robot_of(&root).await;
    let keeper = server.person_with("keeper", &[(SHOP, 0)]).await;
    let by_name = json!({"person_id": "client:robot", "service_id": SHOP, "role_id": CLERK});
    keeper.post("/person-service-roles", by_name).await.ok();
    let by_id = json!({"person_id": id, "service_id": BANK, "role_id": CLERK});
    assert_eq!(keeper.post("/person-service-roles", by_id.clone()).await.refusal(), FORBIDDEN);
    root.post("/person-service-roles", by_id).await.ok();
    let shop = server.backend(SHOP).await;
    let held = shop.get(&format!("/people/{id}/services/{SHOP}")).await.ok();
    assert_eq!(held.body["permissions"], json!(["sell"]));
    assert_eq!(shop.get(&format!("/people/client:robot/services/{SHOP}")).await.ok().body, held.body);
    let review = keeper.get("/services/Shop/access-review?q=client:").await.ok();
    assert!(review.text.contains("client:robot"), "{review:?}");
    let holders = keeper.get("/services/Shop/roles/1/people").await.ok();
    assert_eq!(holders.column("username"), ["client:robot"]);

    // Whoever gets its secret gets what it holds.
    assert_eq!(keeper.post("/clients/robot/secrets", json!({})).await.refusal(), FORBIDDEN);
    let keys = json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://evil.example/jwks"});
    assert_eq!(keeper.patch("/clients/robot", keys).await.refusal(), FORBIDDEN);
    keeper.patch("/clients/robot", json!({"client_name": "Robot 2"})).await.ok();
    assert_eq!(keeper.get("/services/Shop/roles/1/people").await.ok().column("name"), ["Robot 2"]);
    let taken = json!({"person_id": "client:robot", "service_id": BANK, "role_id": CLERK});
    root.delete_with("/person-service-roles", taken).await.ok();
    keeper.post("/clients/robot/secrets", json!({})).await.ok();
}

#[tokio::test]
async fn it_ends_with_the_grant_and_comes_back_as_the_same_with_nothing() {
    let (server, root) = world().await;
    let id = robot_of(&root).await;
    let grant = json!({"person_id": id, "service_id": SHOP, "role_id": CLERK});
    root.post("/person-service-roles", grant.clone()).await.ok();
    let people = json!({
        "grant_types": ["authorization_code"], "redirect_uris": ["https://robot.example/cb"], "scope": "openid",
    });
    let changed = root.patch("/clients/robot", people).await.ok();
    assert_eq!(changed.body["person_id"], Value::Null);
    assert_eq!(root.post("/person-service-roles", grant).await.refusal(), (404, "person_not_found"));
    assert_eq!(server.number("select count(*) from auth.person_service_role where role_id = 1").await, 0);
    let back = root.patch("/clients/robot", json!({"grant_types": ["client_credentials"]})).await.ok();
    assert_eq!(back.body["person_id"], id);
    let path = format!("/users/{id}/services/{SHOP}");
    assert_eq!(root.get(&path).await.ok().body["permissions"], json!([]));
    root.delete("/clients/robot").await.ok();
    assert_eq!(root.get(&path).await.refusal(), (404, "person_not_found"));
    let plain = make(&root, wiki()).await.ok();
    assert_eq!(plain.body["person_id"], Value::Null, "who acts for nobody is nobody");
}

#[tokio::test]
async fn a_client_is_never_the_last_administrator() {
    let (_server, root) = world().await;
    let id = robot_of(&root).await;
    root.put(&format!("/administrators/{id}"), Value::Null).await.ok();
    assert!(root.get("/administrators").await.ok().text.contains("client:robot"), "who looks sees it");
    let alone = root.delete(&format!("/administrators/{}", root.id)).await;
    assert_eq!(alone.refusal(), (409, "last_administrator"));
    root.delete("/clients/robot").await.ok();
}

#[tokio::test]
async fn whoever_holds_less_does_not_delete_it() {
    let (server, root) = world().await;
    let id = robot_of(&root).await;
    let mighty = with(json!({"person_id": id, "service_id": 0}), json!({"role_id": 0}));
    root.post("/person-service-roles", mighty).await.ok();
    let keeper = server.person_with("keeper", &[(SHOP, 0)]).await;
    assert_eq!(keeper.delete("/clients/robot").await.refusal(), FORBIDDEN);
    let shaper = crate::escalation::holder_of(&server, &root, "Shaper", &["services:write"]).await;
    assert_eq!(shaper.delete("/services/1").await.refusal(), FORBIDDEN, "nor by way of its service");
    root.delete("/services/1").await.ok();
    assert_eq!(root.get("/clients").await.body, json!([]));
}
