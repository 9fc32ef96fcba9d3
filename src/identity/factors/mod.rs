//! Second factors: what somebody has beside their password, and the logins that wait for it.

mod freshness;
mod method;
mod pending;
mod require;
pub mod store;

pub use freshness::{is_fresh, must_be_fresh, reauthentication_required};
pub use method::Method;
pub use pending::{FirstStep, Pending};
pub use require::RequireMfa;
