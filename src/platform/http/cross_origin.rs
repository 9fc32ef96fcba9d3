//! What pages of any origin may call: what programs in a browser need of the standards.

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, Method};
use tower_http::cors::{Any, CorsLayer};

/// The proof that a token is bound to (RFC 9449 section 4.1).
const DPOP: HeaderName = HeaderName::from_static("dpop");

/// What the next of these must have in it (RFC 9449 section 8).
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// Answers any origin, without credentials.
pub fn any_origin() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE, DPOP])
        .expose_headers([DPOP_NONCE, ETAG, RETRY_AFTER, WWW_AUTHENTICATE])
}
