//! Who is calling, what they may do, and what anybody may do in a service.
//!
//! A question needs proof once: [`Can`] or [`Holds`] in the handler's signature. A change asks again, in its own
//! transaction and under locks ([`Can::begin`]), so that whoever was disabled, logged out or deprived a moment ago
//! changes nothing more. Every transaction takes its locks in one order, so that none waits for another in a circle:
//! the role Administrator (whoever could make or unmake one), people by id, a role, a service.

pub mod audit;
mod backend;
mod begin;
mod caller;
mod can;
pub mod check;
mod checks;
mod effective;
pub mod idempotency;
pub mod keys;
pub mod permission;
pub mod routes;
pub mod sessions;
pub mod store;
mod uses;
pub mod vocabulary;

pub use backend::{Backend, token_of_a_person};
pub use begin::About;
pub use caller::Caller;
pub use can::{Can, Holds};
pub use checks::{Answer, Ask, Checks, Rights};
pub use effective::Effective;
pub use uses::{Uses, write_uses, write_uses_every_minute};
