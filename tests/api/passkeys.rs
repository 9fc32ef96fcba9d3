//! Passkeys: who adds one signs in with it, and with nothing else that looks like it.

mod enrolment;
pub mod page;
mod password;
mod registration;
mod second_factor;
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

/// Operations that only work where there are passkeys, or for who has some.
pub const ARE_OF_PASSKEYS: [&str; 8] = [
    "add_passkey",
    "ask_for_new_passkey",
    "ask_for_passkey_anew",
    "list_passkeys",
    "remove_passkey",
    "rename_passkey",
    "turn_password_off",
    "turn_password_on",
];

/// The document's example of one of these, but for what is known to the caller alone, who is made ready for it.
pub async fn example(operation: &str, caller: &Caller, (mut path, mut body): (String, String)) -> (String, String) {
    match operation {
        "add_passkey" => {
            let made = Authenticator::at(HOME).create(&asked_for_new(caller).await);
            body = json!({"name": "Phone", "credential": made}).to_string();
        }
        "rename_passkey" | "remove_passkey" | "turn_password_off" => {
            let mut phone = add(caller, Authenticator::at(HOME), "Phone").await;
            let asked = caller.post("/auth/reauthenticate/passkey-options", json!({})).await.ok();
            let signed = phone.get(&asked.body["publicKey"]);
            caller.post("/auth/reauthenticate", json!({ "credential": signed })).await.ok();
            add(caller, Authenticator::at(HOME), "Tablet").await;
            let id = caller.get("/auth/me/passkeys").await.ok().body["passkeys"][0]["id"].clone();
            if operation != "turn_password_off" {
                path = format!("/auth/me/passkeys/{id}");
            }
        }
        "turn_password_on" => {
            sqlx::query("update auth.person set password_hash = null where id = $1")
                .bind(caller.id)
                .execute(caller.pool())
                .await
                .expect("nobody's password");
            body = json!({"new_password": "zanahorias con limón"}).to_string();
        }
        _ => {}
    }
    (path, body)
}
