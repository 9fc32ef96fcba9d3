//! The table `auth.pending_logins`.

use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::opaque::second_step::MfaTokenHash;
use crate::identity::factors::{FirstStep, Pending};
use crate::platform::passwords::PasswordHash;

/// Stores a login that waits.
pub async fn insert(
    conn: &mut PgConnection,
    token: MfaTokenHash,
    first: &FirstStep<'_>,
    now: OffsetDateTime,
) -> Result<()> {
    let insert = sqlx::query!(
        r#"
        insert into auth.pending_logins
            (token, person_id, verified, amr, refresh, enrols, created_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        "#,
        token.as_bytes(),
        first.person.0,
        first.verified.map(digest),
        &first.amr.words(),
        first.refresh,
        first.methods.is_empty(),
        now,
        now + Pending::LIFETIME,
    );
    insert.execute(conn).await?;
    Ok(())
}

/// Which hash it was, without being one.
fn digest(hash: &PasswordHash) -> Vec<u8> {
    Sha256::digest(hash.as_str()).to_vec()
}
