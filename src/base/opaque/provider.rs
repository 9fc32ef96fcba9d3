//! What Portero hands to a browser that goes to another identity provider: `state` (`pst_`), and, where an account is to be joined,
//! what the login page carries (`pjn_`).

use crate::base::opaque::{Digest, Kind, Opaque};

/// A login at another provider that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {}

impl Kind for State {
    const PREFIX: &'static str = "pst_";
    const NAME: &'static str = "LoginState";
}

/// The text of it: `state` (RFC 6749 section 4.1.1).
pub type LoginState = Opaque<State>;

/// Its SHA-256.
pub type LoginStateHash = Digest<State>;

/// An account at another provider that is proved, and is to be joined with one here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Join {}

impl Kind for Join {
    const PREFIX: &'static str = "pjn_";
    const NAME: &'static str = "JoinToken";
}

/// The text of it.
pub type JoinToken = Opaque<Join>;

/// Its SHA-256.
pub type JoinTokenHash = Digest<Join>;
