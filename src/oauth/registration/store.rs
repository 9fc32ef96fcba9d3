//! The table `auth.client_registration_tokens`, and which client registered itself.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{RegistrationToken, RegistrationTokenId, TokenName};
use crate::base::error::{Error, Result};
use crate::base::id::{ClientId, Id, PersonId, ServiceId};
use crate::base::opaque::oauth::{InitialAccessHash, RegistrationAccessHash};

/// How many initial access tokens of a service are good at once.
const MOST: i64 = 100;

/// What a token is made with.
#[derive(Debug)]
pub struct Terms<'a> {
    /// What it is called.
    pub name: &'a TokenName,
    /// How many clients it registers.
    pub uses: i32,
    /// When it ends.
    pub expires_at: OffsetDateTime,
}

/// Gives a service that is locked an initial access token; those that are over are swept up.
///
/// # Errors
/// 409 `too_many_registration_tokens`.
pub async fn insert(
    conn: &mut PgConnection,
    service: ServiceId,
    token: InitialAccessHash,
    terms: &Terms<'_>,
    (now, by): (OffsetDateTime, Option<PersonId>),
) -> Result<RegistrationToken> {
    sqlx::query!(
        "delete from auth.client_registration_tokens where service_id = $1 and (uses_left = 0 or expires_at <= $2)",
        service.0,
        now,
    )
    .execute(&mut *conn)
    .await?;
    let id = sqlx::query_scalar!(
        r#"
        insert into auth.client_registration_tokens
            (service_id, token, name, uses_left, created_at, created_by, expires_at)
        select $1, $2, $3, $4, $5, $6, $7
        where (select count(*) from auth.client_registration_tokens where service_id = $1) < $8
        returning id as "id: RegistrationTokenId"
        "#,
        service.0,
        token.as_bytes(),
        terms.name.as_str(),
        terms.uses,
        now,
        by.map(|person| person.0),
        terms.expires_at,
        MOST,
    )
    .fetch_optional(conn)
    .await?
    .ok_or_else(|| {
        let detail = "this service has a hundred initial access tokens: revoke those not in use";
        Error::conflict("too_many_registration_tokens", detail)
    })?;
    Ok(RegistrationToken {
        id,
        name: terms.name.as_str().to_owned(),
        fingerprint: token.fingerprint(),
        uses_left: terms.uses,
        created_at: now,
        created_by: by,
        expires_at: terms.expires_at,
    })
}

/// The initial access tokens of a service that are good at `now`, the oldest first: they are few.
pub async fn list(conn: &mut PgConnection, service: ServiceId, now: OffsetDateTime) -> Result<Vec<RegistrationToken>> {
    let tokens = sqlx::query_as!(
        RegistrationToken,
        r#"
        select id as "id: RegistrationTokenId", name, left(encode(token, 'hex'), 8) as "fingerprint!", uses_left,
               created_at, created_by as "created_by: PersonId", expires_at
        from auth.client_registration_tokens
        where service_id = $1 and uses_left > 0 and expires_at > $2
        order by id
        "#,
        service.0,
        now,
    );
    Ok(tokens.fetch_all(conn).await?)
}

/// Ends an initial access token of a service.
///
/// # Errors
/// 404 `registration_token_not_found`.
pub async fn revoke(conn: &mut PgConnection, service: ServiceId, token: RegistrationTokenId) -> Result<()> {
    let revoked = sqlx::query!(
        "delete from auth.client_registration_tokens where id = $1 and service_id = $2",
        token.0,
        service.0,
    )
    .execute(conn)
    .await?;
    if revoked.rows_affected() == 0 { Err(RegistrationTokenId::not_found()) } else { Ok(()) }
}

/// The service that a token registers clients of, if it is good at `now`.
pub async fn service_of(
    conn: &mut PgConnection,
    token: InitialAccessHash,
    now: OffsetDateTime,
) -> Result<Option<ServiceId>> {
    let service = sqlx::query_scalar!(
        r#"
        select service_id as "service: ServiceId"
        from auth.client_registration_tokens
        where token = $1 and uses_left > 0 and expires_at > $2
        "#,
        token.as_bytes(),
        now,
    );
    Ok(service.fetch_optional(conn).await?)
}

/// Uses a token once; answers whether it was good for that.
pub async fn spend(conn: &mut PgConnection, token: InitialAccessHash, now: OffsetDateTime) -> Result<bool> {
    let spent = sqlx::query!(
        r#"
        update auth.client_registration_tokens
        set uses_left = uses_left - 1
        where token = $1 and uses_left > 0 and expires_at > $2
        "#,
        token.as_bytes(),
        now,
    )
    .execute(conn)
    .await?;
    Ok(spent.rows_affected() == 1)
}

/// Gives a client the token by which it looks after its registration.
pub async fn set_access_token(conn: &mut PgConnection, client: ClientId, token: RegistrationAccessHash) -> Result<()> {
    sqlx::query!("update auth.clients set registration_access_token = $2 where id = $1", client.0, token.as_bytes(),)
        .execute(conn)
        .await?;
    Ok(())
}

/// The `client_id` of whose token this is.
pub async fn client_of(conn: &mut PgConnection, token: RegistrationAccessHash) -> Result<Option<String>> {
    let client = sqlx::query_scalar!(
        "select client_id from auth.clients where registration_access_token = $1 and removed_at is null",
        token.as_bytes(),
    );
    Ok(client.fetch_optional(conn).await?)
}
