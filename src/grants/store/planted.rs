//! Whose password is another's.

use sqlx::PgConnection;

use crate::error::Result;
use crate::grants::What;
use crate::permissions::PermissionId;
use crate::roles::RoleId;

/// Somebody who holds `role`, and by whom their password was set, who does not hold `permission` there for good: usernames.
pub async fn anothers_password(
    conn: &mut PgConnection,
    role: RoleId,
    permission: PermissionId,
) -> Result<Option<(String, String)>> {
    let found = sqlx::query!(
        r#"
        select p.username, setter.username as setter
        from auth.person p
        join auth.person setter on setter.id = p.password_set_by
        join auth.person_service_role held on held.person_id = p.id and held.role_id = $1
        where not exists (select from auth.held_where(setter.id, $2, held.service_id, null))
        order by p.id
        limit 1
        "#,
        role.0,
        permission.0,
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.map(|row| (row.username, row.setter)))
}

/// Whether something of Portero's own comes with it.
pub async fn gives_porteros_own(conn: &mut PgConnection, what: What) -> Result<bool> {
    let role = match what {
        What::Role(role) => role,
        What::Permission(permission) => return Ok(permission.is_built_in()),
    };
    let gives = sqlx::query_scalar!(
        r#"select exists (select from auth.role_permission where role_id = $1 and permission_id <= 0) as "gives!""#,
        role.0,
    )
    .fetch_one(conn)
    .await?;
    Ok(gives)
}
