//! The id under which a request is logged and answered (`x-request-id`).

use axum::http::HeaderName;

/// The response header.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static CURRENT: String;
}

/// A new id: 128 bits in hex. It need not be secret, only unique.
pub fn generate() -> String {
    let mut bytes = [0; 16];
    // Without randomness nobody can log in either; the log shows it by ids of zeros.
    let _ = getrandom::fill(&mut bytes);
    hex::encode(bytes)
}

/// The id of the request that this task is answering.
pub fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Runs `future` as the answer to request `id`.
pub async fn scope<F: Future>(id: String, future: F) -> F::Output {
    CURRENT.scope(id, future).await
}
