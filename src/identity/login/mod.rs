//! Logging in and out.

mod enrol;
mod enter;
mod mfa_routes;
mod open;
mod prove;
mod reauthenticate;
mod routes;
mod second_step;
mod verify;

pub use crate::identity::factors::{is_fresh, must_be_fresh};
pub use enrol::{enrol, enrol_on_a_page, enrol_passkey, offer_new_passkey};
pub use enter::{Entered, Entry, enter, let_in};
pub use mfa_routes::mfa_routes;
pub use prove::{PasswordProof, prove, wrong_password};
pub use reauthenticate::{Reproof, reauthenticate};
pub use routes::routes;
pub use second_step::{
    Finished, PasskeyStep, SecondStep, Ways, ask_for_passkey, finish, finish_by_passkey, invalid_mfa_token, offer_ways,
};
pub use verify::{Verified, invalid_credentials, verify};
