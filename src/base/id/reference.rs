//! How callers name a row: by id, or by name.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use unicode_normalization::UnicodeNormalization;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use super::Id;
use crate::base::error::Error;
use crate::base::names;

/// How a caller names a row. A number is always an id, also as a string; anything else is a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ref<T> {
    /// By id.
    Id(T),
    /// By name.
    Name(String),
    /// By a number that no id can be.
    NoSuchId,
    /// By a text that no name can be.
    NoSuchName,
}

impl<T: Id> Ref<T> {
    /// Reads what a caller wrote in a path, a body or on the command line.
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        // Longer than any name, and than any number anybody means.
        if text.chars().nth(names::MAX_NAME).is_some() {
            return Self::NoSuchName;
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
            text.parse().map_or(Self::NoSuchId, |id| Self::Id(T::new(id)))
        } else {
            Self::parse_name(text)
        }
    }

    /// Reads what can only be a name.
    pub fn parse_name(text: &str) -> Self {
        if text.is_empty() || text.contains(char::is_control) {
            Self::NoSuchName
        } else {
            Self::Name(text.nfc().collect())
        }
    }

    /// The id, where only ids are taken.
    pub fn id(&self) -> Result<T, Error> {
        match self {
            Self::Id(id) => Ok(*id),
            Self::NoSuchId => Err(T::not_found()),
            Self::Name(_) | Self::NoSuchName => Err(T::id_expected()),
        }
    }

    /// What to answer when no row bears this id or name.
    pub fn absent(&self) -> Error {
        match self {
            Self::Id(_) | Self::NoSuchId => T::not_found(),
            Self::Name(_) | Self::NoSuchName => T::invalid(),
        }
    }

    /// Whether the caller gave a name.
    pub fn is_name(&self) -> bool {
        matches!(self, Self::Name(_) | Self::NoSuchName)
    }

    /// The two bind parameters of `where id = $1 or name = $2`.
    pub fn key(&self) -> (Option<T>, Option<&str>) {
        match self {
            Self::Id(id) => (Some(*id), None),
            Self::Name(name) => (None, Some(name)),
            Self::NoSuchId | Self::NoSuchName => (None, None),
        }
    }
}

impl<'de, T: Id> Deserialize<'de> for Ref<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(std::marker::PhantomData<T>);

        impl<T: Id> Visitor<'_> for Reader<T> {
            type Value = Ref<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id (integer) or a name (string)")
            }

            fn visit_i64<E: de::Error>(self, id: i64) -> Result<Ref<T>, E> {
                Ok(i32::try_from(id).map_or(Ref::NoSuchId, |id| Ref::Id(T::new(id))))
            }

            fn visit_u64<E: de::Error>(self, id: u64) -> Result<Ref<T>, E> {
                Ok(i32::try_from(id).map_or(Ref::NoSuchId, |id| Ref::Id(T::new(id))))
            }

            /// `1.0` is an integer to JSON Schema, and to some serializers.
            fn visit_f64<E: de::Error>(self, id: f64) -> Result<Ref<T>, E> {
                if id.fract() != 0.0 {
                    return Err(E::invalid_type(de::Unexpected::Float(id), &self));
                }
                #[expect(clippy::cast_possible_truncation, reason = "saturates, far beyond any id")]
                let id = id as i64;
                self.visit_i64(id)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Ref<T>, E> {
                Ok(Ref::parse(text))
            }
        }

        deserializer.deserialize_any(Reader(std::marker::PhantomData))
    }
}

/// How [`Ref`] looks in the OpenAPI document.
#[derive(Debug)]
pub struct IdOrName;

impl PartialSchema for IdOrName {
    fn schema() -> RefOr<Schema> {
        let int32 = SchemaFormat::KnownFormat(KnownFormat::Int32);
        let id = ObjectBuilder::new().schema_type(Type::Integer).format(Some(int32));
        let name = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(names::MAX_NAME));
        OneOfBuilder::new().item(id).item(name).description(Some("an id, or a name")).examples([1]).into()
    }
}

impl ToSchema for IdOrName {}

/// How a [`Ref`] looks where names are not taken.
#[derive(Debug)]
pub struct IdOrDigits;

impl PartialSchema for IdOrDigits {
    fn schema() -> RefOr<Schema> {
        let int32 = SchemaFormat::KnownFormat(KnownFormat::Int32);
        let id = ObjectBuilder::new().schema_type(Type::Integer).format(Some(int32));
        let digits = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^-?[0-9]+$"))
            .max_length(Some(names::MAX_NAME));
        OneOfBuilder::new().item(id).item(digits).description(Some("an id")).examples([7]).into()
    }
}

impl ToSchema for IdOrDigits {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::ServiceId;

    #[test]
    fn a_number_is_always_an_id() {
        assert_eq!(Ref::<ServiceId>::parse("7"), Ref::Id(ServiceId(7)));
        assert_eq!(Ref::<ServiceId>::parse("-3"), Ref::Id(ServiceId(-3)));
        assert_eq!(Ref::<ServiceId>::parse("2147483648"), Ref::NoSuchId);
        assert_eq!(Ref::<ServiceId>::parse("99999999999999999999999"), Ref::NoSuchId);
        assert_eq!(Ref::<ServiceId>::parse("7a"), Ref::Name("7a".into()));
        assert_eq!(Ref::<ServiceId>::parse("a\0b"), Ref::NoSuchName);
        assert_eq!(Ref::<ServiceId>::parse(&"0".repeat(101)), Ref::NoSuchName);
        assert_eq!(Ref::<ServiceId>::parse("  "), Ref::NoSuchName);
    }

    #[test]
    fn an_integer_may_be_written_as_a_float() {
        let read = |json| serde_json::from_str::<Ref<ServiceId>>(json).ok();
        assert_eq!(read("7.0"), Some(Ref::Id(ServiceId(7))));
        assert_eq!(read("1e300"), Some(Ref::NoSuchId));
        assert_eq!(read("7.5"), None);
        assert_eq!(read("true"), None);
    }
}
