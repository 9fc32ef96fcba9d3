//! The tables of the audit trail, as they are read and sealed.

mod chain;

use serde_json::Value;
use sqlx::PgConnection;

use crate::base::error::Result;

pub use chain::{
    Seal, beginning, count_unsealed, head, is_pruning_told, lost_before_their_seal, prune, seal, seals, see_one_moment,
    slipped_in, stored, unsealed,
};

/// The settings of the last start, if there was one.
pub async fn configuration(conn: &mut PgConnection) -> Result<Option<Value>> {
    let settings = sqlx::query_scalar!("select settings from auth.audit_configuration where only_row");
    Ok(settings.fetch_optional(conn).await?)
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
