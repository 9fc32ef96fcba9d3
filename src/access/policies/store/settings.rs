//! The table `auth.policy_settings`.

use sqlx::PgConnection;

use crate::access::policies::policy::PolicySettings;
use crate::base::error::Result;
use crate::base::id::ServiceId;

/// What decides in a service; none for Portero itself.
pub async fn find(conn: &mut PgConnection, service: ServiceId) -> Result<Option<PolicySettings>> {
    let found = sqlx::query_as!(
        PolicySettings,
        "select policies_decide, permissions_decide from auth.policy_settings where service_id = $1",
        service.0,
    );
    Ok(found.fetch_optional(conn).await?)
}

/// Settles that.
pub async fn update(conn: &mut PgConnection, service: ServiceId, settings: PolicySettings) -> Result<()> {
    sqlx::query!(
        r#"
        update auth.policy_settings
        set policies_decide = $2, permissions_decide = $3, updated_at = now()
        where service_id = $1
        "#,
        service.0,
        settings.policies_decide,
        settings.permissions_decide,
    )
    .execute(conn)
    .await?;
    Ok(())
}
