//! What a client is made of, in the words of its standards.

use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

macro_rules! words {
    ($($(#[doc = $doc:literal])+ $name:ident { $($(#[$variant_doc:meta])+ $variant:ident = $text:literal,)+ })+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])+ #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// As requests and the database say it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        // Derived, it would not see through the macro what its variants are called.
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let words = Self::ALL.iter().map(|word| word.as_str());
                let description = concat!($($doc,)+).trim();
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .enum_values(Some(words))
                    .description(Some(description))
                    .into()
            }
        }

        impl ToSchema for $name {}

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let found = Self::ALL.iter().find(|one| one.as_str() == text).copied();
                found.ok_or_else(|| {
                    let all: Vec<&str> = Self::ALL.iter().map(|one| one.as_str()).collect();
                    format!("must be one of {}", all.join(", "))
                })
            }
        }
    )+};
}

words! {
    /// How a client proves who it is at the token endpoint (`token_endpoint_auth_method`, RFC 7591 section 2).
    AuthMethod {
        /// A public client: it can't keep a secret.
        None = "none",
        /// Its secret in `Authorization: Basic`. The other place is taken as well.
        ClientSecretBasic = "client_secret_basic",
        /// Its secret in the body. The other place is taken as well.
        ClientSecretPost = "client_secret_post",
        /// A JWT that it signs (RFC 7523 section 2.2).
        PrivateKeyJwt = "private_key_jwt",
    }

    /// How a client gets tokens (`grant_types`, RFC 7591 section 2).
    GrantType {
        /// RFC 6749 section 4.1.
        AuthorizationCode = "authorization_code",
        /// RFC 6749 section 6.
        RefreshToken = "refresh_token",
        /// RFC 6749 section 4.4: the client acts for itself.
        ClientCredentials = "client_credentials",
        /// RFC 6749 section 4.3: for callers of long ago; OAuth 2.1 has none of it.
        Password = "password",
        /// RFC 8628.
        DeviceCode = "urn:ietf:params:oauth:grant-type:device_code",
        /// RFC 8693.
        TokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange",
    }

    /// Whether people are asked before a client acts for them.
    Consent {
        /// Each time.
        Ask = "ask",
        /// Once for each scope.
        Remember = "remember",
        /// Never: it is one of the operator's own.
        None = "none",
    }

    /// Whom a client lets in.
    Admits {
        /// Everybody who can log in.
        Everybody = "everybody",
        /// Who holds something in the client's service.
        Members = "members",
    }

    /// What access tokens look like.
    TokenFormat {
        /// Signed, for resource servers that verify by themselves (RFC 9068).
        Jwt = "jwt",
        /// A random text, for those that ask.
        Opaque = "opaque",
    }
}

impl AuthMethod {
    /// Whether a client that proves itself so has secrets.
    pub fn has_secrets(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost)
    }
}
