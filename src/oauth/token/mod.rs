//! `POST /oauth/token` (RFC 6749 section 3.2): one file a grant.

mod allowed;
mod answer;
mod client_credentials;
mod code;
mod device;
mod exchange;
mod of_person;
mod password;
mod refresh;
mod routes;
mod scope;
mod subject;

pub use answer::IssuedTokens;
pub use routes::{issue, routes};
