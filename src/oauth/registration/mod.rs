//! Programs register themselves as clients (RFC 7591), and look after that (RFC 7592): with an initial access token that an
//! administrator has made for a service. Off, unless `CLIENT_REGISTRATION` is on.

mod information;
mod manage;
mod manage_routes;
mod metadata;
mod register;
mod routes;
pub mod store;
mod token;
mod token_routes;

pub use manage_routes::routes as manage_routes;
pub use routes::routes;
pub use token::{LONGEST_SECONDS, MOST_USES, NewToken, RegistrationToken, RegistrationTokenId, TokenName, make};
pub use token_routes::routes as token_routes;
