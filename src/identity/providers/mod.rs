//! Other identity providers: people log in here by an account that they have elsewhere. A link between the two is by issuer and
//! subject alone, and is made by whoever has proved both.

mod account;
mod arrive;
mod come_back;
mod depart;
mod follow;
mod github;
mod id_token;
mod join;
mod link;
mod logout;
mod logout_routes;
mod manage;
mod metadata;
mod newcomer;
mod oidc;
mod own_routes;
mod partner;
mod proofs;
mod provider;
mod refusal;
mod routes;
mod sealed;
pub mod store;
mod words;

pub use account::Account;
pub use arrive::{Arrival, At, Known, arrive, enter};
pub use come_back::{Returned, Returning, come_back, recognize};
pub use depart::{Departure, depart};
pub use join::{Joining, join, offer};
pub use link::{LinkedAccount, link, unlink};
pub use logout_routes::logout_routes;
pub use manage::{add, change, remove};
pub use metadata::KnownMetadata;
pub use oidc::Wishes;
pub use own_routes::own_routes;
pub use partner::Partner;
pub use proofs::{BrowserHash, Proofs};
pub use provider::{
    GroupMapping, Kind, NewProvider, Newcomers, Provider, ProviderChange, WantedMapping, attributes, scopes,
};
pub use refusal::{Refusal, Told};
pub use routes::routes;
pub use sealed::Sealed;
pub use words::{DisplayName, GroupValue, ProviderIssuer, ProviderName, ProviderSecret, RemoteClientId, Scope};

use time::Duration;

use crate::base::id::ProviderId;
use crate::platform::jwks::RemoteKeys;

/// Whoever was sent to a provider comes back within so long, and whoever is to prove their account here does it within as long.
pub const PATIENCE: Duration = Duration::minutes(5);

/// What is known of providers by what they publish. A clone costs next to nothing.
#[derive(Clone, Debug, Default)]
pub struct Providers {
    /// Where they are asked what.
    pub metadata: KnownMetadata,
    /// What they sign with.
    pub keys: RemoteKeys<ProviderId>,
}

/// What somebody logs in for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Onward {
    /// The authorization request of a client.
    pub request: Option<String>,
    /// The query of the page of devices.
    pub device: Option<String>,
}
