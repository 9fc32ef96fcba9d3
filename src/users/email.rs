use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::names;

/// The longest address that a mail can be sent to (RFC 5321 section 4.5.3.1.3, less the two angle brackets).
const MAX_LENGTH: usize = 254;

/// An e-mail address: as it was given, after NFC and without space around it. Two that differ in case are the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(lettre::Address);

impl Email {
    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_ref()
    }

    /// Whether both are the same but for case.
    pub fn is_same(&self, other: &Self) -> bool {
        self.as_str().to_lowercase() == other.as_str().to_lowercase()
    }

    /// As mail is addressed.
    pub fn address(&self) -> &lettre::Address {
        &self.0
    }
}

impl std::str::FromStr for Email {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = names::line(text.trim(), MAX_LENGTH)?;
        let malformed = || "is not an e-mail address, such as ada@example.com".to_owned();
        // No mail server takes an address with a literal for a domain, as RFC 5321 section 4.1.3 has it, from outside.
        if text.contains(|c: char| c.is_whitespace() || c == '[') {
            return Err(malformed());
        }
        text.parse().map(Self).map_err(|_| malformed())
    }
}

impl TryFrom<String> for Email {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.as_str().to_owned()
    }
}

impl PartialSchema for Email {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Email)))
            .min_length(Some(3))
            .max_length(Some(MAX_LENGTH))
            .examples(["ada@example.com"])
            .into()
    }
}

impl ToSchema for Email {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_name_and_a_domain_and_nothing_that_ends_a_header() {
        for good in
            ["ada@example.com", "Ada.Quispe+portero@mail.example.co.uk", " ada@example.com ", "ñandú@ejemplo.es"]
        {
            assert!(good.parse::<Email>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "ada",
            "ada@",
            "@example.com",
            "ada@example.com\r\nBcc: eva@example.com",
            "ada@exam\nple.com",
            "Ada <ada@example.com>",
            "ada@example.com, eva@example.com",
            "ada@@example.com",
            "a da@example.com",
            "\"a da\"@example.com",
            &format!("{}@example.com", "a".repeat(250)),
        ] {
            assert!(bad.parse::<Email>().is_err(), "{bad:?}");
        }
        assert_eq!(
            "jose\u{301}@example.com".parse::<Email>().map(String::from).as_deref(),
            Ok("jos\u{e9}@example.com")
        );
    }
}
