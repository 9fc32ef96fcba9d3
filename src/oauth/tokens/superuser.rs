//! The scope of administrators, which is theirs only while they are one.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::gate::store::is_administrator;
use crate::oauth::scopes::SUPERUSER;

/// Of `scopes` those that a person has at `now`: without that of administrators, if they are none.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn while_administrator(
    conn: &mut PgConnection,
    person: PersonId,
    mut scopes: Vec<String>,
    now: OffsetDateTime,
) -> Result<Vec<String>> {
    if scopes.iter().any(|scope| scope == SUPERUSER) && !is_administrator(conn, person, now).await? {
        scopes.retain(|scope| scope != SUPERUSER);
    }
    Ok(scopes)
}
