use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// The longest name.
const MAX: usize = 64;

/// What an attribute is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AttributeName(String);

impl AttributeName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AttributeName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_of_it = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        let is_name =
            text.len() <= MAX && text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(is_of_it);
        if is_name {
            return Ok(Self(text.to_owned()));
        }
        let shown: String = text.chars().take(MAX).collect();
        Err(format!(
            "`{}` is no name of an attribute: it begins with a letter, and has up to {MAX} letters, digits, `_` and `-`",
            shown.escape_debug()
        ))
    }
}

impl TryFrom<String> for AttributeName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<AttributeName> for String {
    fn from(name: AttributeName) -> Self {
        name.0
    }
}

impl fmt::Display for AttributeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialSchema for AttributeName {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(MAX))
            .pattern(Some("^[A-Za-z][A-Za-z0-9_-]*$"))
            .examples(["department"])
            .into()
    }
}

impl ToSchema for AttributeName {}
