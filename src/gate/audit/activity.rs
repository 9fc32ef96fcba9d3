//! What somebody has done, and what was done to them, as they may read it themselves.

use sqlx::PgConnection;

use super::Shown;
use super::store::{self, Filter};
use crate::base::error::Result;
use crate::base::id::PersonId;

/// The newest events by or about a person, older than `before`; addresses of others are left out. In a transaction.
pub async fn activity(
    conn: &mut PgConnection,
    person: PersonId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Shown>> {
    let filter = Filter { concerning: Some(person), before, ..Filter::default() };
    let mut rows = store::list(conn, &filter, limit).await?;
    for event in &mut rows {
        let others = event.actor.r#type != "anonymous" && event.actor.id != Some(person.0);
        if others {
            (event.address, event.client_id, event.request_id) = (None, None, None);
        }
    }
    Ok(rows)
}
