//! OAuth 2.1 and OpenID Connect: the standard doors, on the same people, services, roles and sessions.

pub mod audience;
pub mod authorizations;
pub mod backchannel_logout;
pub mod claims;
pub mod clients;
pub mod consents;
pub mod device;
pub mod discovery;
pub mod dpop;
pub mod error;
pub mod form;
pub mod introspection;
pub mod issuer;
pub mod keys;
pub mod logout;
pub mod parameters;
pub mod predecessor;
pub mod registration;
pub mod revocation;
pub mod scopes;
pub mod token;
pub mod tokens;
pub mod userinfo;

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRef;
use time::Duration;

use crate::access::Access;
use crate::base::clock::Clock;
use crate::base::id::{ClientId, Ref, ServiceId};
use crate::base::network::Network;
use crate::gate::Gate;
use crate::identity::Identity;
use crate::platform::Platform;
use crate::platform::database::{Address, Batch};
use crate::platform::http::Document;
use crate::platform::jwks::RemoteKeys;
use crate::platform::shares::LeakyBuckets;
use clients::ClientLookups;
use clients::documents;
use introspection::Introspections;
use issuer::Issuer;
use keys::Keyring;
use tokens::Issues;

/// The state of OAuth. A clone costs next to nothing.
#[derive(Clone, Debug)]
pub struct OAuth(Arc<Parts>);

/// What an [`OAuth`] consists of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The floor below.
    pub access: Access,
    /// Who signs, and where its endpoints are.
    pub issuer: Issuer,
    /// What clients are told of it, as it is sent.
    pub metadata: discovery::Documents,
    /// What backends are told that ask for decisions, as it is sent.
    pub decision_point: Document,
    /// What tokens are signed with.
    pub keys: Keyring,
    /// The keys of clients that have them at an address of their own.
    pub remote_keys: RemoteKeys<ClientId>,
    /// Whether the service of clients that are described by documents is there.
    pub document_service: Arc<documents::Seen>,
    /// How many documents of clients are read.
    pub document_reads: documents::Budget,
    /// Where it is heard that keys have changed, if there is such a place.
    pub ears: Option<Address>,
    /// Where clients are asked for.
    pub client_lookups: Batch<ClientLookups>,
    /// Where access tokens of clients that act for themselves are stored.
    pub issues: Batch<Issues>,
    /// Where it is asked what tokens are good for.
    pub introspections: Batch<Introspections>,
    /// How much public clients leave behind, by address.
    pub public_clients: Option<LeakyBuckets<Network>>,
    /// What the operator has decided.
    pub rules: Settings,
}

/// What the operator decides of OAuth.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `SIGNING_KEY_ROTATION_DAYS`.
    pub rotate_keys_every: Duration,
    /// `CLIENT_REGISTRATION`: programs may register themselves as clients, with an initial access token.
    pub client_registration: bool,
    /// `CLIENT_ID_METADATA_SERVICE`: the service of clients that are described by a document of theirs, if there may be any.
    pub document_service: Option<Ref<ServiceId>>,
}

impl Deref for Parts {
    type Target = Access;

    fn deref(&self) -> &Access {
        &self.access
    }
}

impl Deref for OAuth {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl OAuth {
    /// Puts them together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The same by another clock.
    #[must_use]
    pub fn with_clock(&self, clock: Clock) -> Self {
        Self::new(Parts { access: self.access.with_clock(clock), ..(*self.0).clone() })
    }
}

impl FromRef<OAuth> for Platform {
    fn from_ref(oauth: &OAuth) -> Self {
        oauth.platform.clone()
    }
}

impl FromRef<OAuth> for Gate {
    fn from_ref(oauth: &OAuth) -> Self {
        oauth.gate.clone()
    }
}

impl FromRef<OAuth> for Identity {
    fn from_ref(oauth: &OAuth) -> Self {
        oauth.identity.clone()
    }
}
