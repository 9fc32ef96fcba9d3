//! The standard claims (OpenID Connect Core section 5.1): who says them of whom, and who hears them.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::oauth::{Client, NewAuthorization, NewClient, claims};
use crate::support::{Caller, Response, Server};

const SCOPES: &[&str] = &["openid", "profile", "email", "phone", "address", "offline_access", "UI Store:read"];

fn juans() -> Value {
    json!({
        "family_name": "Quispe", "given_name": "Juan", "middle_name": "José", "nickname": "Juancho",
        "profile": "https://juan.example/me", "picture": "https://juan.example/me.png", "website": "https://juan.example",
        "gender": "male", "birthdate": "1980-05-17", "zoneinfo": "America/Lima", "locale": "es-PE",
        "phone_number": "+51987654321",
        "address": {
            "formatted": "Av. Larco 101\nMiraflores", "street_address": "Av. Larco 101", "locality": "Lima",
            "region": "Lima", "postal_code": "15074", "country": "Perú",
        },
    })
}

async fn of_oneself(caller: &Caller, claims: Value) -> Response {
    caller.patch("/auth/me", json!({ "claims": claims })).await
}

async fn userinfo(server: &Server, client: &Client, new: NewAuthorization<'_>) -> Value {
    let code = server.authorize(client, 7, new).await;
    let token = client.redeem(&code).await.ok().body["access_token"].as_str().expect("a token").to_owned();
    let bearer = format!("Bearer {token}");
    let headers = |request: axum::http::request::Builder| request.header("authorization", bearer);
    server.anonymous().send_with(Method::GET, "/oauth/userinfo", "", headers).await.ok().body
}

#[tokio::test]
async fn people_say_who_they_are_and_applications_hear_of_it_by_scope() {
    let server = Server::on_the_demo_data().await;
    let juan = server.demo("juan").await;
    let client = server.client(NewClient { scopes: SCOPES, ..NewClient::default() }).await;
    let me = of_oneself(&juan, juans()).await.ok();
    assert_eq!(me.body["claims"], juans());
    assert_eq!(juan.get("/auth/me").await.body["claims"], juans());
    assert_eq!(juan.get("/users/7").await.ok().body["claims"], juans());

    let mut of_profile = juans();
    let members = of_profile.as_object_mut().expect("an object");
    let (phone, address) = (members.remove("phone_number"), members.remove("address"));
    members.extend([
        ("sub".to_owned(), json!("7")),
        ("name".to_owned(), json!("Juan Demo")),
        ("preferred_username".to_owned(), json!("juan")),
    ]);
    for (scopes, expected) in [
        (&["openid"][..], json!({"sub": "7"})),
        (&["openid", "profile"], of_profile),
        (&["openid", "phone"], json!({"sub": "7", "phone_number": phone, "phone_number_verified": false})),
        (&["openid", "address"], json!({"sub": "7", "address": address})),
    ] {
        let mut said = userinfo(&server, &client, NewAuthorization { scopes, ..NewAuthorization::default() }).await;
        said.as_object_mut().expect("an object").remove("updated_at");
        assert_eq!(said, expected, "{scopes:?}");
    }
    let wanted = json!({
        "userinfo": {"birthdate": null, "phone_number": {"essential": true}},
        "id_token": {"given_name": null, "address": null, "phone_number_verified": null},
    });
    let new = || NewAuthorization { scopes: &["openid"], claims: Some(wanted.clone()), ..NewAuthorization::default() };
    let said = userinfo(&server, &client, new()).await;
    assert_eq!(said, json!({"sub": "7", "birthdate": "1980-05-17", "phone_number": "+51987654321"}));
    let code = server.authorize(&client, 7, new()).await;
    let id = claims(client.redeem(&code).await.ok().body["id_token"].as_str().expect("an ID token"));
    assert_eq!((&id["given_name"], &id["address"]["country"]), (&json!("Juan"), &json!("Perú")));
    assert_eq!((&id["phone_number_verified"], id.get("family_name")), (&json!(false), None));

    // What was never said is no member, and what is taken back is none any more.
    let gone: serde_json::Map<String, Value> =
        juans().as_object().expect("an object").keys().map(|name| (name.clone(), Value::Null)).collect();
    assert_eq!(of_oneself(&juan, gone.into()).await.ok().body["claims"], json!({}));
    let all = NewAuthorization { scopes: SCOPES, ..NewAuthorization::default() };
    let mut said = userinfo(&server, &client, all).await;
    said.as_object_mut().expect("an object").remove("updated_at");
    assert_eq!(said, json!({"sub": "7", "name": "Juan Demo", "preferred_username": "juan"}));
    server.execute("update auth.person set locale = 'es' where id = 7").await;
    let said = userinfo(&server, &client, NewAuthorization::default()).await;
    assert_eq!(said["locale"], "es", "that of their mails is better than none");
}

#[tokio::test]
async fn a_change_names_what_it_changes_and_is_told() {
    let server = Server::on_the_demo_data().await;
    let (juan, adm1) = (server.demo("juan").await, server.demo("adm1").await);
    of_oneself(&juan, juans()).await.ok();
    let before = adm1.get("/users/7").await.ok();
    let changed = adm1.patch("/users/7", json!({"claims": {"nickname": null, "address": {"region": null}}})).await.ok();
    assert_ne!(changed.header("etag"), before.header("etag"));
    let after = adm1.get("/users/7").await.ok().body["claims"].clone();
    let mut expected = juans();
    expected.as_object_mut().expect("an object").remove("nickname");
    expected["address"].as_object_mut().expect("an object").remove("region");
    assert_eq!(after, expected);
    let stale = |request: axum::http::request::Builder| request.header("if-match", before.header("etag"));
    let change = json!({"claims": {"nickname": "J"}}).to_string();
    assert_eq!(adm1.send_with(Method::PATCH, "/users/7", &change, stale).await.refusal(), (412, "precondition_failed"));
    let told: Value = sqlx::query_scalar(
        "select before from auth.audit_events where action = 'user.changed' order by id desc limit 1",
    )
    .fetch_one(server.app.db.pool())
    .await
    .expect("an event");
    assert_eq!(told["claims"]["nickname"], "Juancho", "{told}");
    for nothing in [json!({"claims": null}), json!({"claims": ["Quispe", null]}), json!({})] {
        assert_eq!(juan.patch("/auth/me", nothing).await.refusal(), (400, "invalid_request_body"));
    }
    assert_eq!(juan.patch("/users/7", json!({"claims": {"nickname": "J"}})).await.status, 403, "people have /auth/me");
}

#[tokio::test]
async fn only_administrators_say_that_a_number_is_verified_and_only_of_that_number() {
    let server = Server::on_the_demo_data().await;
    let (juan, adm1) = (server.demo("juan").await, server.demo("adm1").await);
    let client = server.client(NewClient { scopes: SCOPES, ..NewClient::default() }).await;
    let verified = async || {
        let new = NewAuthorization { scopes: &["openid", "phone"], ..NewAuthorization::default() };
        userinfo(&server, &client, new).await["phone_number_verified"].clone()
    };
    let by_admin = async |claims: Value| adm1.patch("/users/7", json!({ "claims": claims })).await;
    let refused = by_admin(json!({"phone_number_verified": true})).await;
    assert!(refused.status == 400 && refused.text.contains("claims.phone_number_verified"), "{refused:?}");
    of_oneself(&juan, json!({"phone_number": "+51987654321"})).await.ok();
    assert_eq!(verified().await, false);
    for said in [true, false] {
        let own = of_oneself(&juan, json!({"phone_number_verified": said})).await;
        assert!(own.status == 400 && own.text.contains("claims.phone_number_verified"), "{own:?}");
    }
    by_admin(json!({"phone_number_verified": true})).await.ok();
    assert_eq!(verified().await, true);
    of_oneself(&juan, json!({"phone_number": "+51987654321", "nickname": "J"})).await.ok();
    assert_eq!(verified().await, true, "it is the same one");
    of_oneself(&juan, json!({"phone_number": "+51987654322"})).await.ok();
    assert_eq!(verified().await, false, "another one is not verified");
    by_admin(json!({"phone_number": "+51987654323", "phone_number_verified": true})).await.ok();
    assert_eq!(verified().await, true);
    of_oneself(&juan, json!({"phone_number": null})).await.ok();
    assert_eq!(verified().await, Value::Null, "no number, nothing to say of it");
    of_oneself(&juan, json!({"phone_number": "+51987654323"})).await.ok();
    assert_eq!(verified().await, false);
}

#[tokio::test]
async fn what_a_claim_can_not_be_is_refused_with_its_name() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for (name, value) in [
        ("website", json!("javascript:alert(1)")),
        ("picture", json!("data:image/png;base64,AA")),
        ("profile", json!("juan.example")),
        ("birthdate", json!("17/05/1980")),
        ("zoneinfo", json!("somewhere over")),
        ("locale", json!("es_PE")),
        ("phone_number", json!("987 654 321")),
        ("nickname", json!("")),
        ("nickname", json!("x".repeat(101))),
        ("nickname", json!("a\nb")),
        ("gender", json!(1)),
        ("email", json!("juan@example.com")),
        ("sub", json!("1")),
        ("address", json!("Lima")),
        ("address", json!(["Lima", "Lima"])),
    ] {
        let refused = adm1.patch("/users/7", json!({"claims": {name: value}})).await;
        assert_eq!(refused.refusal(), (400, "invalid_request_body"), "{name}: {value}");
        assert!(refused.text.contains(&format!("claims.{name}")) || refused.text.contains(name), "{refused:?}");
    }
    let refused = adm1.patch("/users/7", json!({"claims": {"address": {"locality": "x".repeat(101)}}})).await;
    assert!(refused.status == 400 && refused.text.contains("claims.address.locality"), "{refused:?}");
    assert_eq!(server.number("select count(*) from auth.person where claims <> '{}'").await, 0);
}

#[tokio::test]
async fn an_export_has_them_and_an_import_leaves_them_out() {
    let server = Server::on_the_demo_data().await;
    let (juan, adm1) = (server.demo("juan").await, server.demo("adm1").await);
    of_oneself(&juan, json!({"nickname": "Juancho"})).await.ok();
    let lines = adm1.get("/users/export?format=jsonl").await.ok().text;
    let line = lines.lines().find(|line| line.contains("Juancho")).expect("a line").to_owned();
    let other = Server::on_a_fresh_database().await;
    let root = other.administrator().await;
    let import = root.send(Method::POST, "/users/import?format=jsonl", &line).await.ok();
    assert_eq!(import.body["imported"], 1);
    assert!(import.body["remarks"].to_string().contains("claims"), "{import:?}");
}
