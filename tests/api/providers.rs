//! Other identity providers: people log in by an account that they have elsewhere.

#![allow(clippy::needless_pass_by_value, reason = "what `json!` makes is passed as it is made")]

mod counted;
mod github;
mod hostile;
mod joins;
mod links;
mod logins;
mod logouts;
mod managed;
mod mapped;
mod newcomers;
mod second_steps;

use std::collections::BTreeMap;

pub use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::authorize::browser::Browser;
pub use crate::foreign::{Signer, now};
pub use crate::support::Place;
use crate::support::{Caller, Response, Said, Server};

/// What the provider calls Portero, and by what it knows it.
pub const CLIENT: &str = "portero-there";
pub const SECRET: &str = "a secret & more";

/// A provider that says what a test has it say.
pub struct Idp {
    pub place: Place,
    pub signer: Signer,
}

impl Idp {
    pub async fn open() -> Self {
        let idp = Self { place: Place::open().await, signer: Signer::new(Algorithm::ES256, "one") };
        idp.describes(json!({}));
        idp.place.says("/jwks", Said::json(&json!({"keys": [idp.signer.public]})));
        idp
    }

    /// Its discovery document, with these members in the place of its own; null is none.
    pub fn describes(&self, more: Value) {
        let mut document = json!({
            "issuer": self.place.url, "authorization_endpoint": self.place.at("/auth"), "token_endpoint": self.place.at("/token"),
            "jwks_uri": self.place.at("/jwks"), "authorization_response_iss_parameter_supported": true,
        });
        merge(&mut document, &more);
        self.place.says("/.well-known/openid-configuration", Said::json(&document));
    }

    /// The claims of an ID token that answers somebody who was sent there.
    pub fn claims(&self, server: &Server, sent: &Sent, more: Value) -> Value {
        let now = now(server);
        let mut claims = json!({
            "iss": self.place.url, "aud": CLIENT, "sub": "ada-there", "exp": now + 300, "iat": now, "nonce": sent.of("nonce"),
            "name": "Ada There", "preferred_username": "ada", "email": "ada@example.com", "email_verified": true,
        });
        merge(&mut claims, &more);
        claims
    }

    /// What it answers at its token endpoint from now on: an ID token of these claims.
    pub fn tells(&self, server: &Server, sent: &Sent, more: Value) {
        let token = self.signer.sign(&self.claims(server, sent, more));
        self.gives(&token);
    }

    pub fn gives(&self, id_token: &str) {
        let answer = json!({"access_token": "at", "token_type": "Bearer", "id_token": id_token});
        self.place.says("/token", Said::json(&answer));
    }

    /// How often its token endpoint was asked.
    pub fn redeemed(&self) -> usize {
        self.place.asked().iter().filter(|asked| asked.path == "/token").count()
    }

    /// What a browser brings back from it.
    pub fn back(&self, sent: &Sent) -> String {
        self.back_with(sent, &[])
    }

    pub fn back_with(&self, sent: &Sent, more: &[(&str, &str)]) -> String {
        let mut query =
            BTreeMap::from([("code", "the-code"), ("state", sent.of("state")), ("iss", self.place.url.as_str())]);
        query.extend(more.iter().copied());
        query.retain(|_, value| !value.is_empty());
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        format!("/login/callback/acme?{query}")
    }
}

fn merge(object: &mut Value, more: &Value) {
    let object = object.as_object_mut().expect("an object");
    object.extend(more.as_object().expect("an object").clone());
    object.retain(|_, value| !value.is_null());
}

/// Where a browser was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    pub address: String,
    pub query: BTreeMap<String, String>,
}

impl Sent {
    #[track_caller]
    pub fn of(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    #[track_caller]
    pub fn read(response: &Response) -> Self {
        assert_eq!(response.status, 303, "{response:?}");
        Self::at(response.header("location"))
    }

    #[track_caller]
    pub fn at(location: &str) -> Self {
        let (address, query) = location.split_once('?').unwrap_or((location, ""));
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self { address: address.to_owned(), query }
    }
}

/// A server that knows a provider `acme`, with these fields besides.
pub async fn world(more: Value) -> (Idp, Server, Caller) {
    world_with(more, &[]).await
}

pub async fn world_with(more: Value, settings: &[(&str, &str)]) -> (Idp, Server, Caller) {
    let idp = Idp::open().await;
    let server = Server::configured(&[&idp.place.settings()[..], settings].concat()).await;
    let root = server.administrator().await;
    add(&root, &idp, more).await.ok();
    (idp, server, root)
}

pub async fn add(root: &Caller, idp: &Idp, more: Value) -> Response {
    let mut new = json!({
        "name": "acme", "display_name": "Acme", "issuer": idp.place.url, "client_id": CLIENT, "client_secret": SECRET,
    });
    merge(&mut new, &more);
    root.post("/providers", new).await
}

/// Sends a browser to `acme`.
pub async fn depart(browser: &mut Browser) -> Sent {
    Sent::read(&browser.get("/login/providers/acme").await)
}

/// Logs in at `acme` as whoever these claims name; answers the page on which that ends.
pub async fn log_in(idp: &Idp, server: &Server, browser: &mut Browser, claims: Value) -> Response {
    let sent = depart(browser).await;
    idp.tells(server, &sent, claims);
    browser.get(&idp.back(&sent)).await
}

/// Links the account of `acme` that is called so with somebody, as they would have done.
pub async fn linked(person: &Caller, subject: &str) {
    sqlx::query(
        "insert into auth.provider_links (provider_id, subject, person_id, created_at)
         select id, $1, $2, now() from auth.providers where name = 'acme'",
    )
    .bind(subject)
    .bind(person.id)
    .execute(person.pool())
    .await
    .expect("a link");
}

/// Gives somebody an address that they have proved.
pub async fn verified(person: &Caller, email: &str) {
    sqlx::query("update auth.person set email = $2, email_verified_at = now(), email_given_by = null where id = $1")
        .bind(person.id)
        .bind(email)
        .execute(person.pool())
        .await
        .expect("an address");
}
