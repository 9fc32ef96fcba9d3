//! Who is calling, what they may do, and what anybody may do in a service.
//!
//! A question needs proof once: [`Can`] or [`Holds`] in the handler's signature. A change asks again, in its own
//! transaction and under locks ([`Can::begin`]), so that whoever was disabled, logged out or deprived a moment ago
//! changes nothing more. Every transaction takes its locks in one order, so that none waits for another in a circle:
//! the role Administrator (whoever could make or unmake one), people by id, a role, a service.

pub mod access_tokens;
mod actor;
pub mod api_keys;
pub mod audit;
mod backend;
mod begin;
mod caller;
mod can;
pub mod check;
mod checks;
pub mod effective;
pub mod foreign;
pub mod idempotency;
pub mod keys;
pub mod people;
pub mod permission;
mod presented;
mod principal;
pub mod routes;
pub mod sessions;
pub mod store;
mod uses;
pub mod vault;
pub mod warnings;

pub use actor::{must_cover, must_one_be_left};
pub use backend::{Backend, token_of_a_person};
pub use begin::LockScope;
pub use caller::Caller;
pub use can::{Can, Holds};
pub use checks::{Answer, Ask, Checks, Rights};
pub use effective::{Acting, Effective, Evaluator, HeldInService, Vocabulary};
pub use presented::{Confirmation, Passed, Presented};
pub use principal::{Means, Principal};
pub use uses::{Uses, write_uses, write_uses_every_minute};

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRef;

use crate::base::clock::Clock;
use crate::platform::Platform;
use crate::platform::database::Batch;
use access_tokens::AccessToken;
use api_keys::{ApiKey, ApiKeyUses};
use foreign::Foreign;
use keys::LastUses;
use people::AskedByBackends;
use sessions::{Renewals, Session};
use vault::VaultDoor;

/// The gate's state. A clone costs next to nothing.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Parts>);

/// What a [`Gate`] consists of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The floor below.
    pub platform: Platform,
    /// Where tokens, and what their owners may do, are asked for.
    pub checks: Batch<Checks<Session>>,
    /// Where access tokens of OAuth clients are asked for.
    pub access_checks: Batch<Checks<AccessToken>>,
    /// Where API keys are asked for.
    pub api_key_checks: Batch<Checks<ApiKey>>,
    /// Where backends ask what people may do.
    pub people: Batch<AskedByBackends>,
    /// Where all that anybody may do is asked for.
    pub rights: Evaluator,
    /// Where sessions are renewed.
    pub renewals: Batch<Renewals>,
    /// How long sessions live, and how many there may be.
    pub sessions: sessions::Settings,
    /// What notes when service keys are used.
    pub key_uses: LastUses,
    /// What notes when API keys are used.
    pub api_key_uses: ApiKeyUses,
    /// What notes who uses which service.
    pub uses: Uses,
    /// What opens what is sealed in the database.
    pub vault: VaultDoor,
    /// The issuers that services trust, and their keys.
    pub foreign: Foreign,
}

impl Deref for Parts {
    type Target = Platform;

    fn deref(&self) -> &Platform {
        &self.platform
    }
}

impl Deref for Gate {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Gate {
    /// Puts them together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The same by another clock.
    #[must_use]
    pub fn with_clock(&self, clock: Clock) -> Self {
        Self::new(Parts { platform: self.platform.with_clock(clock), ..(*self.0).clone() })
    }
}

impl FromRef<Gate> for Platform {
    fn from_ref(gate: &Gate) -> Self {
        gate.platform.clone()
    }
}
