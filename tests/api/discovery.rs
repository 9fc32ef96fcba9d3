//! `/.well-known`: what clients are told before they begin, and the keys that they verify with.

use std::collections::BTreeSet;

use axum::http::Method;
use axum::http::request::Builder;
use serde_json::{Value, json};

use crate::support::oauth::NewClient;
use crate::support::{Caller, Server};

const OPENID: &str = "/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server";
const JWKS: &str = "/.well-known/jwks.json";

async fn at(issuer: &str) -> Server {
    Server::configured(&[("PUBLIC_URL", issuer)]).await
}

async fn told(caller: &Caller, path: &str) -> Value {
    told_to(caller, path, &[]).await
}

async fn told_to(caller: &Caller, path: &str, headers: &[(&str, &str)]) -> Value {
    let with = |request: Builder| headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let answer = caller.send_with(Method::GET, path, "", with).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"), "{path}");
    assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
    answer.body
}

#[tokio::test]
async fn every_address_is_of_the_public_url_whatever_a_request_says() {
    let server = at("https://id.example.com").await;
    let spoofed = [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-prefix", "/evil"),
        ("forwarded", "host=evil.example;proto=http"),
    ];
    let anonymous = server.anonymous();
    let openid = told_to(&anonymous, OPENID, &spoofed).await;
    let oauth = told_to(&anonymous, OAUTH, &spoofed).await;
    assert_eq!(openid, oauth, "one provider, one metadata");
    assert_eq!(openid["issuer"], "https://id.example.com");
    let members = openid.as_object().expect("an object");
    let addresses: Vec<_> =
        members.iter().filter(|(name, _)| name.ends_with("_endpoint") || *name == "jwks_uri").collect();
    assert_eq!(addresses.len(), 9, "{addresses:?}");
    for (name, address) in addresses {
        let address = address.as_str().expect("a text");
        assert!(address.starts_with("https://id.example.com/"), "{name}: {address}");
    }
    assert!(!openid.to_string().contains("evil"), "{openid}");
}

#[tokio::test]
async fn each_member_has_the_type_that_the_standards_give_it() {
    let server = at("https://id.example.com").await;
    let openid = told(&server.anonymous(), OPENID).await;
    for (name, value) in openid.as_object().expect("an object") {
        let texts = |value: &Value| {
            let list = value.as_array().map(|list| list.iter().filter_map(Value::as_str).collect::<Vec<_>>());
            list.is_some_and(|texts| !texts.is_empty() && texts.iter().collect::<BTreeSet<_>>().len() == texts.len())
        };
        let fits = match name.as_str() {
            "authorization_response_iss_parameter_supported"
            | "backchannel_logout_supported"
            | "backchannel_logout_session_supported"
            | "client_id_metadata_document_supported"
            | "require_pushed_authorization_requests" => value.is_boolean(),
            name if name.ends_with("_parameter_supported") => value.is_boolean(),
            name if name.ends_with("_supported") => texts(value),
            _ => value.is_string(),
        };
        assert!(fits, "{name}: {value}");
    }
    assert_eq!(openid["response_types_supported"], json!(["code"]));
    assert_eq!(openid["code_challenge_methods_supported"], json!(["S256"]), "plain is no challenge");
    for (member, needed) in [
        ("scopes_supported", "openid"),
        ("subject_types_supported", "public"),
        ("id_token_signing_alg_values_supported", "RS256"),
        ("token_endpoint_auth_methods_supported", "client_secret_basic"),
        ("token_endpoint_auth_methods_supported", "client_secret_post"),
        ("scopes_supported", "phone"),
        ("scopes_supported", "address"),
        ("claims_supported", "birthdate"),
        ("dpop_signing_alg_values_supported", "ES256"),
        ("introspection_signing_alg_values_supported", "RS256"),
    ] {
        assert!(openid[member].as_array().expect("a list").contains(&json!(needed)), "{member}: {needed}");
    }
    let algorithms = openid["id_token_signing_alg_values_supported"].to_string();
    assert!(!algorithms.contains("none") && !algorithms.contains("HS256"), "{algorithms}");
    assert_eq!(openid["request_uri_parameter_supported"], false, "left out it would mean true");
}

#[tokio::test]
async fn what_is_off_is_not_offered() {
    let off = told(&Server::on_a_fresh_database().await.anonymous(), OPENID).await;
    assert_eq!(
        (&off["backchannel_logout_supported"], &off["backchannel_logout_session_supported"]),
        (&json!(true), &json!(true))
    );
    for member in ["registration_endpoint", "client_id_metadata_document_supported"] {
        assert!(off.get(member).is_none(), "{member}");
    }
    let settings = [
        ("PUBLIC_URL", "https://id.example.com"),
        ("CLIENT_REGISTRATION", "true"),
        ("CLIENT_ID_METADATA_SERVICE", "Assistants"),
    ];
    let server = Server::configured(&settings).await;
    let without = told(&server.anonymous(), OPENID).await;
    assert!(without.get("client_id_metadata_document_supported").is_none(), "there is no such service yet");
    server.execute("insert into auth.services (name) values ('Assistants')").await;
    let on = told(&server.anonymous(), OPENID).await;
    assert_eq!(on["registration_endpoint"], "https://id.example.com/oauth/register");
    assert_eq!(on["client_id_metadata_document_supported"], true);
}

#[tokio::test]
async fn an_issuer_with_a_path_is_found_where_the_standards_look_for_it() {
    let server = at("https://example.com/auth/").await;
    let anonymous = server.anonymous();
    for path in [OPENID.to_owned(), OAUTH.to_owned(), format!("{OPENID}/auth"), format!("{OAUTH}/auth")] {
        let found = told(&anonymous, &path).await;
        assert_eq!(found["issuer"], "https://example.com/auth", "{path}");
        assert_eq!(found["token_endpoint"], "https://example.com/auth/oauth/token", "{path}");
    }
    assert_eq!(anonymous.get(&format!("{OAUTH}/other")).await.status, 404, "no issuer of ours");
}

#[tokio::test]
async fn without_a_public_url_it_is_the_address_that_is_listened_on() {
    let server = Server::configured(&[("SERVER_URL", "http://0.0.0.0:9000")]).await;
    assert_eq!(told(&server.anonymous(), OPENID).await["issuer"], "http://localhost:9000");
}

#[tokio::test]
async fn there_is_a_public_key_of_each_algorithm_and_nothing_private() {
    let server = Server::on_a_fresh_database().await;
    let jwks = told(&server.anonymous(), JWKS).await;
    let keys = jwks["keys"].as_array().expect("keys");
    let of = |member: &str| keys.iter().map(|key| key[member].as_str().expect("a text")).collect::<BTreeSet<_>>();
    assert_eq!(of("alg"), ["ES256", "EdDSA", "RS256"].into());
    assert_eq!(of("kid").len(), keys.len(), "ids of their own");
    assert_eq!(of("use"), ["sig"].into());
    for key in keys {
        for (name, value) in key.as_object().expect("a key") {
            let public = ["alg", "kid", "use", "kty", "crv", "x", "y", "n", "e"];
            assert!(public.contains(&name.as_str()), "{name} of {key}");
            let is_number = ["x", "y", "n", "e"].contains(&name.as_str());
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
            assert!(!is_number || value.as_str().expect("a text").chars().all(plain), "unpadded base64url: {value}");
        }
    }
    let other = server.another_instance().await;
    assert_eq!(told(&other.anonymous(), JWKS).await, jwks, "all instances publish the same keys");
}

#[tokio::test]
async fn what_is_public_may_be_read_from_anywhere_whatever_cors_says() {
    let server = Server::configured(&[("CORS", "https://app.example.com")]).await;
    let anonymous = server.anonymous();
    for path in [OPENID, OAUTH, JWKS] {
        told_to(&anonymous, path, &[("origin", "https://elsewhere.example")]).await;
        assert_eq!(anonymous.send(Method::HEAD, path, "").await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn whoever_has_seen_it_is_not_told_again_until_it_is_another() {
    let server = Server::on_a_fresh_database().await;
    let anonymous = server.anonymous();
    let seen = async |path: &'static str, tag: String| {
        anonymous.send_with(Method::GET, path, "", |request: Builder| request.header("if-none-match", tag)).await
    };
    for path in [OPENID, OAUTH, JWKS] {
        let first = anonymous.get(path).await.ok();
        let tag = first.header("etag").to_owned();
        assert!(tag.starts_with('"') && tag.len() > 10, "{path}: {first:?}");
        let again = seen(path, format!("\"other\", W/{tag}")).await;
        assert_eq!((again.status, again.text.as_str(), again.header("etag")), (304, "", tag.as_str()), "{path}");
        assert_eq!(again.header("access-control-allow-origin"), "*", "{path}");
        assert!(again.header("access-control-expose-headers").contains("etag"), "{path}");
        let other = seen(path, "\"other\"".to_owned()).await;
        assert_eq!((other.status, &other.body), (200, &first.body), "{path}");
        let elsewhere = server.another_instance().await.anonymous().get(path).await.ok();
        assert_eq!(elsewhere.header("etag"), tag, "{path}: instances say the same");
    }
    let before = anonymous.get(JWKS).await.ok().header("etag").to_owned();
    crate::signing_keys::rotated(&server.app, false).await;
    let after = seen(JWKS, before.clone()).await;
    assert_eq!(after.status, 200);
    assert_ne!(after.header("etag"), before);
}

#[tokio::test]
async fn every_grant_that_is_listed_is_there_and_no_other() {
    let server = Server::on_the_demo_data().await;
    let openid = told(&server.anonymous(), OPENID).await;
    let listed = openid["grant_types_supported"].as_array().expect("a list");
    let listed: Vec<&str> = listed.iter().map(|grant| grant.as_str().expect("a text")).collect();
    let client = server.client(NewClient { grant_types: &listed, ..NewClient::default() }).await;
    for grant in &listed {
        let answer = client.token(&[("grant_type", grant)]).await;
        assert_ne!(answer.error(), "unsupported_grant_type", "{grant}");
        assert_ne!(answer.error(), "unauthorized_client", "{grant}");
    }
    for other in ["implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:openid:params:grant-type:ciba"] {
        assert!(!listed.contains(&other), "{other}");
        assert_eq!(client.token(&[("grant_type", other)]).await.refusal(), (400, "unsupported_grant_type"), "{other}");
    }
    let device = openid["device_authorization_endpoint"].as_str().expect("an address");
    let path = device.strip_prefix("http://127.0.0.1:7878").expect("of the issuer");
    client.post(path, &[]).await.ok();
}
