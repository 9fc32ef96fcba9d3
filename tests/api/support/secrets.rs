//! What no answer and no log line may ever show: every password, token and hash that a test has made.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use portero::base::opaque::api_key::ApiKeyHash;
use portero::base::opaque::invitation::InvitationHash;
use portero::base::opaque::mail_token::MailTokenHash;
use portero::base::opaque::oauth::{AccessTokenHash, ClientRefreshHash, ClientSecretHash, CodeHash, DeviceCodeHash};
use portero::base::opaque::refresh_token::RefreshHash;
use portero::base::opaque::second_step::{DeviceTokenHash, MfaTokenHash};
use portero::base::opaque::service_key::KeyHash;
use portero::base::opaque::token::TokenHash;
use serde_json::Value;

/// Shorter ones would be found by chance.
const SHORTEST: usize = 8;
/// So many hex digits of a token or of its hash give it away; logs show eight of its hash.
const DIGITS: usize = 16;
/// How stored hashes of passwords begin, whoever made them.
const HASHES: [&str; 6] = ["$argon2", "$2a$", "$2b$", "$2y$", "$scrypt$", "$pbkdf2"];

#[derive(Debug, Default)]
struct Known {
    passwords: Vec<String>,
    /// The first digits of tokens and keys, and of what is stored of them.
    digits: HashSet<Vec<u8>>,
}

/// What is stored of a secret of OAuth.
fn of_oauth(secret: &str) -> Option<Vec<u8>> {
    let access = AccessTokenHash::of(secret).map(|hash| hash.as_bytes().to_vec());
    let code = CodeHash::of(secret).map(|hash| hash.as_bytes().to_vec());
    let refresh = ClientRefreshHash::of(secret).map(|hash| hash.as_bytes().to_vec());
    let client = ClientSecretHash::of(secret).map(|hash| hash.as_bytes().to_vec());
    let device = DeviceCodeHash::of(secret).map(|hash| hash.as_bytes().to_vec());
    access.or(code).or(refresh).or(client).or(device)
}

/// What is stored of a secret of a second step.
fn of_second_step(secret: &str) -> Option<Vec<u8>> {
    let waiting = MfaTokenHash::of(secret).map(|hash| hash.as_bytes().to_vec());
    waiting.or(DeviceTokenHash::of(secret).map(|hash| hash.as_bytes().to_vec()))
}

/// The secrets of one test.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Arc<Mutex<Known>>);

impl Secrets {
    pub fn add(&self, secret: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let token = TokenHash::of(secret).map(|hash| hex::encode(hash.as_bytes()));
        let of_oauth = of_oauth(secret).or(of_second_step(secret)).map(hex::encode);
        let api_key = ApiKeyHash::of(secret).map(|hash| hex::encode(hash.as_bytes()));
        let key = KeyHash::of(secret).map(|hash| hex::encode(hash.as_bytes()));
        let mail = MailTokenHash::of(secret).map(|hash| hex::encode(hash.as_bytes()));
        let refresh = RefreshHash::of(secret).map(|hash| hex::encode(hash.as_bytes()));
        let invitation = InvitationHash::of(secret).map(|hash| hex::encode(hash.as_bytes()));
        let client = ClientSecretHash::of(secret).map(|hash| hex::encode(hash.as_bytes()));
        if let Some(hash) = token.or(of_oauth).or(key).or(api_key).or(mail).or(refresh).or(invitation).or(client) {
            known.digits.insert(secret.as_bytes()[4..4 + DIGITS].to_vec());
            known.digits.insert(hash.into_bytes()[..DIGITS].to_vec());
        } else if secret.len() >= SHORTEST && !known.passwords.iter().any(|password| password == secret) {
            known.passwords.push(secret.to_owned());
            // A recovery code, as it may be typed.
            known.passwords.extend(secret.contains('-').then(|| secret.replace('-', "")));
        }
    }

    /// Learns the passwords that a request carries.
    pub fn add_from_request(&self, body: &str) {
        let Ok(Value::Object(body)) = serde_json::from_str::<Value>(body) else {
            let secrets = [
                "code",
                "refresh_token",
                "client_secret",
                "access_token",
                "token",
                "mfa_token",
                "device_code",
                "subject_token",
                "actor_token",
                "password",
                "current_password",
                "new_password",
                "again",
            ];
            for (_, value) in form_urlencoded::parse(body.as_bytes()).filter(|(name, _)| secrets.contains(&&**name)) {
                self.add(&value);
            }
            return;
        };
        let secrets = [
            "password",
            "password_hash",
            "current_password",
            "new_password",
            "token",
            "refresh_token",
            "invitation",
            "mfa_token",
            "device_token",
        ];
        for field in secrets {
            if let Some(Value::String(secret)) = body.get(field) {
                self.add(secret);
            }
        }
        for token in body.get("tokens").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            self.add(token);
        }
    }

    /// The secret that `text` shows, if it does.
    pub fn shown_in(&self, text: &str) -> Option<String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let passwords = known.passwords.iter().map(String::as_str);
        let shown = passwords.chain(HASHES).find(|secret| text.contains(secret)).map(str::to_owned);
        shown.or_else(|| {
            let runs = text.as_bytes().split(|byte| !byte.is_ascii_hexdigit());
            let mut windows = runs.flat_map(|run| run.windows(DIGITS));
            let digits = windows.find(|digits| known.digits.contains(*digits))?;
            Some(String::from_utf8_lossy(digits).into_owned())
        })
    }
}
