//! Tokens: opaque, stored as hashes, renewed near expiry by one compare-and-set, revoked at once, purged every minute.
//! With refresh tokens, sessions come in families: all that came of one login.

mod authentication;
mod family;
mod purge;
mod renew;
mod session;
mod settings;
pub mod store;

pub use authentication::Authentication;
pub use settings::Settings;

pub use family::{Family, FamilyLifetime, PairTimes, RefreshDecision, RefreshTokenState};

pub use purge::{Walk, purge_every_minute, rest, walk, walk_families};

pub use renew::{Due, Renewals};
pub use session::{Lifetime, Payload, Session, State};
