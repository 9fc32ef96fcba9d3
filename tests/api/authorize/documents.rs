//! Clients that are described by a document at their `client_id`.

use serde_json::{Value, json};
use time::Duration;

use super::{Browser, CHALLENGE, WORLD, code};
use crate::support::oauth::{VERIFIER, post_form};
use crate::support::{Place, Response, Said, Server};

const UNKNOWN: &str = "is not known";
const UNUSABLE: &str = "document that describes the application could not be used";
const CALLBACK: &str = super::CALLBACK;

async fn world(place: &Place) -> Server {
    let [allow, trust] = place.settings();
    let server = Server::configured(&[allow, trust, ("CLIENT_ID_METADATA_SERVICE", "Store")]).await;
    server.execute(WORLD).await;
    server.person_with("ada", &[(1000, 1000)]).await;
    server
}

fn document(client_id: &str) -> Value {
    json!({"client_id": client_id, "client_name": "Nice Assistant", "redirect_uris": [CALLBACK], "scope": "openid Store:read other"})
}

fn asking(client_id: &str, more: &[(&str, &str)]) -> String {
    let mut all = vec![
        ("client_id", client_id),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid Store:read"),
        ("state", "xyz"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    all.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
    all.extend(more);
    format!("/oauth/authorize?{}", form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish())
}

async fn redeem(server: &Server, client_id: &str, code: &str) -> Response {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
        ("client_id", client_id),
    ];
    post_form(&server.anonymous(), "/oauth/token", &form, |request| request).await
}

#[tokio::test]
async fn a_client_that_nobody_registered_is_known_by_its_host_and_people_are_asked_each_time() {
    let place = Place::open().await;
    let server = world(&place).await;
    let client_id = place.at("/client.json");
    place.says("/client.json", Said::json(&document(&client_id)));
    let mut browser = Browser::new(&server);
    let host = format!("localhost:{}", place.port);
    let login = browser.get(&asking(&client_id, &[])).await;
    assert!(login.text.contains(&format!("to continue to {host}")) && !login.text.contains("Nice"), "{login:?}");
    let consent = browser.log_in(&login, "ada").await;
    assert!(consent.text.contains(&format!("<h1>{host} asks for access</h1>")), "{consent:?}");
    assert!(consent.text.contains("It calls itself “Nice Assistant”"), "{consent:?}");
    let answer = browser.submit(&consent, &[("answer", "allow")]).await;
    let tokens = redeem(&server, &client_id, &code(&answer)).await.ok();
    assert_eq!(tokens.body["scope"], "Store:read openid");
    assert_eq!(
        crate::support::oauth::claims(tokens.body["id_token"].as_str().expect("a token"))["aud"],
        client_id.as_str()
    );
    // Again: it is asked again, and the document is read no more.
    assert!(browser.get(&asking(&client_id, &[])).await.text.contains("asks for access"));
    assert!(
        browser.get(&asking(&client_id, &[("prompt", "none")])).await.header("location").contains("consent_required")
    );
    assert_eq!(place.asked().len(), 1);
    let root = server.administrator().await;
    let path = format!("/clients/{}", form_urlencoded::byte_serialize(client_id.as_bytes()).collect::<String>());
    let client = root.get(&path).await.ok().body;
    for (field, value) in [
        ("client_id", json!(client_id)),
        ("service_id", json!(1000)),
        ("audience", json!([1000])),
        ("consent", json!("ask")),
        ("token_endpoint_auth_method", json!("none")),
        ("scope", json!("openid Store:read")),
    ] {
        assert_eq!(client[field], value, "{field}");
    }
    let refused = root.patch(&path, json!({"consent": "none"})).await;
    assert_eq!(refused.refusal(), (409, "client_of_document"));
    // Whoever deletes it bars it.
    root.delete(&path).await.ok();
    server.app.clock.turn(Duration::days(2));
    assert!(Browser::new(&server).get(&asking(&client_id, &[])).await.text.contains(UNUSABLE));
}

#[tokio::test]
async fn a_document_that_is_not_as_it_should_be_makes_no_client() {
    let place = Place::open().await;
    let server = world(&place).await;
    let mut browser = Browser::new(&server);
    let good = |path: &str| document(&place.at(path));
    let with = |path: &str, member: &str, value: Value| {
        let mut document = good(path);
        document[member] = value;
        Said::json(&document)
    };
    for (path, said) in [
        ("/gone", Said::status(404)),
        ("/moved", Said::status(302).with("location", &place.at("/good"))),
        ("/other", with("/other", "client_id", json!(place.at("/good")))),
        ("/secret", with("/secret", "client_secret", json!("s"))),
        ("/method", with("/method", "token_endpoint_auth_method", json!("client_secret_basic"))),
        ("/nowhere", with("/nowhere", "redirect_uris", json!([]))),
        ("/plain", with("/plain", "redirect_uris", json!(["http://shop.example.com/callback"]))),
        ("/name", with("/name", "client_name", json!("a\u{202e}b"))),
        ("/large", with("/large", "padding", json!("x".repeat(20_000)))),
    ] {
        place.says(path, said);
        let page = browser.get(&asking(&place.at(path), &[])).await;
        assert!(page.status == 400 && page.text.contains(UNUSABLE), "{path}: {page:?}");
        // Its host is asked so often a minute.
        server.app.clock.turn(Duration::minutes(1));
    }
    let text = Said { headers: vec![("content-type", "text/html".to_owned())], ..Said::json(&good("/text")) };
    place.says("/text", text);
    assert!(browser.get(&asking(&place.at("/text"), &[])).await.text.contains(UNUSABLE));
    place.says("/good", Said::json(&good("/good")));
    let asked = place.asked().len();
    for odd in [
        format!("{}?a=b", place.at("/good")),
        format!("{}#a", place.at("/good")),
        place.at("/a/../good"),
        place.at("/good").replace("https", "http"),
        place.at("/good").replace("https://", "https://me@"),
        place.at("/good").replace("localhost", "LOCALHOST"),
    ] {
        assert!(browser.get(&asking(&odd, &[])).await.text.contains(UNKNOWN), "{odd}");
    }
    assert_eq!(place.asked().len(), asked, "none of these is called");
    let elsewhere = [("redirect_uri", "https://shop.example.com/callback/")];
    let page = browser.get(&asking(&place.at("/good"), &elsewhere)).await;
    assert!(page.text.contains("address that it has not registered"), "{page:?}");
    assert_eq!(server.number("select count(*) from auth.clients where document_expires_at is not null").await, 1);
}

#[tokio::test]
async fn a_document_is_read_again_when_it_is_old_and_its_changes_count() {
    let place = Place::open().await;
    let server = world(&place).await;
    let client_id = place.at("/client.json");
    place.says("/client.json", Said::json(&document(&client_id)).with("cache-control", "max-age=600"));
    let mut browser = Browser::of(&server, "ada").await;
    let consent = browser.get(&asking(&client_id, &[])).await;
    let code = code(&browser.submit(&consent, &[("answer", "allow")]).await);
    let mut changed = document(&client_id);
    changed["redirect_uris"] = json!(["https://shop.example.com/other"]);
    place.says("/client.json", Said::json(&changed));
    assert!(browser.get(&asking(&client_id, &[])).await.text.contains("asks for access"), "it is kept");
    server.app.clock.turn(Duration::seconds(59));
    redeem(&server, &client_id, &code).await.ok();
    server.app.clock.turn(Duration::minutes(10));
    let mut browser = Browser::of(&server, "ada").await;
    let page = browser.get(&asking(&client_id, &[])).await;
    assert!(page.text.contains("address that it has not registered"), "{page:?}");
    assert_eq!(place.asked().len(), 2);
    // Its place is away for a while.
    place.says("/client.json", Said::status(503));
    server.app.clock.turn(Duration::hours(2));
    let mut browser = Browser::of(&server, "ada").await;
    let other = [("redirect_uri", "https://shop.example.com/other")];
    assert!(browser.get(&asking(&client_id, &other)).await.text.contains("asks for access"));
    server.app.clock.turn(Duration::days(2));
    assert!(browser.get(&asking(&client_id, &other)).await.text.contains(UNUSABLE));
    // Or says that there is no such client any more.
    place.says("/client.json", Said::status(410));
    assert!(browser.get(&asking(&client_id, &other)).await.text.contains(UNUSABLE));
    let form = [("grant_type", "refresh_token"), ("refresh_token", "por_x"), ("client_id", client_id.as_str())];
    let refused = post_form(&server.anonymous(), "/oauth/token", &form, |request| request).await;
    assert_eq!(refused.refusal(), (401, "invalid_client"));
}

#[tokio::test]
async fn where_it_is_off_nothing_is_called_and_those_that_were_known_are_not() {
    let place = Place::open().await;
    let on = world(&place).await;
    let client_id = place.at("/client.json");
    place.says("/client.json", Said::json(&document(&client_id)));
    assert!(Browser::new(&on).get(&asking(&client_id, &[])).await.text.contains("to continue to localhost"));
    // Another instance, without the setting.
    let off = on.another_instance().await;
    for id in [&client_id, &place.at("/another.json")] {
        assert!(Browser::new(&off).get(&asking(id, &[])).await.text.contains(UNKNOWN));
    }
    let form = [("grant_type", "authorization_code"), ("code", "pac_x"), ("client_id", client_id.as_str())];
    let refused = post_form(&off.anonymous(), "/oauth/token", &form, |request| request).await;
    assert_eq!(refused.refusal(), (401, "invalid_client"));
    assert_eq!(place.asked().len(), 1);
}

#[tokio::test]
async fn strangers_make_us_ask_a_host_so_often_and_fill_no_service() {
    let place = Place::open().await;
    let server = world(&place).await;
    let mut browser = Browser::new(&server);
    for n in 0..15 {
        assert!(browser.get(&asking(&place.at(&format!("/{n}")), &[])).await.text.contains(UNUSABLE));
    }
    assert_eq!(place.asked().len(), 10);
    server
        .execute(
            "insert into auth.clients
                 (id, client_id, name, service_id, auth_method, grant_types, redirect_uris, created_at,
                  document_expires_at)
             select 10000 + n, 'https://a.example/' || n, 'A', 1000, 'none', '{authorization_code}', '{https://a.example/}', now(),
                    now() + n * interval '1 second'
             from generate_series(1, 1000) n",
        )
        .await;
    server.app.clock.turn(Duration::minutes(1));
    let client_id = place.at("/client.json");
    place.says("/client.json", Said::json(&document(&client_id)));
    assert!(browser.get(&asking(&client_id, &[])).await.text.contains("to continue to localhost"));
    let of_documents =
        "select count(*) from auth.clients where service_id = 1000 and starts_with(client_id, 'https://')";
    assert_eq!(server.number(of_documents).await, 1000);
    let gone = "select count(*) from auth.clients where client_id = 'https://a.example/1'";
    assert_eq!(server.number(gone).await, 0, "the one that has not been asked for the longest");
    let told = "select count(*) from auth.audit_events where action = 'client.deleted' and before->>'client_id' = 'https://a.example/1'";
    assert_eq!(server.number(told).await, 1);
    let new = json!({"client_id": "ours", "client_name": "Ours", "service_id": 1000, "redirect_uris": ["https://ours.example/cb"]});
    server.administrator().await.post("/clients", new).await.ok();
}

#[tokio::test]
async fn of_many_who_ask_for_a_new_document_at_once_each_gets_on() {
    let place = Place::open().await;
    let server = world(&place).await;
    let client_id = place.at("/client.json");
    place.says("/client.json", Said::json(&document(&client_id)));
    let pages = futures_util::future::join_all((0..4).map(|_| {
        let mut browser = Browser::new(&server);
        let client_id = &client_id;
        async move { browser.get(&asking(client_id, &[])).await }
    }));
    for page in pages.await {
        assert!(page.text.contains("to continue to localhost"), "{page:?}");
    }
    assert_eq!(server.number("select count(*) from auth.clients where service_id = 1000").await, 2);
}

#[tokio::test]
async fn a_device_of_a_client_that_nobody_registered_is_known_by_its_host_too() {
    let place = Place::open().await;
    let server = world(&place).await;
    let client_id = place.at("/client.json");
    let mut said = document(&client_id);
    said["client_name"] = json!("Google Workspace Admin");
    said["grant_types"] = json!(["urn:ietf:params:oauth:grant-type:device_code"]);
    place.says("/client.json", Said::json(&said));
    // It is read where somebody logs in.
    Browser::new(&server).get(&asking(&client_id, &[])).await;
    let form = [("client_id", client_id.as_str()), ("scope", "openid Store:read")];
    let device = post_form(&server.anonymous(), "/oauth/device_authorization", &form, |request| request).await.ok();
    let code = device.body["user_code"].as_str().expect("a code");
    let mut browser = Browser::of(&server, "ada").await;
    let page = browser.get("/device").await;
    let page = browser.submit(&page, &[("user_code", code)]).await;
    let host = format!("localhost:{}", place.port);
    assert!(page.text.contains(&format!("<h1>{host} asks for access</h1>")), "{page:?}");
    let told = "It calls itself “Google Workspace Admin”. Nobody here has looked at it.";
    assert!(page.text.contains(told), "{page:?}");
    browser.submit(&page, &[("answer", "allow")]).await;
    let ada = server.anonymous().with_token(&browser.cookies["portero"]);
    let applications = ada.get("/auth/me/applications").await.ok().body;
    assert_eq!((&applications[0]["client_id"], &applications[0]["name"]), (&json!(client_id), &json!(host)));
    for (prefix, found) in [("localhost", 1), ("Google", 0)] {
        let found_so = ada.get(&format!("/auth/me/applications?q={prefix}")).await.ok();
        assert_eq!(found_so.column("id").len(), found, "{prefix}");
    }
}

#[tokio::test]
async fn without_their_service_they_are_not_known_until_it_is_made() {
    let place = Place::open().await;
    let [allow, trust] = place.settings();
    let server = Server::configured(&[allow, trust, ("CLIENT_ID_METADATA_SERVICE", "Later")]).await;
    let offered = async || {
        let metadata = server.anonymous().get("/.well-known/openid-configuration").await.ok().body;
        metadata["client_id_metadata_document_supported"] == true
    };
    let client_id = place.at("/client.json");
    place.says("/client.json", Said::json(&document(&client_id)));
    assert!(!offered().await);
    let mut browser = Browser::new(&server);
    let refused = browser.get(&asking(&client_id, &[])).await;
    assert!(refused.status == 400 && refused.text.contains(UNKNOWN), "{refused:?}");
    server.execute("insert into auth.services (name) values ('Later')").await;
    assert!(offered().await);
    assert_eq!(browser.get(&asking(&client_id, &[("scope", "openid")])).await.status, 200);
}
