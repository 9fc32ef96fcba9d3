//! The tables of the audit trail.

mod chain;
mod list;

use serde_json::Value;
use sqlx::PgConnection;

use super::{By, Event};
use crate::error::Result;

pub use chain::{
    Seal, beginning, count_unsealed, head, is_pruning_told, lost_before_their_seal, prune, seal, seals, see_one_moment,
    slipped_in, stored, unsealed,
};
pub use list::{Filter, list};

/// Writes an event.
pub async fn insert(conn: &mut PgConnection, by: &By, event: &Event) -> Result<()> {
    let (actor, actor_id) = by.actor.stored();
    sqlx::query!(
        r#"
        insert into auth.audit_events
            (at, action, actor, actor_id, subject_id, service_id, request_id, address, client_id, before, after)
        values ($1, $2, $3, $4, $5, $6, $7, $8::text::inet, $9, $10, $11)
        "#,
        by.now,
        event.action.as_str(),
        actor,
        actor_id,
        event.subject.map(|person| person.0),
        event.service.map(|service| service.0),
        by.origin.request_id.as_deref(),
        by.origin.address.map(|address| address.to_string()),
        by.origin.client_id,
        event.before,
        event.after,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Keeps the settings of this start; answers those of the last one.
pub async fn swap_configuration(conn: &mut PgConnection, settings: &Value) -> Result<Option<Value>> {
    let before = sqlx::query_scalar!("select settings from auth.audit_configuration where only_row for no key update")
        .fetch_optional(&mut *conn)
        .await?;
    sqlx::query!(
        r#"
        insert into auth.audit_configuration (settings)
        values ($1)
        on conflict (only_row) do update set settings = excluded.settings
        "#,
        settings,
    )
    .execute(conn)
    .await?;
    Ok(before)
}
