//! The table `auth.signing_keys`.

use jsonwebtoken::jwk::Jwk;
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use crate::base::error::Result;

/// A signing key, as it is stored.
#[derive(Debug)]
pub struct Stored {
    /// Its thumbprint (RFC 7638).
    pub kid: String,
    /// Its algorithm.
    pub alg: String,
    /// The private key, sealed.
    pub sealed: Vec<u8>,
    /// The fingerprint of the master key that opens it.
    pub sealed_by: String,
    /// The public key.
    pub public_jwk: Json<Jwk>,
    /// When it was published.
    pub created_at: OffsetDateTime,
    /// From when on it signs.
    pub signs_from: OffsetDateTime,
}

/// A signing key without what is private.
#[derive(Debug)]
pub struct Listed {
    /// Its thumbprint (RFC 7638).
    pub kid: String,
    /// Its algorithm.
    pub alg: String,
    /// The fingerprint of the master key that opens it.
    pub sealed_by: String,
    /// When it was published.
    pub created_at: OffsetDateTime,
    /// From when on it signs.
    pub signs_from: OffsetDateTime,
    /// Until when it is published, once another has taken its place.
    pub published_until: Option<OffsetDateTime>,
}

/// All of them, the oldest first.
pub async fn listed(conn: &mut PgConnection) -> Result<Vec<Listed>> {
    let keys = sqlx::query_as!(
        Listed,
        "select kid, alg, sealed_by, created_at, signs_from, published_until from auth.signing_keys order by signs_from, kid"
    );
    Ok(keys.fetch_all(conn).await?)
}

/// Those that are published at `now`, the oldest first.
pub async fn published(conn: &mut PgConnection, now: OffsetDateTime) -> Result<Vec<Stored>> {
    let keys = sqlx::query_as!(
        Stored,
        r#"
        select kid, alg, sealed, sealed_by, public_jwk as "public_jwk: Json<Jwk>", created_at, signs_from
        from auth.signing_keys
        where published_until is null or published_until > $1
        order by signs_from, kid
        "#,
        now,
    )
    .fetch_all(conn)
    .await?;
    Ok(keys)
}

/// From when on the newest key signs: it may be a moment to come.
pub async fn newest(conn: &mut PgConnection) -> Result<Option<OffsetDateTime>> {
    Ok(sqlx::query_scalar!("select max(signs_from) from auth.signing_keys").fetch_one(conn).await?)
}

/// Nobody else makes keys until this transaction ends.
pub async fn lock(conn: &mut PgConnection) -> Result<()> {
    sqlx::query!("select from auth.duties where name = 'rotate signing keys' for update").execute(conn).await?;
    Ok(())
}

/// Stores a new key.
pub async fn insert(conn: &mut PgConnection, new: &Stored) -> Result<()> {
    sqlx::query!(
        r#"
        insert into auth.signing_keys (kid, alg, sealed, sealed_by, public_jwk, created_at, signs_from)
        values ($1, $2, $3, $4, $5, $6, $7)
        "#,
        new.kid,
        new.alg,
        new.sealed,
        new.sealed_by,
        &new.public_jwk as &Json<Jwk>,
        new.created_at,
        new.signs_from,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Says until when the other keys of an algorithm are published, unless that is said already or they are to go sooner.
pub async fn retire_others(conn: &mut PgConnection, alg: &str, kid: &str, until: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        r#"
        update auth.signing_keys
        set published_until = least(published_until, $3)
        where alg = $1 and kid <> $2
        "#,
        alg,
        kid,
        until,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes keys that are not published any more.
pub async fn forget(conn: &mut PgConnection, now: OffsetDateTime) -> Result<u64> {
    let gone = sqlx::query!("delete from auth.signing_keys where published_until <= $1", now).execute(conn).await?;
    Ok(gone.rows_affected())
}
