//! What whoever changes something should know though it was done: the API says it in a header, the command line in a remark.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::Request;
use axum::http::header::WARNING;
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use sqlx::PgConnection;

use super::store;
use crate::base::error::Result;

/// What there is to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// A file says what was changed.
    Managed,
    /// The first policy of a service was made.
    PoliciesDecide,
    /// The last one is gone.
    PermissionsDecide,
    /// Likewise, where permissions may not.
    NothingDecides,
}

impl Warning {
    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Managed => "this is managed by a file; the next apply of it undoes the change",
            Self::PoliciesDecide => "from now on policies decide in this service, and its permissions do not",
            Self::PermissionsDecide => "from now on permissions decide in this service: it has no policy",
            Self::NothingDecides => {
                "from now on everything is refused in this service: it has no policy, and its permissions do not decide"
            }
        }
    }

    /// As a header has it. 299: a warning that stays (RFC 7234 section 5.5.7).
    fn header(self) -> Option<HeaderValue> {
        HeaderValue::try_from(format!("299 portero \"{}\"", self.text())).ok()
    }
}

tokio::task_local! {
    /// What whoever made the change that is under way will hear.
    static HEARD: Arc<Mutex<Vec<Warning>>>;
}

/// Acts, and answers what there is to know of the changes that were kept.
pub async fn gathered<T>(act: impl Future<Output = T>) -> (T, Vec<Warning>) {
    let heard = Arc::<Mutex<Vec<Warning>>>::default();
    let done = HEARD.scope(Arc::clone(&heard), act).await;
    let heard = std::mem::take(&mut *heard.lock().unwrap_or_else(PoisonError::into_inner));
    (done, heard)
}

/// Whether a transaction that is about to be kept has changed what a file manages, where somebody waits to hear of it.
pub(super) async fn is_managed(conn: &mut PgConnection) -> Result<bool> {
    Ok(HEARD.try_with(|_| ()).is_ok() && store::managed::is_changed(conn).await?)
}

/// Tells whoever listens, once.
pub(super) fn tell(warnings: impl IntoIterator<Item = Warning>) {
    // Nobody listens where a job makes the change.
    let _ = HEARD.try_with(|heard| {
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        for warning in warnings {
            if !heard.contains(&warning) {
                heard.push(warning);
            }
        }
    });
}

/// Answers with what there is to know.
pub async fn warn(request: Request, next: Next) -> Response {
    if [Method::GET, Method::HEAD].contains(request.method()) {
        return next.run(request).await;
    }
    let (mut response, warnings) = gathered(next.run(request)).await;
    if response.status().is_success() {
        for warning in warnings.into_iter().filter_map(Warning::header) {
            response.headers_mut().append(WARNING, warning);
        }
    }
    response
}
