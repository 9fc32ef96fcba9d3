//! The table `auth.client_logos`. A logo is called by the SHA-256 of it, in hex.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::Picture;
use crate::base::error::Result;
use crate::base::id::ClientId;

/// Gives a client this logo; answers what it is called.
pub async fn set(conn: &mut PgConnection, client: ClientId, picture: &Picture, now: OffsetDateTime) -> Result<String> {
    let digest = sqlx::query_scalar!(
        r#"
        insert into auth.client_logos (client_id, media_type, picture, set_at)
        values ($1, $2, $3, $4)
        on conflict (client_id) do update
        set media_type = excluded.media_type, picture = excluded.picture, set_at = excluded.set_at
        returning encode(digest, 'hex') as "digest!"
        "#,
        client.0,
        picture.media_type,
        picture.bytes.as_ref(),
        now,
    );
    Ok(digest.fetch_one(conn).await?)
}

/// Takes a client's logo; answers what it was called.
pub async fn remove(conn: &mut PgConnection, client: ClientId) -> Result<Option<String>> {
    let digest = sqlx::query_scalar!(
        r#"delete from auth.client_logos where client_id = $1 returning encode(digest, 'hex') as "digest!""#,
        client.0,
    );
    Ok(digest.fetch_optional(conn).await?)
}

/// What a client's logo is called, if it has one.
pub async fn digest(conn: &mut PgConnection, client: ClientId) -> Result<Option<String>> {
    let digest = sqlx::query_scalar!(
        r#"select encode(digest, 'hex') as "digest!" from auth.client_logos where client_id = $1"#,
        client.0,
    );
    Ok(digest.fetch_optional(conn).await?)
}

/// The media type and the bytes of the logo that is called so: of a client that is there.
pub async fn of_digest(conn: &mut PgConnection, digest: &[u8]) -> Result<Option<(String, Vec<u8>)>> {
    let found = sqlx::query!("select media_type, picture from auth.client_logos where digest = $1 limit 1", digest)
        .fetch_optional(conn)
        .await?;
    Ok(found.map(|logo| (logo.media_type, logo.picture)))
}
