//! Typed ids, and the two ways in which callers name a row: by id, or by name.

use std::fmt;

use serde::Serialize;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::base::error::{self, Error};
use crate::base::names;

/// The id of a row of one table.
pub trait Id: Copy {
    /// The code for a name nobody bears, or an unparsable one (400).
    const INVALID: &'static str;
    /// The code for an id that no row has (404).
    const NOT_FOUND: &'static str;
    /// What a row of this table is called.
    const NOUN: &'static str;

    /// Wraps a row's number.
    fn new(id: i32) -> Self;

    /// 404: no row has this id.
    fn not_found() -> Error {
        Error::not_found(Self::NOT_FOUND, format!("no {} has that id", Self::NOUN))
    }

    /// 409: the name means several.
    fn ambiguous(name: &str, ids: &[i32]) -> Error {
        let whose = |id: &i32| if *id <= 0 { format!("{id} (Portero's own)") } else { id.to_string() };
        let meant = ids.iter().map(whose).collect::<Vec<_>>().join(" or ");
        let detail = format!("`{name}` means several: send the id of the {} that you mean, {meant}", Self::NOUN);
        Error::conflict("ambiguous_name", detail).with("ids", ids)
    }

    /// 400: a name, where only ids are taken.
    fn id_expected() -> Error {
        let (noun, listed) = (Self::NOUN, Self::NOUN.split(' ').next_back().unwrap_or_default());
        let detail = format!("this takes the {noun}'s id (a number), not a name; the list of {listed}s shows the ids");
        Error::bad_request(Self::INVALID, detail)
    }

    /// 400: the name is unknown.
    fn invalid() -> Error {
        Error::bad_request(Self::INVALID, format!("no {} has that name", Self::NOUN))
    }
}

/// Defines a typed id.
macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $noun:literal, $invalid:literal, $not_found:literal) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, sqlx::Type, utoipa::ToSchema,
        )]
        #[serde(transparent)]
        #[sqlx(transparent)]
        #[schema(value_type = i32, example = 1)]
        pub struct $name(pub i32);

        impl $crate::base::id::Id for $name {
            const INVALID: &'static str = $invalid;
            const NOT_FOUND: &'static str = $not_found;
            const NOUN: &'static str = $noun;

            fn new(id: i32) -> Self {
                Self(id)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}
pub(crate) use id_type;
id_type!(
    /// A person's id.
    PersonId, "user", "invalid_user_id", "user_not_found"
);

id_type!(
    /// A role's id.
    RoleId, "role", "invalid_role_id", "role_not_found"
);

impl RoleId {
    /// Everything, everywhere when held in Portero itself.
    pub const ADMINISTRATOR: Self = Self(0);

    /// Whether this role is one of Portero's own.
    pub fn is_built_in(self) -> bool {
        self.0 <= 0
    }

    /// Refuses changes to Portero's own roles (409 `built_in`).
    pub fn must_not_be_built_in(self) -> error::Result<()> {
        if self.is_built_in() {
            Err(Error::conflict("built_in", "Portero's own roles can't be changed; make a role of your own"))
        } else {
            Ok(())
        }
    }
}

id_type!(
    /// A permission's id.
    PermissionId, "permission", "invalid_permission_id", "permission_not_found"
);

impl PermissionId {
    /// Whether this permission is one of Portero's own.
    pub fn is_built_in(self) -> bool {
        self.0 <= 0
    }

    /// Refuses changes to Portero's own permissions (409 `built_in`).
    pub fn must_not_be_built_in(self) -> error::Result<()> {
        if self.is_built_in() {
            Err(Error::conflict("built_in", "Portero's own permissions can't be changed; make one of your own"))
        } else {
            Ok(())
        }
    }
}

id_type!(
    /// A service's id.
    ServiceId, "service", "invalid_service_id", "service_not_found"
);

impl ServiceId {
    /// Portero itself: what is held here holds everywhere.
    pub const PORTERO: Self = Self(0);

    /// Refuses changes to Portero's own row (409 `built_in`).
    pub fn must_not_be_built_in(self) -> error::Result<()> {
        if self == Self::PORTERO {
            Err(Error::conflict("built_in", "service 0 is Portero itself and can't be changed or deleted"))
        } else {
            Ok(())
        }
    }
}

id_type!(
    /// A group's id.
    GroupId, "group", "invalid_group_id", "group_not_found"
);
id_type!(
    /// A service key's id.
    KeyId, "service key", "invalid_key_id", "key_not_found"
);
id_type!(
    /// A client's id: the row's number, not what requests name it by.
    ClientId, "client", "invalid_client_id", "client_not_found"
);
id_type!(
    /// The id of one of a client's secrets.
    ClientSecretId, "client secret", "invalid_client_secret_id", "client_secret_not_found"
);
id_type!(
    /// An invitation's id.
    InvitationId, "invitation", "invalid_invitation_id", "invitation_not_found"
);

/// What backends know a session by: 32 hex digits of the SHA-256 of the stored hash of its token. It opens nothing, and
/// leads neither to the token nor to what is stored of it. The trigger `tokens_cache_told` derives the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, pattern = "^[0-9a-f]{32}$", example = "9c2e4d8fe97d881430de4e754b4205b9")]
pub struct SessionId(String);

impl SessionId {
    /// The 32 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a caller presents; `None` when it can't be one.
    pub fn parse(text: &str) -> Option<Self> {
        let is_one = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        is_one.then(|| Self(text.to_owned()))
    }

    /// That of the session whose token has this hash.
    pub fn of(token_hash: &[u8; 32]) -> Self {
        Self(hex::encode(&Sha256::digest(token_hash)[..16]))
    }
}

/// The row of a family. What people know it by is another id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent)]
pub struct FamilyId(pub i64);

/// The row of an authorization: what a person lets a client do, from one login on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct AuthorizationId(pub i64);

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
