//! What the second step of a login hands out: the token of a login that waits for it (`pmf_`), and that of a device on which it is left out
//! (`ptd_`).

use crate::base::opaque::{Digest, Kind, Opaque};

/// A login that waits for its second step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mfa {}

impl Kind for Mfa {
    const PREFIX: &'static str = "pmf_";
    const NAME: &'static str = "MfaToken";
}

/// Its text: `pmf_` and 72 hex digits.
pub type MfaToken = Opaque<Mfa>;

/// Its SHA-256.
pub type MfaTokenHash = Digest<Mfa>;

/// A device on which a password is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrustedDevice {}

impl Kind for TrustedDevice {
    const PREFIX: &'static str = "ptd_";
    const NAME: &'static str = "DeviceToken";
}

/// Its text: `ptd_` and 72 hex digits.
pub type DeviceToken = Opaque<TrustedDevice>;

/// Its SHA-256.
pub type DeviceTokenHash = Digest<TrustedDevice>;
