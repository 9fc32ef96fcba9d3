//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): what is asked twice under one key is done once, and
//! answered the same.
//!
//! The key is claimed before the request is let through; whoever comes meanwhile is told so. The transaction that does
//! what was asked notes it under the claim ([`done`]), so that neither is there without the other, and that a request
//! which has lost its claim can't commit. Then the answer is kept, sealed under a key made of what only its caller has:
//! their `Idempotency-Key`, their credential and their body. A refusal has done nothing, and nothing is kept of it.

mod answer;
mod key;
mod layer;
mod purge;
mod store;
mod watched;

use sqlx::PgConnection;

use crate::app::App;
use crate::error::{Error, Result};

pub use answer::REPLAYED;
pub use key::{HEADER, LONGEST, Presented, SHORTEST_OF_STRANGERS, Who};
pub use layer::Idempotency;
pub use purge::{purge, purge_every_minute};

/// Where keys count, of whoever has a valid token: each `POST` that makes something, or of which a second one would fail.
pub const ROUTES: [&str; 12] = [
    "/invitations",
    "/permissions",
    "/person-service-permissions",
    "/person-service-roles",
    "/role-permissions",
    "/roles",
    "/service-roles",
    "/services",
    "/services/{service}/keys",
    "/users",
    "/users/delete",
    "/users/import",
];

/// Likewise of strangers, whom only their address tells apart.
pub const OF_STRANGERS: [&str; 1] = ["/auth/register"];

tokio::task_local! {
    static CLAIM: Claim;
}

/// A request's hold on its key. It is fenced: once another request has taken over, this one can't commit.
#[derive(Clone, Debug)]
struct Claim {
    key_digest: key::Hash,
    id: [u8; 16],
}

impl Claim {
    fn new(presented: &Presented) -> Result<Self> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|error| Error::Internal(error.into()))?;
        Ok(Self { key_digest: *presented.digest(), id })
    }

    /// Frees the key, unless something was done under it.
    async fn release(&self, app: &App) {
        let released = async {
            let mut tx = app.db.begin().await?;
            store::release(&mut tx, self).await?;
            tx.commit().await?;
            Ok::<_, Error>(())
        };
        if let Err(error) = released.await {
            tracing::warn!(%error, "could not free an Idempotency-Key; it is free in a minute");
        }
    }

    /// Tells that the request is under way.
    async fn keep(&self, app: &App) {
        let kept = async {
            let mut tx = app.db.begin().await?;
            store::keep_claim(&mut tx, self, app.clock.now()).await?;
            tx.commit().await?;
            Ok::<_, Error>(())
        };
        if let Err(error) = kept.await {
            tracing::warn!(%error, "could not keep the claim of an Idempotency-Key");
        }
    }
}

/// Notes in the transaction at hand that it does what the request asked for, if that came with a key.
///
/// # Errors
/// 503 when another request under the same key has taken over, because this one gave no sign of life.
pub async fn done(conn: &mut PgConnection) -> Result<()> {
    let Ok(claim) = CLAIM.try_with(Clone::clone) else { return Ok(()) };
    if store::done(conn, &claim).await? {
        Ok(())
    } else {
        Err(Error::Unavailable("another request under the same Idempotency-Key has taken over".to_owned()))
    }
}
