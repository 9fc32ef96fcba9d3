//! What no answer and no log line may ever show: every password, token and hash that a test has made.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

/// Shorter ones would be found by chance.
const SHORTEST: usize = 8;

/// The secrets of one test.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Arc<Mutex<Vec<String>>>);

impl Secrets {
    pub fn add(&self, secret: &str) {
        let mut secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if secret.len() >= SHORTEST && !secrets.iter().any(|known| known == secret) {
            secrets.push(secret.to_owned());
        }
    }

    /// Learns the passwords that a request carries.
    pub fn add_from_request(&self, body: &str) {
        let Ok(Value::Object(body)) = serde_json::from_str::<Value>(body) else { return };
        for field in ["password", "password_hash", "token"] {
            if let Some(Value::String(secret)) = body.get(field) {
                self.add(secret);
            }
        }
    }

    /// The secret that `text` shows, if it does.
    pub fn shown_in(&self, text: &str) -> Option<String> {
        let secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let hashes = ["$argon2", "$2a$", "$2b$", "$2y$", "$scrypt$", "$pbkdf2"].map(str::to_owned);
        secrets.iter().chain(&hashes).find(|secret| text.contains(secret.as_str())).cloned()
    }
}
