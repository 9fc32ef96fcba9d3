//! The table `auth.recovery_codes`.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::identity::factors::RecoveryCodesLeft;
use crate::platform::passwords::PasswordHash;

/// Makes a set of codes, each by its beginning and its hash, the only one that somebody has.
pub async fn replace(
    conn: &mut PgConnection,
    person: PersonId,
    codes: &[(String, PasswordHash)],
    now: OffsetDateTime,
) -> Result<()> {
    remove_all(&mut *conn, person).await?;
    let selectors: Vec<&str> = codes.iter().map(|(selector, _)| selector.as_str()).collect();
    let hashes: Vec<&str> = codes.iter().map(|(_, hash)| hash.as_str()).collect();
    sqlx::query!(
        r#"
        insert into auth.recovery_codes (person_id, selector, code_hash, created_at)
        select $1, code.selector, code.hash, $4
        from unnest($2::text[], $3::text[]) code (selector, hash)
        "#,
        person.0,
        &selectors as &[&str],
        &hashes as &[&str],
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The hash of one of somebody's codes.
pub async fn find(conn: &mut PgConnection, person: PersonId, selector: &str) -> Result<Option<PasswordHash>> {
    let hash = sqlx::query_scalar!(
        r#"select code_hash as "hash: PasswordHash" from auth.recovery_codes where person_id = $1 and selector = $2"#,
        person.0,
        selector,
    );
    Ok(hash.fetch_optional(conn).await?)
}

/// Takes a code: of any number who present it at once, one wins. Answers whether it was there.
pub async fn spend(conn: &mut PgConnection, person: PersonId, selector: &str, hash: &PasswordHash) -> Result<bool> {
    let spent = sqlx::query!(
        "delete from auth.recovery_codes where person_id = $1 and selector = $2 and code_hash = $3",
        person.0,
        selector,
        hash.as_str(),
    );
    Ok(spent.execute(conn).await?.rows_affected() == 1)
}

/// How many codes somebody has.
pub async fn count(conn: &mut PgConnection, person: PersonId) -> Result<i64> {
    Ok(left(conn, person).await?.remaining)
}

/// How many codes somebody has, and since when.
pub async fn left(conn: &mut PgConnection, person: PersonId) -> Result<RecoveryCodesLeft> {
    let left = sqlx::query_as!(
        RecoveryCodesLeft,
        r#"
        select count(*) as "remaining!", max(created_at) as created_at
        from auth.recovery_codes
        where person_id = $1
        "#,
        person.0,
    );
    Ok(left.fetch_one(conn).await?)
}

/// Removes all of somebody's codes; answers how many.
pub async fn remove_all(conn: &mut PgConnection, person: PersonId) -> Result<u64> {
    let removed = sqlx::query!("delete from auth.recovery_codes where person_id = $1", person.0);
    Ok(removed.execute(conn).await?.rows_affected())
}
