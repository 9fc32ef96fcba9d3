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

/// And those of its lanes.
pub const LANES: u32 = 9;

/// An instance's connections beside its pool, while somebody listens to what changes.
pub const READERS: u32 = 2;
