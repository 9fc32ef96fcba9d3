//! What a file manages (`portero apply`), as the triggers of `auth.note_managed` note it.

use sqlx::PgConnection;

use crate::base::error::Result;

/// Whether this transaction has changed something of it.
pub async fn is_changed(conn: &mut PgConnection) -> Result<bool> {
    let changed = sqlx::query_scalar!(
        r#"select coalesce(current_setting('portero.managed', true) = 'changed', false) as "changed!""#
    );
    Ok(changed.fetch_one(conn).await?)
}
