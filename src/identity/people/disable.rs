//! Keeping somebody out, and letting them in again.

use sqlx::PgConnection;

use super::store;
use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::identity::attempts;

/// Bars a person from every path in. The trigger `person_follow` ends their sessions; what they hold is kept. Answers
/// whether they were not already.
///
/// # Errors
/// 404 `user_not_found`.
pub async fn disable(conn: &mut PgConnection, person: PersonId) -> Result<bool> {
    store::set_disabled(conn, person, true).await
}

/// Lets a person log in again, at once: no failures stand against them any more. Answers whether anything did.
///
/// # Errors
/// 404 `user_not_found`.
pub async fn enable(conn: &mut PgConnection, person: PersonId) -> Result<bool> {
    let was_disabled = store::set_disabled(conn, person, false).await?;
    let had_failed = attempts::clear(conn, person).await?;
    Ok(was_disabled || had_failed)
}
