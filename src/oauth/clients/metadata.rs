//! What callers send of a client: the names are those of dynamic registration (RFC 7591 section 2, OpenID Connect
//! Registration section 2), where these have one.

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Admits, AuthMethod, ClientName, Consent, GrantType, Identifier, TokenFormat};
use crate::base::id::{IdOrName, Ref, ServiceId};
use crate::base::patch::Patch;
use crate::oauth::keys::Algorithm;
use crate::platform::jwks::KeySet;

macro_rules! metadata {
    (
        $(#[$new_doc:meta])* new $new:ident { $($(#[$own_doc:meta])* $own:ident: $own_type:ty,)* }
        $(#[$change_doc:meta])* change $change:ident { $($(#[$name_doc:meta])* $name:ident: $name_type:ty,)* }
        both { $($(#[$doc:meta])* $field:ident: $type:ty,)* }
    ) => {
        #[derive(Debug, Deserialize, ToSchema)]
        $(#[$new_doc])*
        #[serde(deny_unknown_fields)]
        pub struct $new {
            $($(#[$own_doc])* pub $own: $own_type,)*
            $(#[serde(default)] $(#[$doc])* pub $field: $type,)*
        }

        #[derive(Debug, Default, Deserialize, ToSchema)]
        $(#[$change_doc])*
        #[serde(deny_unknown_fields)]
        pub struct $change {
            $(#[serde(default)] $(#[$name_doc])* pub $name: $name_type,)*
            $(#[serde(default)] $(#[$doc])* pub $field: $type,)*
        }

        impl $new {
            /// What is said of the client beside its name, its identifier and its service.
            pub fn rest(&mut self) -> $change {
                $change { $($field: std::mem::take(&mut self.$field),)* ..$change::default() }
            }
        }
    };
}

metadata! {
    /// A client to register. Its name, its service and its redirect URIs are enough: that makes a confidential client that
    /// logs people in by the authorization code grant with PKCE.
    #[schema(example = json!({
        "client_name": "Wiki", "service_id": 4, "redirect_uris": ["https://wiki.example.com/oauth/callback"]
    }))]
    new NewClient {
        /// What requests name it by, for good. At random by default.
        #[serde(default)]
        client_id: Option<Identifier>,
        /// What people see.
        client_name: ClientName,
        /// The service that it belongs to, by id or name: who manages that service manages it.
        #[schema(value_type = IdOrName)]
        service_id: Ref<ServiceId>,
    }
    /// What to change of a client; at least one field. A list replaces the one before it.
    #[schema(min_properties = 1, example = json!({"redirect_uris": ["https://wiki.example.com/oauth/callback"]}))]
    change ClientChange {
        /// What people see.
        client_name: Option<ClientName>,
        #[schema(ignore)]
        client_id: Settled,
        #[schema(ignore)]
        service_id: Settled,
    }
    both {
        /// How it proves who it is at the token endpoint. `client_secret_basic` by default; `none` makes it a public client,
        /// for programs that can't keep a secret: apps, and pages in a browser.
        #[schema(example = "client_secret_basic")]
        token_endpoint_auth_method: Option<AuthMethod>,
        /// How it gets tokens: `authorization_code` and `refresh_token` by default.
        #[schema(max_items = 6, example = json!(["authorization_code", "refresh_token"]))]
        grant_types: Option<Vec<GrantType>>,
        /// Where people are sent back to: compared to the letter, but for the port of loopback addresses. `https`; `http` on
        /// loopback addresses; a private-use scheme such as `com.example.app:/callback` for a public client.
        #[schema(max_items = 50, example = json!(["https://wiki.example.com/oauth/callback"]))]
        redirect_uris: Option<Vec<String>>,
        /// Where people may be sent after they have logged out.
        #[schema(max_items = 50, example = json!(["https://wiki.example.com/"]))]
        post_logout_redirect_uris: Option<Vec<String>>,
        /// Where it is told of sessions that have ended; null for nowhere.
        #[schema(value_type = Option<String>, example = "https://wiki.example.com/oauth/logout")]
        backchannel_logout_uri: Patch<String>,
        /// What it may ask for, with spaces between: `openid`, `profile`, `email`, `offline_access`, `roles`, `permissions`, and
        /// permissions in a service of its audience as `service:permission`.
        #[schema(max_length = 20_000, example = "openid profile email offline_access")]
        scope: Option<String>,
        /// The services that its access tokens are for, by id or name: its own by default. You must manage each of them.
        #[schema(value_type = Option<Vec<IdOrName>>, max_items = 100, example = json!([4]))]
        audience: Option<Vec<Ref<ServiceId>>>,
        /// What its access tokens look like: signed ones by default.
        #[schema(example = "jwt")]
        access_token_format: Option<TokenFormat>,
        /// How long these live: 300 by default.
        #[schema(minimum = 10, maximum = 86_400, example = 300)]
        access_token_lifetime_seconds: Option<i32>,
        /// How its ID tokens and its signed access tokens are signed: `ES256` by default.
        #[schema(example = "ES256")]
        id_token_signed_response_alg: Option<Algorithm>,
        /// Whether it must send a code challenge (RFC 7636): true by default, and always for public clients.
        #[schema(example = true)]
        require_pkce: Option<bool>,
        /// Whether its tokens are bound to a key of its own (RFC 9449).
        #[schema(example = false)]
        dpop_bound_access_tokens: Option<bool>,
        /// Whether it must push its authorization requests (RFC 9126): false by default.
        #[schema(example = false)]
        require_pushed_authorization_requests: Option<bool>,
        /// Whether people are asked before it acts for them: `remember` by default.
        #[schema(example = "remember")]
        consent: Option<Consent>,
        /// Whom it lets in: `everybody` by default, or who holds something in its service (`members`).
        #[schema(example = "everybody")]
        who_may_use: Option<Admits>,
        /// The public keys that it signs assertions with, for `private_key_jwt`; null for none.
        #[schema(value_type = Option<KeySet>)]
        jwks: Patch<Value>,
        /// Where these are instead; null for nowhere.
        #[schema(value_type = Option<String>, example = json!(null))]
        jwks_uri: Patch<String>,
    }
}

/// What a client keeps, whatever is said.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Settled;

impl<'de> Deserialize<'de> for Settled {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(D::Error::custom("can't be changed: leave it out, or register another client"))
    }
}

impl ClientChange {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        let Self {
            client_name: None,
            client_id: Settled,
            service_id: Settled,
            token_endpoint_auth_method: None,
            grant_types: None,
            redirect_uris: None,
            post_logout_redirect_uris: None,
            backchannel_logout_uri: Patch::Keep,
            scope: None,
            audience: None,
            access_token_format: None,
            access_token_lifetime_seconds: None,
            id_token_signed_response_alg: None,
            require_pkce: None,
            dpop_bound_access_tokens: None,
            require_pushed_authorization_requests: None,
            consent: None,
            who_may_use: None,
            jwks: Patch::Keep,
            jwks_uri: Patch::Keep,
        } = self
        else {
            return false;
        };
        true
    }
}
