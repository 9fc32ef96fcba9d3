//! `POST /oauth/token` (RFC 6749 section 3.2): one file a grant.

mod answer;
mod client_credentials;
mod code;
mod of_person;
mod refresh;
mod routes;
mod scope;

pub use routes::routes;
