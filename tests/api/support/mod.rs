//! The cast of callers, and the stage: a Postgres of the tests' own, a server without a socket.

mod authenticator;
mod beside;
mod caller;
#[path = "../../support/cluster.rs"]
mod cluster;
mod conformance;
pub mod document;
pub mod dpop;
mod log;
mod mailbox;
pub mod oauth;
mod place;
pub mod schema;
#[path = "../../support/scratch.rs"]
mod scratch;
mod secrets;
mod server;
mod stream;

use portero::app::config::Config;

pub use authenticator::{Authenticator, base64url};
pub use beside::Beside;
pub use caller::{Caller, Response};
pub use cluster::{Data, TestDatabase};
pub use mailbox::{Mail, Mailbox};
pub use place::{Place, Said};
pub use secrets::Secrets;
pub use server::{PASSWORD, PASSWORD_HASH, Server};
pub use stream::{Event, Stream};

/// A test's connections to Postgres, unless it asks for more.
pub const CONNECTIONS: u32 = 4;

/// An instance's connections beside its pool: those of its lanes, and two while somebody listens to what changes.
pub fn beside_the_pool() -> u32 {
    let least = [("AUTH_DATABASE_URL", "postgres://localhost"), ("CHECK_LANES", "1")];
    let config = Config::from_vars(least.map(|(name, value)| (name.to_owned(), value.to_owned())));
    u32::try_from(config.expect("settings").lanes()).expect("a few") + 2
}
