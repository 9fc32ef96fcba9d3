//! Which attributes a backend is told, and that it hears when they change.

use serde_json::{Value, json};

use crate::support::oauth::{Client, NewAuthorization, NewClient};
use crate::support::{Caller, Server};

/// Service 4 sees departments and levels, service 1 sees sites; juan has all of these, and more.
async fn stage() -> (Server, Caller, Caller) {
    let server = Server::on_the_demo_data().await;
    let (adm1, juan) = (server.demo("adm1").await, server.demo("juan").await);
    adm1.patch("/services/4", json!({"claims": ["level", "department", "level"]})).await.ok();
    adm1.put("/services/1", json!({"claims": ["sites"]})).await.ok();
    let attributes = json!({"department": "sales", "sites": ["Lima"], "salary": 1});
    adm1.patch("/users/7", json!({ "attributes": attributes })).await.ok();
    (server, adm1, juan)
}

async fn check(caller: &Caller, question: Value) -> Value {
    caller.post("/check-token", question).await.ok().body
}

#[tokio::test]
async fn a_check_tells_a_service_what_it_asks_for_and_nothing_else() {
    let (server, adm1, juan) = stage().await;
    let at = async |service: i32| check(&juan, json!({ "service_id": service })).await;
    assert_eq!(at(4).await["claims"], json!({"department": "sales"}), "who has no level is told none");
    assert_eq!(at(1).await["claims"], json!({"sites": ["Lima"]}));
    assert_eq!(at(2).await.get("claims"), None, "a service that asks for none");
    assert_eq!(check(&juan, json!({})).await.get("claims"), None, "nor without a service");
    assert_eq!(
        check(&juan, json!({"service_id": "UI Store", "permission": "read"})).await["claims"]["department"],
        "sales"
    );
    assert_eq!(juan.get("/check-token?service=4").await.ok().body["claims"], json!({"department": "sales"}));
    let usr1 = server.demo("usr1").await;
    assert_eq!(
        check(&usr1, json!({"service_id": 4})).await["claims"],
        json!({}),
        "an empty object: the service asks for some"
    );

    let tokens = json!({"tokens": [juan.token(), "nonsense", usr1.token(), juan.token()]});
    for (service, claims) in [
        (4, [json!({"department": "sales"}), Value::Null, json!({}), json!({"department": "sales"})]),
        (1, [json!({"sites": ["Lima"]}), Value::Null, json!({}), json!({"sites": ["Lima"]})]),
        (2, [Value::Null, Value::Null, Value::Null, Value::Null]),
    ] {
        let answers = server.backend(service).await.post("/check-tokens", tokens.clone()).await.ok();
        assert_eq!(answers.column("claims"), claims, "{service}");
    }

    // The very next answer is by what stands then, on every instance.
    let other = server.another_instance().await;
    let there = juan.at(&other);
    assert_eq!(check(&there, json!({"service_id": 4})).await["claims"], json!({"department": "sales"}));
    adm1.patch("/services/4", json!({"claims": ["salary"]})).await.ok();
    for caller in [&juan, &there] {
        assert_eq!(check(caller, json!({"service_id": 4})).await["claims"], json!({"salary": 1}));
    }
    adm1.patch("/users/7", json!({"attributes": {"salary": 2}})).await.ok();
    for caller in [&juan, &there] {
        assert_eq!(check(caller, json!({"service_id": 4})).await["claims"], json!({"salary": 2}));
    }
    adm1.patch("/services/4", json!({"claims": null})).await.ok();
    assert_eq!(at(4).await.get("claims"), None);
}

#[tokio::test]
async fn of_an_access_token_its_audience_is_told_the_same_and_clients_have_none() {
    let (server, _, _) = stage().await;
    let client = server.client(NewClient::default()).await;
    let token = async |client: &Client, scopes| {
        let code = server.authorize(client, 7, NewAuthorization { scopes, ..NewAuthorization::default() }).await;
        client.redeem(&code).await.ok().body["access_token"].as_str().expect("a token").to_owned()
    };
    let claims = json!({"department": "sales"});
    for scopes in [&["UI Store:read"][..], &["openid", "UI Store:read"]] {
        let caller = server.anonymous().with_token(&token(&client, scopes).await);
        assert_eq!(check(&caller, json!({"service_id": 4})).await["claims"], claims);
        assert_eq!(caller.post("/check-token", json!({"service_id": 1})).await.status, 401, "not of its audience");
        let answers = server.backend(4).await.post("/check-tokens", json!({"tokens": [caller.token()]})).await.ok();
        assert_eq!(answers.body[0]["claims"], claims);
        assert!(!client.introspect(caller.token()).await.to_string().contains("sales"));
    }
    let itself = server.anonymous().with_token(&client.of_itself().await);
    assert_eq!(check(&itself, json!({"service_id": 4})).await["claims"], json!({}));
}

#[tokio::test]
async fn what_a_service_asks_for_is_part_of_it() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let new = |claims: Value| json!({"name": "Till", "claims": claims});
    let till = adm1.post("/services", new(json!(["level", "department", "level"]))).await.ok();
    assert_eq!(till.body["claims"], json!(["department", "level"]));
    let path = format!("/services/{}", till.id());
    assert_eq!(adm1.post("/services", new(json!(["department", "level"]))).await.status, 200);
    assert_eq!(adm1.post("/services", json!({"name": "Till"})).await.status, 200);
    assert_eq!(adm1.post("/services", new(json!(["department"]))).await.refusal(), (409, "service_exists"));
    let before = adm1.get(&path).await.ok();
    let after = adm1.patch(&path, json!({"claims": ["department"]})).await.ok();
    assert_eq!(after.body["claims"], json!(["department"]));
    assert_ne!(after.header("etag"), before.header("etag"));
    adm1.patch(&path, json!({"description": "Cash"})).await.ok();
    assert_eq!(adm1.get(&path).await.body["claims"], json!(["department"]), "what is left out stays");
    assert_eq!(adm1.patch(&path, json!({"claims": []})).await.ok().body.get("claims"), None);
    let many: Vec<String> = (0..51).map(|n| format!("a{n}")).collect();
    for bad in [json!("department"), json!([1]), json!(["a b"]), json!([""]), json!({}), json!(many)] {
        for (method, path) in [(axum::http::Method::POST, "/services"), (axum::http::Method::PATCH, &path)] {
            let refused = adm1.send(method, path, &new(bad.clone()).to_string()).await;
            assert_eq!(refused.refusal(), (400, "invalid_request_body"), "{bad}");
            assert!(refused.detail().contains("claims"), "{refused:?}");
        }
    }
    assert_eq!(adm1.patch("/services/0", json!({"claims": ["department"]})).await.refusal(), (409, "built_in"));
}

#[tokio::test]
async fn who_may_not_read_people_opens_nothing_of_them_to_a_service() {
    let server = Server::on_the_demo_data().await;
    server
        .execute(
            "insert into auth.role (id, name) values (90, 'Services');
             insert into auth.role_permission (role_id, permission_id) values (90, -6), (90, -7);
             insert into auth.service_roles (service_id, role_id) values (0, 90);
             update auth.services set claims = '{department,level}' where id = 4",
        )
        .await;
    let caller = server.person_with("services", &[(0, 90)]).await;
    let refused = caller.patch("/services/4", json!({"claims": ["department", "salary"]})).await;
    assert_eq!(refused.refusal(), (403, "insufficient_permissions"));
    assert_eq!(refused.body["permission"], "users:read");
    let new = json!({"name": "Till", "claims": ["department"]});
    assert_eq!(caller.post("/services", new).await.refusal(), (403, "insufficient_permissions"));
    caller.patch("/services/4", json!({"claims": ["department"]})).await.ok();
    caller.post("/services", json!({"name": "Till", "claims": []})).await.ok();
}

#[tokio::test]
async fn a_service_hears_of_attributes_that_it_sees_and_of_no_others() {
    let (server, adm1, _) = stage().await;
    let mut four = server.backend(4).await.listen(None).await;
    let mut one = server.backend(1).await.listen(None).await;
    let mut two = server.backend(2).await.listen(None).await;
    for stream in [&mut four, &mut one, &mut two] {
        stream.expect("ready").await;
    }
    let change = async |attributes: Value| adm1.patch("/users/7", json!({ "attributes": attributes })).await.ok();
    change(json!({"department": "it", "salary": 2})).await;
    assert_eq!(four.expect("token-claims-change").await.data["user_id"], 7);
    change(json!({"sites": null})).await;
    assert_eq!(one.expect("token-claims-change").await.data["user_id"], 7);
    change(json!({"level": 1, "sites": ["Cusco"]})).await;
    four.expect("token-claims-change").await;
    one.expect("token-claims-change").await;
    change(json!({"level": 1.0, "salary": 3})).await;
    adm1.patch("/services/4", json!({"claims": ["salary"]})).await.ok();
    let told = four.expect("grants-changed").await.data;
    assert_eq!((&told["service_id"], told.get("user_id")), (&json!(4), None), "of everybody there");
    adm1.patch("/services/4", json!({"description": "the same"})).await.ok();
    adm1.patch("/services/4", json!({"claims": ["salary"]})).await.ok();
    for stream in [&mut four, &mut one, &mut two] {
        stream.silence().await;
    }
}
