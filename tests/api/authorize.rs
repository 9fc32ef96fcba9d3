//! People log in here for standard programs: authorization requests, the pages, consents, logging out.

mod applications;
mod backchannel;
pub mod browser;
mod consents;
mod devices;
mod documents;
mod faults;
mod forms;
mod logins;
mod logouts;
mod pages;
mod prompts;
mod pushed;
mod redirects;
mod second_step;
mod story;
mod strangers;

use std::collections::BTreeMap;

use form_urlencoded::Serializer;
use portero::oauth::keys::{Algorithm, TokenType};
use serde_json::Value;

use crate::support::{Caller, Response, Server};
use browser::Browser;
pub use browser::Form;

/// What `PUBLIC_URL` is where nothing is set.
pub const ISSUER: &str = "http://127.0.0.1:7878";

/// Where the client is answered.
const CALLBACK: &str = "https://shop.example.com/callback";

/// A challenge of RFC 7636, appendix B.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A service `Store` (1000) with the permissions `read` and `write` in its role (1000), and a client of it, `web-shop`.
const WORLD: &str = "
    insert into auth.services (id, name) values (1000, 'Store');
    insert into auth.role (id, name) values (1000, 'Clerk');
    insert into auth.permission (id, name) values (1000, 'read'), (1001, 'write');
    insert into auth.role_permission values (1000, 1000);
    insert into auth.service_roles values (1000, 1000);
    insert into auth.clients
        (id, client_id, name, service_id, auth_method, grant_types, redirect_uris, post_logout_redirect_uris, scopes,
         created_at)
    values
        (1000, 'web-shop', 'Web Shop', 1000, 'none', '{authorization_code,refresh_token}',
         '{https://shop.example.com/callback,http://127.0.0.1/callback}', '{https://shop.example.com/bye}',
         '{openid,profile,email,offline_access,Store:read,Store:write}', now());
    insert into auth.client_audience values (1000, 1000);
";

/// A server with that client.
async fn shop() -> Server {
    let server = Server::on_a_fresh_database().await;
    server.execute(WORLD).await;
    server
}

/// Somebody who may read in the store, and a browser in which nobody has logged in.
async fn clerk(server: &Server) -> (Caller, Browser) {
    (server.person_with("ada", &[(1000, 1000)]).await, Browser::new(server))
}

/// A request of the client with these parameters in the place of its own, or without those that are empty.
fn asking(parameters: &[(&str, &str)]) -> String {
    let mut all = BTreeMap::from([
        ("client_id", "web-shop"),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid Store:read"),
        ("state", "xyz"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]);
    all.extend(parameters.iter().copied());
    all.retain(|_, value| !value.is_empty());
    format!("/oauth/authorize?{}", Serializer::new(String::new()).extend_pairs(all).finish())
}

/// What a redirect carries; its address without that.
#[track_caller]
fn carried(response: &Response) -> (String, BTreeMap<String, String>) {
    assert_eq!(response.status, 303, "{response:?}");
    let location = response.header("location");
    let (address, carried) = location.split_once(['?', '#']).unwrap_or((location, ""));
    (address.to_owned(), form_urlencoded::parse(carried.as_bytes()).into_owned().collect())
}

/// The error with which the client is answered.
#[track_caller]
fn error(response: &Response) -> String {
    let (address, mut carried) = carried(response);
    assert_eq!(address, CALLBACK, "{response:?}");
    assert_eq!(carried.remove("iss").as_deref(), Some(ISSUER), "{response:?}");
    carried.remove("error").unwrap_or_else(|| panic!("an error in {response:?}"))
}

/// The code that the client gets.
#[track_caller]
fn code(response: &Response) -> String {
    let (address, carried) = carried(response);
    assert_eq!(address, CALLBACK, "{response:?}");
    assert_eq!(carried.get("state").map(String::as_str), Some("xyz"), "{response:?}");
    assert_eq!(carried.get("iss").map(String::as_str), Some(ISSUER), "{response:?}");
    carried.get("code").unwrap_or_else(|| panic!("a code in {response:?}")).clone()
}

/// An ID token that was signed here.
async fn id_token(server: &Server, claims: Value) -> String {
    let now = server.app.clock.now();
    let signed = server.app.keys.sign(&server.app.db, (Algorithm::ES256, TokenType::Id), &claims, now);
    signed.await.expect("an ID token")
}

/// Somebody has agreed that a client may act for them.
pub async fn agreed(caller: &Caller, client_id: &str) {
    let pool = caller.pool();
    sqlx::query(
        "insert into auth.clients (client_id, name, service_id, auth_method, grant_types, created_at)
         values ($1, $1, 0, 'none', '{authorization_code}', now()) on conflict do nothing",
    )
    .bind(client_id)
    .execute(pool)
    .await
    .expect("a client");
    sqlx::query(
        "insert into auth.consents select $2, id, '{openid}', now(), now() from auth.clients where client_id = $1",
    )
    .bind(client_id)
    .bind(caller.id)
    .execute(pool)
    .await
    .expect("a consent");
}
