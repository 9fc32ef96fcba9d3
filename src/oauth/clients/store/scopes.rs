use sqlx::PgConnection;

use crate::base::error::Result;
use crate::base::id::ServiceId;

/// Those of `scopes` that are no permission in a service of the audience: `service:permission`. A name may have a colon in it.
pub async fn unknown_scopes(conn: &mut PgConnection, scopes: &[String], audience: &[ServiceId]) -> Result<Vec<String>> {
    let unknown = sqlx::query_scalar!(
        r#"
        select asked.scope as "scope!"
        from unnest($1::text[]) with ordinality as asked (scope, place)
        where not exists (
            select
            from auth.services s
            join auth.permission p on p.name = substr(asked.scope, length(s.name) + 2)
            where s.id = any ($2) and s.removed_at is null and starts_with(asked.scope, s.name || ':')
        )
        order by asked.place
        "#,
        scopes,
        &audience.iter().map(|service| service.0).collect::<Vec<_>>(),
    )
    .fetch_all(conn)
    .await?;
    Ok(unknown)
}
