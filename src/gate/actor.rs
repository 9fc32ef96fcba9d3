//! What is asked of whoever makes a change: of a person that they hold what they meddle with, of the command line and of
//! Portero itself less.

use super::audit::AuditedTx;
use super::store;
use crate::base::error::Result;
use crate::base::id::PersonId;

/// Refuses (403) a person who holds less of Portero's own permissions than one of `people`.
pub async fn must_cover(tx: &mut AuditedTx, people: &[PersonId]) -> Result<()> {
    let now = tx.by().now;
    match tx.by().person() {
        Some(actor) => store::must_cover_people(tx, actor, people, now).await,
        None => Ok(()),
    }
}

/// Makes changes wait for each other by which `people` may be administrators no longer, and answers whether there must be
/// one after it: for a person always; else only where this could cost the last one, so that a database without any can be
/// tidied.
pub async fn must_one_be_left(tx: &mut AuditedTx, people: &[PersonId]) -> Result<bool> {
    store::queue_for_administrators(tx).await?;
    if tx.by().person().is_some() {
        return Ok(true);
    }
    store::is_there_a_lasting_one(tx, Some(people)).await
}
