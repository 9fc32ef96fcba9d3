//! Calls to the addresses that others have named: clients, and strangers. Whatever they name, it is called as a stranger on
//! the Internet would call it (server-side request forgery): by `https` alone, at a public address, without redirects, proxies
//! and cookies, for a short time and a small answer.

mod addresses;
mod call;
mod failure;
mod trust;
mod uri;

pub use addresses::is_public;
pub use call::{Answer, Call, Outbound};
pub use failure::Failure;
pub use trust::Settings;
pub use uri::{must_be_for_calls, read_uri};
