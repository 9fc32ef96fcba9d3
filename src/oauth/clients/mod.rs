//! Clients (RFC 6749 section 2): the programs that log people in here, or act for themselves. A client belongs to a service: who
//! manages that service manages it.

mod assertion;
mod authenticate;
pub mod change;
mod client;
mod cover;
pub mod described;
pub mod documents;
mod identifier;
pub mod logo;
mod lookup;
mod metadata;
mod register;
mod registration;
mod remove;
mod rotate;
mod routes;
mod secret_routes;
mod share;
mod shown;
pub mod store;
mod uris;
mod words;

pub use assertion::ASSERTION_ALGORITHMS;
pub use authenticate::{Presented, authenticate};
pub use change::change;
pub use client::Client;
pub use identifier::{ClientName, Identifier};
pub use lookup::{Ask, ClientLookups, Holdings, Known, look_up};
pub use metadata::{ClientChange, NewClient};
pub use register::{Registered, register, register_anywhere};
pub use registration::Registration;
pub use remove::remove;
pub use rotate::{MOST_SECRETS, end_secret, missing_secret, rotate};
pub use share::{A_MINUTE, take_share};
pub use shown::{Secret, Shown};
pub use store::MOST_CLIENTS;
pub use words::{Admits, AuthMethod, Consent, GrantType, TokenFormat};

pub use logo::routes as logo_routes;
pub use routes::routes;
pub use secret_routes::routes as secret_routes;
