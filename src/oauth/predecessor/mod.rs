//! The door of the service before this one: its callers keep working. Tokens by forms, and the clients that get them.

mod caller;
mod client_routes;
mod token_routes;

use super::OAuth;
use crate::platform::http::Routes;

/// `/api/v1/token`, `/api/v1/client`.
pub fn routes() -> Routes<OAuth> {
    Routes::new().merge(token_routes::routes()).merge(client_routes::routes())
}
