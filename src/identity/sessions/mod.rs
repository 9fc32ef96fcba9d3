//! Sessions of people: how they begin, are renewed with a refresh token, are listed and ended.

mod begin;
mod end;
mod list;
mod logged_in;
mod newest_first;
mod proof;
mod refresh_routes;
mod rotate;
mod routes;
pub mod store;

pub use begin::{Beginnings, Entrant, begin, begin_alone};
pub use end::{end_all, end_one, log_out};
pub use list::{ListedSession, sessions};
pub use logged_in::LoggedIn;
pub use newest_first::{Older, OlderQuery};
pub use proof::{PasskeyUse, Proof, Refreshed, Spends};
pub use refresh_routes::refresh_routes;
pub use rotate::rotate;
pub use routes::session_routes;
pub use store::BeginRules;
