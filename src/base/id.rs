//! Typed ids, and the two ways in which callers name a row: by id, or by name.

mod reference;

use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::base::error::{self, Error};

pub use reference::{IdOrDigits, IdOrName, Ref};

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
    /// The id of one of a person's second factors.
    FactorId, "factor", "invalid_factor_id", "factor_not_found"
);
id_type!(
    /// A passkey's id.
    PasskeyId, "passkey", "invalid_passkey_id", "passkey_not_found"
);
id_type!(
    /// The id of a device on which a person's password is enough.
    TrustedDeviceId, "trusted device", "invalid_device_id", "device_not_found"
);
id_type!(
    /// A service key's id.
    KeyId, "service key", "invalid_key_id", "key_not_found"
);
id_type!(
    /// An API key's id.
    ApiKeyId, "API key", "invalid_api_key_id", "api_key_not_found"
);
id_type!(
    /// The id of an issuer that a service trusts.
    IssuerId, "trusted issuer", "invalid_issuer_id", "issuer_not_found"
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
    /// A policy's id.
    PolicyId, "policy", "invalid_policy_id", "policy_not_found"
);

id_type!(
    /// The id of a service's type of resource.
    ResourceTypeId, "resource type", "invalid_resource_type_id", "resource_type_not_found"
);

id_type!(
    /// An invitation's id.
    InvitationId, "invitation", "invalid_invitation_id", "invitation_not_found"
);

id_type!(
    /// The id of another identity provider.
    ProviderId, "identity provider", "invalid_provider_id", "provider_not_found"
);

id_type!(
    /// The id of somebody's account at another identity provider.
    ProviderLinkId, "linked account", "invalid_linked_account_id", "linked_account_not_found"
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
        let mut digits = [0; 32];
        // Each check tells one: digit by digit, as `hex::encode` goes, takes ten times as long.
        let _ = hex::encode_to_slice(&Sha256::digest(token_hash)[..16], &mut digits);
        Self(str::from_utf8(&digits).unwrap_or_default().to_owned())
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
