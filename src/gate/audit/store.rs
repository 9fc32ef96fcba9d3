//! The tables of the audit trail.

mod list;

use sqlx::PgConnection;

use super::{By, Event};
use crate::base::error::Result;

pub use list::{Filter, list};

pub async fn insert(conn: &mut PgConnection, by: &By, event: &Event) -> Result<()> {
    let (actor, actor_id) = by.actor.stored();
    sqlx::query!(
        r#"
        insert into auth.audit_events
            (at, action, actor, actor_id, subject_id, service_id, request_id, address, client_id, before, after, api_key_id)
        values ($1, $2, $3, $4, $5, $6, $7, $8::text::inet, $9, $10, $11, $12)
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
        by.origin.api_key.map(|key| key.0),
    )
    .execute(conn)
    .await?;
    Ok(())
}
