use std::fmt;

use serde::Deserialize;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};
use zeroize::Zeroizing;

/// No code is longer, however its groups are set apart.
const LONGEST: usize = 64;

/// A code, as somebody has typed it.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct Code(Zeroizing<String>);

impl From<String> for Code {
    fn from(typed: String) -> Self {
        Self(Zeroizing::new(typed))
    }
}

impl Code {
    /// Without what sets its groups apart; `None` of what is no code.
    pub fn bare(&self) -> Option<Zeroizing<String>> {
        let is_kept = |c: &char| !c.is_whitespace() && *c != '-';
        let bare: Zeroizing<String> = Zeroizing::new(self.0.chars().filter(is_kept).take(LONGEST).collect());
        (self.0.len() <= LONGEST && bare.is_ascii()).then_some(bare)
    }

    /// Whether it looks like one of an authenticator.
    pub fn is_of_an_authenticator(&self) -> bool {
        self.bare().is_some_and(|bare| bare.len() == 6 && bare.bytes().all(|b| b.is_ascii_digit()))
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(***)")
    }
}

impl PartialSchema for Code {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).max_length(Some(LONGEST)).examples(["123456"]).into()
    }
}

impl ToSchema for Code {}
