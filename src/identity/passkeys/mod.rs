//! Passkeys (WebAuthn level 3): people add them, sign in with them without a username, and prove with them who they are.
//!
//! The crate `webauthn_rp` verifies what authenticators sign; `ceremony.rs` is the only file that knows it.

mod ceremony;
mod challenge;
mod change;
mod credential;
mod me_routes;
mod passkey;
mod register;
mod relying_party;
mod routes;
mod sign_in;
mod signals;
pub mod store;
mod verify;
mod ways_in;

pub use crate::base::id::PasskeyId;
pub use challenge::{Challenges, PasskeyOptions, Purpose, ask};
pub use change::{remove, rename};
pub use credential::PasskeyCredential;
pub use me_routes::me_routes;
pub use passkey::{Passkey, PasskeyName};
pub use register::{MadePasskey, PasskeyAdded, creation_options, is_refused_for_good, register, registration_options};
pub use relying_party::RelyingParty;
pub use routes::routes;
pub use sign_in::{sign_in, sign_in_options};
pub use signals::{OwnPasskeys, PasskeySignals, UnknownPasskey, own, unknown};
pub use verify::{ShownPasskeys, Signed, not_a_dead_token, verify};
pub use ways_in::WaysIn;
