//! Second factors: how people get them, log in with them, lose them, and that no password alone gets past them.

mod administrators;
mod doors;
mod enrolment;
mod guesses;
mod logins;
mod recovery;
mod required;
mod trusted;

use portero::identity::factors::IN_A_SET;
use serde_json::{Value, json};
use time::Duration;
use totp_rs::{Builder, Secret, Totp};

use crate::support::{Caller, PASSWORD, Response, Server};

/// The one that somebody has on their phone. It goes by the clock of the server.
pub struct Authenticator(Totp);

impl Authenticator {
    pub fn of(secret: &str) -> Self {
        let secret = Secret::try_from_base32(secret).expect("base32");
        Self(Builder::new().with_secret(secret).build().expect("an authenticator"))
    }

    /// What it shows so many steps from now.
    pub fn at(&self, server: &Server, steps: i64) -> String {
        let seconds = server.app.clock.now().unix_timestamp() + 30 * steps;
        self.0.generate(seconds.unsigned_abs()).to_string()
    }

    /// What it shows next: a code that nobody has used.
    pub fn next(&self, server: &Server) -> String {
        server.app.clock.turn(Duration::seconds(30));
        self.at(server, 0)
    }

    /// Two codes that follow each other.
    pub fn two(&self, server: &Server) -> [String; 2] {
        [self.at(server, -1), self.at(server, 0)]
    }
}

/// Somebody begins an authenticator.
pub async fn begin(caller: &Caller) -> (i64, Authenticator) {
    let begun = caller.post("/auth/me/factors", json!({"type": "totp", "name": "My phone"})).await.ok();
    (begun.id(), Authenticator::of(begun.body["secret"].as_str().expect("a secret")))
}

/// Somebody gets an authenticator; answers also their recovery codes.
pub async fn enrol(server: &Server, caller: &Caller) -> (Authenticator, Vec<String>) {
    let (id, authenticator) = begin(caller).await;
    let codes = json!({"codes": authenticator.two(server)});
    let confirmed = caller.post(&format!("/auth/me/factors/{id}/confirm"), codes).await.ok();
    let codes = confirmed.body["recovery_codes"].as_array().expect("codes");
    assert_eq!(codes.len(), IN_A_SET);
    (authenticator, codes.iter().map(|code| code.as_str().expect("a code").to_owned()).collect())
}

/// The first step of a login.
async fn first_step(server: &Server, username: &str) -> String {
    let answer = server.anonymous().log_in(username, PASSWORD).await.ok();
    assert_eq!(answer.body["mfa_required"], json!(true), "{answer:?}");
    assert!(answer.body.get("token").is_none(), "nobody is logged in yet: {answer:?}");
    answer.body["mfa_token"].as_str().expect("a token").to_owned()
}

/// The second step of a login.
async fn second_step(server: &Server, mfa_token: &str, method: &str, code: &str) -> Response {
    let body = json!({"mfa_token": mfa_token, "method": method, "code": code});
    server.anonymous().post("/auth/mfa", body).await
}

/// Both.
async fn log_in(server: &Server, caller: &Caller, authenticator: &Authenticator) -> Caller {
    let mfa_token = first_step(server, &caller.username).await;
    let began = second_step(server, &mfa_token, "totp", &authenticator.next(server)).await.ok();
    caller.with_token(began.token())
}

/// What is told of somebody in the audit trail, the newest first.
async fn told(server: &Server, person: &Caller) -> Vec<(String, Value)> {
    sqlx::query_as(
        "select action, coalesce(after, before, 'null'::jsonb) from auth.audit_events where subject_id = $1 order by id desc",
    )
    .bind(person.id)
    .fetch_all(server.app.db.pool())
    .await
    .expect("events")
}

async fn ada() -> (Server, Caller) {
    let server = Server::on_a_fresh_database().await;
    let ada = server.person_with("ada", &[]).await;
    (server, ada)
}
