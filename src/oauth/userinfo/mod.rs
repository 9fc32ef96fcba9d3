//! `/oauth/userinfo` (OpenID Connect Core section 5.3).

mod routes;

pub use routes::routes;
