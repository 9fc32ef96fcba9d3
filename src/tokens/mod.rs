//! Tokens: opaque, stored as hashes, renewed near expiry by one compare-and-set, revoked at once, purged every minute.
//! With refresh tokens, sessions come in families: all that came of one login.

mod begin;
mod bounds;
mod check;
mod check_many;
mod family;
mod gateway;
mod list_routes;
mod older;
pub(crate) mod opaque;
mod purge;
mod refresh_routes;
mod refresh_token;
mod renew;
mod rotate;
mod routes;
mod session;
mod session_routes;
mod sessions;
pub mod store;
mod token;

pub use begin::{Entrant, LoggedIn, begin};
pub use bounds::Bounds;
pub use check::{Checked, check};
pub use check_many::{Verdict, check_many};
pub use family::{Family, FamilyId, FamilyLifetime, Good, PairTimes, Standing};
pub use list_routes::list_routes;
pub use older::Older;
pub use purge::{purge_every_minute, walk, walk_families};
pub use refresh_routes::refresh_routes;
pub use refresh_token::{PresentedRefresh, RefreshHash, RefreshToken};
pub use renew::{Due, Renewals};
pub use rotate::rotate;
pub use routes::routes;
pub use session::{Lifetime, Payload, Session, SessionId, State};
pub use session_routes::session_routes;
pub use sessions::{ListedSession, end_all, end_one, sessions};
pub use token::{Token, TokenHash};
