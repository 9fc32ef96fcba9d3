//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): what is asked twice under one key is done once, and
//! answered the same.
//!
//! The transaction that does what was asked notes the key ([`done`]), so that neither is there without the other, and that
//! of two requests under one key only one can commit. Whoever comes meanwhile is told so: on the same instance at once, on
//! another when it would commit. Then the answer is kept, sealed under a key made of what only its caller has: their
//! `Idempotency-Key`, their credential and their body. A refusal has done nothing, and nothing is written for it.

mod answer;
mod hashed_body;
mod key;
mod keys_in_use;
mod layer;
mod purge;
mod route;
mod store;

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::{Error, Result};

pub use answer::REPLAYED;
pub use key::{HEADER, KeyOwner, LONGEST, PresentedKey, SHORTEST_OF_STRANGERS};
pub use layer::Idempotency;
pub use purge::{purge, purge_every_minute};
pub use route::{once, once_of_strangers};

tokio::task_local! {
    static CLAIM: Claim;
}

/// A request's hold on its key: of all that may have one, the first to commit keeps it.
#[derive(Clone, Debug)]
struct Claim {
    key_digest: key::Hash,
    session: key::Hash,
    caller: String,
    id: [u8; 16],
}

impl Claim {
    #[expect(clippy::disallowed_methods, reason = "an id that only has to be unique")]
    fn new(presented: &PresentedKey) -> Result<Self> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|error| Error::Internal(error.into()))?;
        let (session, caller) = (presented.session(), presented.caller().to_owned());
        Ok(Self { key_digest: *presented.digest(), session, caller, id })
    }
}

/// Notes in the transaction at hand that it does what the request asked for, if that came with a key.
///
/// # Errors
/// 409 `idempotency_key_in_use` when another request under the same key has done it.
pub async fn done(conn: &mut PgConnection, now: OffsetDateTime) -> Result<()> {
    let Ok(claim) = CLAIM.try_with(Clone::clone) else { return Ok(()) };
    if store::done(conn, &claim, now).await? { Ok(()) } else { Err(layer::in_use()) }
}
