//! `POST /oauth/revoke` (RFC 7009).

mod routes;

pub use routes::routes;
