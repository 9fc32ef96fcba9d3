//! People: who they are, how they log in, how they look after their accounts.

pub mod accounts;
pub mod api_keys;
pub mod attempts;
pub mod devices;
pub mod factors;
pub mod login;
pub mod mail;
pub mod passkeys;
pub mod people;
pub mod providers;
pub mod robots;
pub mod sessions;

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRef;
use time::Duration;

use crate::base::clock::Clock;
use crate::base::id::PersonId;
use crate::base::network::Network;
use crate::gate::Gate;
use crate::platform::database::Batch;
use crate::platform::shares::{LeakyBuckets, Shares};
use crate::platform::{self, Platform};
use accounts::WhoMayRegister;
use factors::{RequireMfa, Tries};
use passkeys::{Challenges, RelyingParty, ShownPasskeys};
use people::StoredCredentials;
use people::import::ImportSlots;
use providers::Providers;
use sessions::Beginnings;

/// The state of identities. A clone costs next to nothing.
#[derive(Clone, Debug)]
pub struct Identity(Arc<Parts>);

/// What an [`Identity`] consists of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The floor below.
    pub gate: Gate,
    /// What the operator has decided.
    pub settings: Arc<Settings>,
    /// Where what logins compare with is asked for.
    pub credentials: Batch<StoredCredentials>,
    /// Where sessions begin,
    pub beginnings: Batch<Beginnings>,
    /// second steps are tried,
    pub tries: Batch<Tries>,
    /// and passkeys are asked for
    pub challenges: Batch<Challenges>,
    /// and shown.
    pub shown_passkeys: Batch<ShownPasskeys>,
    /// How often each person logs in from each network.
    pub logins: Option<LeakyBuckets<(PersonId, Network)>>,
    /// What is known of other identity providers.
    pub providers: Providers,
    /// Imports over the API: each has a connection of its own for minutes.
    pub imports: ImportSlots,
    /// Who is being sent how many exports.
    pub exports: Shares<PersonId>,
}

/// How people register, log in and are written to.
#[derive(Debug)]
pub struct Settings {
    /// `REGISTRATION`.
    pub registration: WhoMayRegister,
    /// `LOGIN_FREE_FAILURES`, `LOGIN_FREE_FAILURES_PER_ADDRESS`, `LOGIN_MAX_WAIT_SECONDS`: what follows failed logins.
    pub waits: attempts::Rules,
    /// `SMTP_URL`, `SMTP_EHLO_NAME`, `MAIL_FROM`, `RESET_PASSWORD_URL`, `VERIFY_EMAIL_URL`, `INVITATION_URL`.
    pub mail: platform::mail::Settings,
    /// `API_KEY_MAX_DAYS`: no API key lives longer.
    pub api_key_max_age: Duration,
    /// `PASSWORD_HASH_THREADS`.
    pub hash_threads: usize,
    /// What this place is called where authenticators list it (`PAGES_NAME`).
    pub name: String,
    /// `TRUST_DEVICES`: for how long a device may be trusted, if any may.
    pub trust_devices: Option<Duration>,
    /// `REQUIRE_MFA`.
    pub require_mfa: RequireMfa,
    /// As whom passkeys are asked for, from `PUBLIC_URL` and `PASSKEY_ORIGINS`; `None` where there are none.
    pub relying_party: Option<RelyingParty>,
    /// Whether `FIREBASE_SIGNER_KEY` is set, so that Firebase's hashes can be verified.
    pub knows_firebase: bool,
}

impl Deref for Parts {
    type Target = Gate;

    fn deref(&self) -> &Gate {
        &self.gate
    }
}

impl Deref for Identity {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Identity {
    /// Puts them together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The same by another clock.
    #[must_use]
    pub fn with_clock(&self, clock: Clock) -> Self {
        Self::new(Parts { gate: self.gate.with_clock(clock), ..(*self.0).clone() })
    }
}

impl FromRef<Identity> for Platform {
    fn from_ref(identity: &Identity) -> Self {
        identity.platform.clone()
    }
}

impl FromRef<Identity> for Gate {
    fn from_ref(identity: &Identity) -> Self {
        identity.gate.clone()
    }
}
