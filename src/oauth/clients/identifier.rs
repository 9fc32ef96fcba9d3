use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::documents::Address;
use crate::base::names::{self, text_type};

text_type!(
    /// What a client is called, on the page where people allow it to act for them.
    ClientName, |text| names::line(text, 100), max: 100,
    except: "", example: "Wiki"
);

/// How long an identifier may be: with `client:` before it, it is a username.
const LONGEST: usize = 90;

/// A client identifier (RFC 6749 section 2.2) of our own making or of somebody's choice. It stands in URLs as it is, and is
/// never a number: those are people, where a token says `sub`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Identifier(String);

impl Identifier {
    /// One that nobody has: 128 random bits, as hex digits behind a letter.
    pub fn of_random(bits: [u8; 16]) -> Self {
        Self(format!("c{}", hex::encode(bits)))
    }

    /// That of a client that is described by a document: its address.
    pub fn of_document(address: &Address) -> Self {
        Self(address.as_str().to_owned())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Identifier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_sign = |b: u8| matches!(b, b'.' | b'_' | b'~' | b'-');
        if text.is_empty() || text.len() > LONGEST {
            return Err(format!("must have 1 to {LONGEST} characters"));
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || is_sign(b)) || text.bytes().next().is_some_and(is_sign) {
            return Err(
                "must be made of ASCII letters, digits and `.`, `_`, `~`, `-`, and begin with a letter or digit".into(),
            );
        }
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return Err("can't be a number: in tokens those are people's ids; add a letter".into());
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Identifier {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Identifier> for String {
    fn from(identifier: Identifier) -> Self {
        identifier.0
    }
}

impl PartialSchema for Identifier {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(LONGEST))
            .pattern(Some("^(?![0-9]+$)[A-Za-z0-9][A-Za-z0-9._~-]*$"))
            .examples(["wiki"])
            .into()
    }
}

impl ToSchema for Identifier {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_stands_in_a_url_and_is_never_a_number() {
        for good in ["a", "wiki", "Wiki-2", "7a", "a.b_c~d-e", &"a".repeat(90), "client"] {
            assert!(good.parse::<Identifier>().is_ok(), "{good}");
        }
        for bad in ["", "7", "12345", "-a", ".", "a b", "a:b", "a/b", "ñ", "a\n", "https://a.example", &"a".repeat(91)]
        {
            assert!(bad.parse::<Identifier>().is_err(), "{bad}");
        }
        let made = Identifier::of_random([0x11; 16]);
        assert_eq!(made.as_str().parse(), Ok(made.clone()));
    }
}
