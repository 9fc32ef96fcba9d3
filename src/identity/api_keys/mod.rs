//! API keys: what people give to programs that act for them. Stored as digests, looked up at each use, dead as soon as they are
//! revoked. No key opens more than its owner holds at the moment.

mod change;
mod key;
mod make;
mod make_by_form;
mod purge;
mod revoke;
mod routes;
pub mod store;
mod user_routes;

pub use change::change;
pub use key::{
    ApiKeyChange, ApiKeyMade, ApiKeyName, ApiKeyRevoked, ApiKeysRevoked, ListedApiKey, NewApiKey, Scope, ScopeText,
};
pub use make::{For, make, make_own};
pub use make_by_form::{FormId, Formed, make_by_form};
pub use purge::{purge, purge_every_minute};
pub use revoke::{revoke, revoke_all};
pub use routes::routes;
pub use store::Offer;
pub use user_routes::user_routes;
