//! What backends and gateways ask: `/check-token`, `/check-tokens`.

mod check_token;
mod check_tokens;
mod gateway;
mod shown;

pub use check_token::routes;
pub use check_tokens::list_routes;
