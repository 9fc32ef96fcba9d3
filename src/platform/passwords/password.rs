use std::fmt;

use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::Strength;
use crate::base::error::{Error, Result};

/// The longest password, in characters. NIST SP 800-63B-4 asks for at least 64 to be allowed.
const MAX_LENGTH: usize = 256;

/// And in bytes before NFC.
const MAX_BYTES: usize = MAX_LENGTH * 12;

/// A new password: at most 256 characters after NFC, and at least `PASSWORD_MIN_LENGTH`.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, format = Password, min_length = 8, max_length = 256, example = "correct horse battery")]
pub struct Password(Zeroizing<String>);

impl Password {
    /// What is hashed: NFC, so that the same password typed on another keyboard is the same.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The text, for the one message that tells somebody the random password they were given.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Password {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let text = Zeroizing::new(text);
        if text.len() > MAX_BYTES {
            return Err(format!("too long: at most {MAX_LENGTH} characters"));
        }
        let text: Zeroizing<String> = Zeroizing::new(text.nfc().collect());
        match text.chars().count() {
            0 => Err("must not be empty".to_owned()),
            n if n > MAX_LENGTH => Err(format!("too long: {n} characters, at most {MAX_LENGTH} are allowed")),
            _ => Ok(Self(text)),
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

/// Whatever somebody types to log in: compared, never kept, so nothing is asked of it. Of what is longer than any password no
/// more is kept than shows that.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(from = "String")]
#[schema(value_type = String, format = Password, example = "juan-hash")]
pub struct Presented(Zeroizing<String>);

impl Presented {
    /// After NFC, as [`Password`]s are hashed.
    pub fn normalised(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.nfc().collect())
    }

    /// As typed, as other systems may have hashed it.
    pub fn raw(&self) -> &str {
        &self.0
    }
}

impl From<String> for Presented {
    fn from(text: String) -> Self {
        let text = Zeroizing::new(text);
        if text.len() <= MAX_BYTES {
            return Self(text);
        }
        let longer = text.ceil_char_boundary(MAX_BYTES + 1);
        Self(Zeroizing::new(text[..longer].to_owned()))
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presented(***)")
    }
}

/// Which passwords are good enough.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// The shortest, in characters (`PASSWORD_MIN_LENGTH`).
    pub min_length: usize,
    /// Whether common passwords, and words about their owner, are refused.
    pub refuse_guessable: bool,
}

impl Policy {
    /// NIST SP 800-63B-4 asks for 15 where the password is the only factor: the setting is for that.
    pub const DEFAULT_MIN_LENGTH: usize = 8;

    /// Nobody demonstrates with passwords worth guessing.
    pub const OF_THE_DEMO: Self = Self { min_length: 1, refuse_guessable: false };

    /// As NIST SP 800-63B-4 asks (section 3.1.1.2): a length, a list of what is commonly used, expected or compromised, and
    /// no rules about what a password is composed of.
    pub fn at_least(min_length: usize) -> Self {
        Self { min_length, refuse_guessable: true }
    }

    /// Refuses a password that is too short, or too easily guessed by whoever knows `about` its owner: username, name,
    /// address.
    ///
    /// # Errors
    /// 400 `invalid_request_body`; with a member `feedback` where the password is easily guessed.
    pub fn accept(&self, password: &Password, about: &[&str]) -> Result<()> {
        let length = password.0.chars().count();
        if length < self.min_length {
            let fault = format!("too short: {length} characters, at least {} are needed", self.min_length);
            return Err(Error::invalid_field("password", &fault));
        }
        let lower = password.0.to_lowercase();
        if about.iter().any(|known| known.to_lowercase() == lower) {
            let fault = "must not be the username, the name or the address; choose something only you know";
            return Err(Error::invalid_field("password", fault));
        }
        if !self.refuse_guessable {
            return Ok(());
        }
        let strength = Strength::of(&password.0, about);
        if strength.is_enough() {
            return Ok(());
        }
        let fault = format!("too easily guessed. {}", strength.advice());
        let feedback = serde_json::to_value(&strength).map_err(anyhow::Error::from)?;
        Err(Error::invalid_field("password", fault.trim_end()).with("feedback", feedback))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::try_from(text.to_owned()).expect("a password")
    }

    #[test]
    fn the_same_password_from_another_keyboard_is_the_same() {
        assert_eq!(password("caf\u{e9} con leche").as_bytes(), password("cafe\u{301} con leche").as_bytes());
    }

    #[test]
    fn short_ones_and_usernames_are_refused() {
        let policy = Policy::at_least(8);
        assert!(policy.accept(&password("zk4!q9w"), &[]).is_err());
        assert!(policy.accept(&password("ñandúcho"), &[]).is_ok(), "characters, not bytes");
        assert!(policy.accept(&password("Xw4-Kp9-Rt"), &["xw4-kp9-rt"]).is_err());
        assert!(Password::try_from("x".repeat(257)).is_err());
        assert!(Password::try_from("x".repeat(128)).is_ok());
    }

    #[test]
    fn common_ones_are_refused_with_the_reason_and_what_to_do() {
        let refusal = Policy::at_least(8).accept(&password("password123"), &[]).expect_err("a refusal").to_string();
        assert!(refusal.contains("`password`: too easily guessed. This is a"), "{refusal}");
        assert!(refusal.contains("Add another word"), "{refusal}");
        assert!(Policy::OF_THE_DEMO.accept(&password("password"), &[]).is_ok());
        assert!(Policy::OF_THE_DEMO.accept(&password("juan"), &["juan"]).is_err());
    }

    #[test]
    fn what_is_longer_than_any_password_is_no_password_and_costs_little() {
        let longest = "\u{1f469}\u{301}".repeat(512);
        assert_eq!(Presented::from(longest.clone()).raw(), longest);
        let longer = Presented::from("é".repeat(30_000));
        assert_eq!(longer.raw().len(), MAX_BYTES + 2);
        assert!(Password::try_from(longer.raw().to_owned()).is_err());
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", password("correct horse")), "Password(***)");
    }
}
