//! Tokens: access tokens (RFC 9068, or opaque), ID tokens, refresh tokens, and what they hang on.

mod access;
mod authorization;
mod id_token;
mod issue;
mod new_authorization;
mod purge;
pub mod store;
mod superuser;

pub use access::{Grant, Login, Minted, Subject, mint, token_type};
pub use authorization::{Authorization, audience_of, end};
pub use id_token::id_token;
pub use issue::{Issues, NewAccessToken, issue};
pub use new_authorization::{NewAuthorization, Tie};
pub use purge::{purge, purge_every_minute};
pub use superuser::while_administrator;
