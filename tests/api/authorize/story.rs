//! From a client's registration to the end of all that it was given, through every door in between.

use axum::http::Method;
use serde_json::{Value, json};

use super::{CALLBACK, CHALLENGE, Form, ISSUER, WORLD, asking, carried, code};
use crate::authorize::browser::Browser;
use crate::support::oauth::{VERIFIER, basic, claims, jwt_part, post_form};
use crate::support::{Caller, Response, Server};

/// A client, as it was registered.
struct App {
    caller: Caller,
    authorization: String,
}

impl App {
    async fn registered(server: &Server) -> Self {
        let root = server.administrator().await;
        let client = json!({
            "client_id": "desk", "client_name": "Desk", "service_id": "Store", "redirect_uris": [CALLBACK],
            "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
            "scope": "openid profile email offline_access roles permissions Store:read", "consent": "remember",
        });
        let made = root.post("/clients", client).await;
        assert_eq!(made.status, 201, "{made:?}");
        let secret = made.body["client_secret"].as_str().expect("a secret").to_owned();
        Self { caller: server.anonymous(), authorization: basic("desk", &secret) }
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Response {
        post_form(&self.caller, path, form, |request| request.header("authorization", &self.authorization)).await
    }

    async fn redeem(&self, code: &str) -> Response {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        self.post("/oauth/token", &form).await
    }

    async fn userinfo(&self, token: &str) -> Response {
        let bearer = format!("Bearer {token}");
        self.caller.send_with(Method::GET, "/oauth/userinfo", "", |r| r.header("authorization", bearer)).await
    }
}

fn text(answer: &Response, field: &str) -> String {
    answer.body[field].as_str().unwrap_or_else(|| panic!("{field} in {answer:?}")).to_owned()
}

#[tokio::test]
async fn a_program_logs_somebody_in_asks_refreshes_and_is_shown_the_door() {
    let server = Server::on_a_fresh_database().await;
    server.execute(WORLD).await;
    let ada = server.person_with("ada", &[(1000, 1000)]).await;
    let app = App::registered(&server).await;
    let mut browser = Browser::new(&server);

    // The person logs in, agrees, and is sent back.
    let request = asking(&[
        ("client_id", "desk"),
        ("scope", "openid profile offline_access Store:read"),
        ("nonce", "n-1"),
        ("code_challenge", CHALLENGE),
    ]);
    let login = browser.get(&request).await;
    let consent = browser.log_in(&login, "ada").await;
    assert!(consent.text.contains("Desk"), "{consent:?}");
    let redirect = browser.submit(&consent, &[("answer", "allow")]).await;
    let given = app.redeem(&code(&redirect)).await.ok();
    let (access, refresh) = (text(&given, "access_token"), text(&given, "refresh_token"));

    // Who they are.
    let id = claims(&text(&given, "id_token"));
    let sub = ada.id.to_string();
    assert_eq!(
        (&id["iss"], &id["sub"], &id["aud"], &id["nonce"]),
        (&json!(ISSUER), &json!(sub), &json!("desk"), &json!("n-1"))
    );
    assert_eq!((&id["acr"], &id["amr"]), (&json!("1"), &json!(["pwd"])));
    assert_eq!(app.userinfo(&access).await.ok().body["preferred_username"], "ada");

    // What they may do, asked in each way.
    let token = claims(&access);
    assert_eq!((&token["aud"], &token["client_id"], &token["sub"]), (&json!("Store"), &json!("desk"), &json!(sub)));
    let check = json!({"token": access, "service_id": "Store", "permission": "read"});
    let checked = server.anonymous().post("/check-token", check.clone()).await.ok();
    assert_eq!((&checked.body["allowed"], &checked.body["payload"]["user_id"]), (&json!(true), &json!(ada.id)));
    assert_eq!(app.post("/oauth/introspect", &[("token", &access)]).await.ok().body["active"], true);

    // A key of the document verifies it.
    let jwks = server.anonymous().get("/.well-known/jwks.json").await.ok();
    let kid = jwt_part(&access, 0)["kid"].clone();
    assert!(jwks.body["keys"].as_array().expect("keys").iter().any(|key| key["kid"] == kid), "{kid} in {jwks:?}");

    // A lost role is lost in the very next check.
    server.execute("delete from auth.person_service_role where role_id = 1000").await;
    assert_eq!(server.anonymous().post("/check-token", check).await.ok().body["allowed"], false);

    // It goes on by itself, and the person sees and ends it.
    let refreshed =
        app.post("/oauth/token", &[("grant_type", "refresh_token"), ("refresh_token", &refresh)]).await.ok();
    let access = text(&refreshed, "access_token");
    let applications = ada.get("/auth/me/applications").await.ok();
    assert_eq!(applications.body[0]["client_id"], "desk", "{applications:?}");
    ada.delete("/auth/me/applications/desk").await.ok();
    assert_eq!(app.userinfo(&access).await.status, 401);
    assert_eq!(app.post("/oauth/introspect", &[("token", &access)]).await.ok().body, json!({"active": false}));
}

#[tokio::test]
async fn all_that_the_metadata_names_is_there() {
    let server = Server::on_a_fresh_database().await;
    server.execute(WORLD).await;
    let app = App::registered(&server).await;
    let metadata = server.anonymous().get("/.well-known/openid-configuration").await.ok().body;
    let path =
        |member: &str| metadata[member].as_str().and_then(|url| url.strip_prefix(ISSUER)).expect("ours").to_owned();

    // Endpoints: each is there, and refuses what it does not understand in its own words.
    for member in metadata.as_object().expect("members").keys().filter(|name| name.ends_with("_endpoint")) {
        let path = path(member);
        let answer = app.post(&path, &[]).await;
        assert!(![404, 405, 500].contains(&answer.status), "{member}: {answer:?}");
    }
    server.anonymous().get(&path("jwks_uri")).await.ok();

    // Grants: each is taken, and no other.
    let grants = |grant: &str| metadata["grant_types_supported"].as_array().expect("a list").contains(&json!(grant));
    for grant in [
        "authorization_code",
        "refresh_token",
        "client_credentials",
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:token-exchange",
    ] {
        let answer = app.post("/oauth/token", &[("grant_type", grant)]).await;
        let is_unsupported = answer.body["error"] == "unsupported_grant_type";
        assert_eq!(grants(grant), !is_unsupported, "{grant}: {answer:?}");
    }

    // Ways back.
    server.person_with("ada", &[(1000, 1000)]).await;
    let mut browser = Browser::of(&server, "ada").await;
    server.execute("update auth.clients set consent = 'none'").await;
    for mode in metadata["response_modes_supported"].as_array().expect("a list") {
        let mode = mode.as_str().expect("a text");
        let answer = browser.get(&asking(&[("client_id", "desk"), ("response_mode", mode)])).await;
        let has_code = match mode {
            "form_post" => Form::of(&answer).hidden.contains_key("code"),
            _ => carried(&answer).1.contains_key("code"),
        };
        assert!(has_code, "{mode}: {answer:?}");
    }
    let supported = |member: &str| metadata[member].as_array().cloned().unwrap_or_default();
    assert_eq!(supported("code_challenge_methods_supported"), [json!("S256")]);
    assert!(supported("id_token_signing_alg_values_supported").contains(&json!("RS256")));
    assert_eq!(metadata["issuer"], Value::from(ISSUER));
}
