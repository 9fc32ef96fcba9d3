//! What is sealed in the database.

use sqlx::PgConnection;

use crate::base::error::Result;

/// A fingerprint of a master key that something is sealed under, other than `own`.
pub async fn sealed_by_another(conn: &mut PgConnection, own: Option<&str>) -> Result<Option<String>> {
    let sealed_by = sqlx::query_scalar!(
        r#"
        select sealed_by as "sealed_by!"
        from (
            select sealed_by, signs_from as since from auth.signing_keys
            union all
            select secret_sealed_by, created_at from auth.trusted_issuers where secret_sealed_by is not null
            union all
            -- All of them are by one, or the first and the last are not.
            (select sealed_by, created_at from auth.totp_factors order by sealed_by limit 1)
            union all
            (select sealed_by, created_at from auth.totp_factors order by sealed_by desc limit 1)
        ) sealed
        where sealed_by is distinct from $1
        order by since desc
        limit 1
        "#,
        own,
    );
    Ok(sealed_by.fetch_optional(conn).await?)
}
