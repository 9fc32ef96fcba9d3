//! Passkeys: who adds one signs in with it, and with nothing else that looks like it.

mod page;
mod password;
mod registration;
mod sign_in;

use serde_json::{Value, json};

use crate::support::{Authenticator, Caller, Response, Server};

/// Where Portero is in these stories.
pub const HOME: &str = "https://id.example.com";

pub const SETTINGS: [(&str, &str); 1] = [("PUBLIC_URL", HOME)];

pub async fn server() -> Server {
    Server::configured(&SETTINGS).await
}

/// What a browser is to ask for, for a new passkey of the caller.
pub async fn asked_for_new(caller: &Caller) -> Value {
    caller.post("/auth/me/passkeys/options", json!({})).await.ok().body["publicKey"].clone()
}

/// What a browser is to ask for, for somebody who signs in.
pub async fn asked(server: &Server) -> Value {
    server.anonymous().post("/auth/passkeys/options", json!({})).await.ok().body["publicKey"].clone()
}

/// The caller has an authenticator make a passkey, and adds it.
pub async fn add(caller: &Caller, mut authenticator: Authenticator, name: &str) -> Authenticator {
    let made = authenticator.create(&asked_for_new(caller).await);
    caller.post("/auth/me/passkeys", json!({"name": name, "credential": made})).await.ok();
    authenticator
}

/// Somebody new, with a passkey that is copied between their devices.
pub async fn with_passkey(server: &Server, username: &str) -> (Caller, Authenticator) {
    let person = server.person_with(username, &[]).await;
    let authenticator = add(&person, Authenticator::at(HOME), "Phone").await;
    (person, authenticator)
}

/// Shows what an authenticator has signed.
pub async fn show(server: &Server, credential: &Value) -> Response {
    server.anonymous().post("/auth/passkeys/login", json!({ "credential": credential })).await
}

/// Signs in.
pub async fn sign_in(server: &Server, authenticator: &mut Authenticator) -> Response {
    let signed = authenticator.get(&asked(server).await);
    show(server, &signed).await
}

/// A session in which the person has shown a passkey.
pub async fn signed_in(server: &Server, person: &Caller, authenticator: &mut Authenticator) -> Caller {
    let answer = sign_in(server, authenticator).await.ok();
    person.with_token(answer.token())
}
