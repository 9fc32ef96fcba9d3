//! What is said of a provider in words.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use zeroize::Zeroizing;

use crate::base::names::{self, literal, text_type};
use crate::platform::outbound::must_be_for_calls;

text_type!(
    /// What people read of a provider.
    DisplayName, |text| names::line(text, 100), max: 100,
    except: "", example: "Google"
);

text_type!(
    /// What a provider calls Portero.
    RemoteClientId, |text| literal(text, 500), max: 500,
    except: "", example: "1234.apps.example.com"
);

text_type!(
    /// What the claim of groups says.
    GroupValue, |text| literal(text, 200), max: 200,
    except: "", example: "staff"
);

/// A text of which this says whether it is one.
macro_rules! plain_type {
    ($(#[$doc:meta])* $name:ident, $rule:expr, max: $max:literal, pattern: $pattern:literal, example: $example:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let rule: fn(&str) -> Result<(), String> = $rule;
                rule(text).map(|()| Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from($name(text): $name) -> Self {
                text
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some($max));
                text.pattern(Some($pattern)).examples([$example]).into()
            }
        }

        impl ToSchema for $name {}
    };
}

plain_type!(
    /// What addresses name a provider by.
    ProviderName, name, max: 40, pattern: "^[a-z][a-z0-9-]{0,39}$", example: "google"
);

plain_type!(
    /// What a provider calls itself: an https address, compared to the letter.
    ProviderIssuer, issuer, max: 500,
    pattern: r"^https://[a-z0-9]([a-z0-9.-]{0,200}[a-z0-9])?(:[1-9][0-9]{0,3})?(/[A-Za-z0-9._~-]{1,40}){0,4}/?$",
    example: "https://accounts.google.com"
);

plain_type!(
    /// A scope (RFC 6749 section 3.3).
    Scope, scope, max: 100, pattern: r"^[\x21\x23-\x5B\x5D-\x7E]{1,100}$", example: "openid"
);

fn name(text: &str) -> Result<(), String> {
    let is_of_it = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if text.len() <= 40 && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.bytes().all(is_of_it) {
        return Ok(());
    }
    Err("begins with a letter, and has up to 40 small letters, digits and `-`".to_owned())
}

fn issuer(text: &str) -> Result<(), String> {
    if text.len() > 500 {
        return Err("too long: at most 500 characters".to_owned());
    }
    must_be_for_calls(text)?;
    if text.contains('?') { Err("has a query, which an issuer never has".to_owned()) } else { Ok(()) }
}

fn scope(text: &str) -> Result<(), String> {
    let is_of_it = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    if (1..=100).contains(&text.len()) && text.bytes().all(is_of_it) {
        return Ok(());
    }
    Err("a scope has 1 to 100 printable ASCII characters, and no space, quote or backslash".to_owned())
}

/// What proves Portero at a provider. It is never shown.
#[derive(Clone)]
pub struct ProviderSecret(Zeroizing<String>);

impl ProviderSecret {
    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for ProviderSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl TryFrom<Zeroizing<String>> for ProviderSecret {
    type Error = String;

    fn try_from(text: Zeroizing<String>) -> Result<Self, String> {
        let is_one = (1..=1024).contains(&text.len()) && !text.contains(char::is_control);
        if is_one { Ok(Self(text)) } else { Err("must have 1 to 1024 bytes, and no control characters".to_owned()) }
    }
}

impl<'de> Deserialize<'de> for ProviderSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(Zeroizing::new(String::deserialize(deserializer)?)).map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for ProviderSecret {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(1024));
        text.pattern(Some("^[ -~]+$")).write_only(true).examples(["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"]).into()
    }
}

impl ToSchema for ProviderSecret {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_issuers_are_https() {
        for good in ["google", "a", "acme-2"] {
            assert!(good.parse::<ProviderName>().is_ok(), "{good}");
        }
        for bad in ["", "Google", "7", "-a", "a b", "a/b", "..", &"a".repeat(41)] {
            assert!(bad.parse::<ProviderName>().is_err(), "{bad}");
        }
        for good in ["https://a.example", "https://a.example/", "https://a.example:8443/realms/x"] {
            assert!(good.parse::<ProviderIssuer>().is_ok(), "{good}");
        }
        for bad in ["", "http://a.example", "https://a.example/?a=b", "https://a.example/#a", "https://u:p@a.example"] {
            assert!(bad.parse::<ProviderIssuer>().is_err(), "{bad}");
        }
        for bad in ["", "a b", "\"", "\\", "é"] {
            assert!(bad.parse::<Scope>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_secret_is_never_shown() {
        let secret = ProviderSecret::try_from(Zeroizing::new("correct horse".to_owned())).expect("a secret");
        assert!(!format!("{secret:?}").contains("horse"));
    }
}
