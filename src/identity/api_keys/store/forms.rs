//! Which form has made a key.

use sqlx::PgConnection;

use crate::base::error::Result;
use crate::base::id::{ApiKeyId, PersonId};
use crate::identity::api_keys::FormId;

/// A key that a form has made.
#[derive(Debug)]
pub struct OfForm {
    pub id: ApiKeyId,
    pub name: String,
    pub was_used: bool,
}

/// The key that a form of somebody's has made, if it stands.
pub async fn find(conn: &mut PgConnection, owner: PersonId, form: FormId) -> Result<Option<OfForm>> {
    let found = sqlx::query_as!(
        OfForm,
        r#"
        select id as "id: ApiKeyId", name, last_used_at is not null as "was_used!"
        from auth.api_keys
        where person_id = $1 and form = $2
        "#,
        owner.0,
        form.as_bytes(),
    );
    Ok(found.fetch_optional(conn).await?)
}

/// Notes by which form a key was made.
pub async fn note(conn: &mut PgConnection, key: ApiKeyId, form: FormId) -> Result<()> {
    sqlx::query!("update auth.api_keys set form = $2 where id = $1", key.0, form.as_bytes()).execute(conn).await?;
    Ok(())
}
