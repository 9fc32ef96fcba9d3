//! The table `auth.device_authorizations`.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Polled, UserCode};
use crate::base::error::Result;
use crate::base::id::{AuthorizationId, ClientId, ServiceId};
use crate::base::opaque::oauth::DeviceCodeHash;

/// What a device asks for.
#[derive(Debug)]
pub struct New<'a> {
    /// Which client it is.
    pub client: ClientId,
    /// What it polls with.
    pub device_code: DeviceCodeHash,
    /// What a person types.
    pub user_code: &'a UserCode,
    /// What it asks for.
    pub scopes: &'a [String],
    /// The services that its tokens are to be for.
    pub services: &'a [ServiceId],
    /// How many seconds are to be between two polls.
    pub interval: i32,
    /// Now.
    pub now: OffsetDateTime,
    /// When it is over.
    pub expires_at: OffsetDateTime,
}

/// Stores what a device asks for; answers whether nobody has that user code.
pub async fn insert(conn: &mut PgConnection, new: &New<'_>) -> Result<bool> {
    let services: Vec<i32> = new.services.iter().map(|service| service.0).collect();
    let inserted = sqlx::query!(
        r#"
        insert into auth.device_authorizations
            (client_id, device_code, user_code, scopes, services, interval_seconds, created_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        on conflict (user_code) do nothing
        "#,
        new.client.0,
        new.device_code.as_bytes(),
        new.user_code.as_str(),
        new.scopes,
        &services,
        new.interval,
        new.now,
        new.expires_at,
    )
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// What waits for an answer under a user code.
#[derive(Debug)]
pub struct Waiting {
    /// The row.
    pub id: i64,
    /// What requests call the client.
    pub client_id: String,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// The services that the tokens are to be for.
    pub services: Vec<ServiceId>,
    /// When it is over.
    pub expires_at: OffsetDateTime,
}

/// What waits under a user code at `now`.
pub async fn waiting(conn: &mut PgConnection, code: &UserCode, now: OffsetDateTime) -> Result<Option<Waiting>> {
    let waiting = sqlx::query_as!(
        Waiting,
        r#"
        select d.id, c.client_id, d.scopes, d.services as "services: Vec<ServiceId>", d.expires_at
        from auth.device_authorizations d
        join auth.clients c on c.id = d.client_id and c.removed_at is null
        where d.user_code = $1 and d.answered_at is null and d.expires_at > $2
        "#,
        code.as_str(),
        now,
    )
    .fetch_optional(conn)
    .await?;
    Ok(waiting)
}

/// Answers what waits: with what came of a yes, or with a no. Of any number of racing answers one counts: whether it is this.
pub async fn answer(
    conn: &mut PgConnection,
    id: i64,
    authorization: Option<AuthorizationId>,
    now: OffsetDateTime,
) -> Result<bool> {
    let answered = sqlx::query!(
        r#"
        update auth.device_authorizations
        set answered_at = $3, authorization_id = $2
        where id = $1 and answered_at is null and expires_at > $3
        "#,
        id,
        authorization.map(|id| id.0),
        now,
    )
    .execute(conn)
    .await?;
    Ok(answered.rows_affected() == 1)
}

/// What a client's device code leads to, kept from any other poll until this transaction ends.
pub async fn lock(conn: &mut PgConnection, code: DeviceCodeHash, client: ClientId) -> Result<Option<Polled>> {
    let polled = sqlx::query_as!(
        Polled,
        r#"
        select id, interval_seconds as interval, last_polled_at, answered_at,
               authorization_id as "authorization: AuthorizationId", redeemed_at, expires_at
        from auth.device_authorizations
        where device_code = $1 and client_id = $2
        for no key update
        "#,
        code.as_bytes(),
        client.0,
    )
    .fetch_optional(conn)
    .await?;
    Ok(polled)
}

/// Notes a poll, and how many seconds are to be until the next.
pub async fn note_poll(conn: &mut PgConnection, id: i64, interval: i32, now: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        "update auth.device_authorizations set last_polled_at = $3, interval_seconds = $2 where id = $1",
        id,
        interval,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Redeems a device code; answers whether it was this that did. Of any number of racing ones, on any number of instances,
/// exactly one does.
pub async fn redeem(conn: &mut PgConnection, id: i64, now: OffsetDateTime) -> Result<bool> {
    let redeemed = sqlx::query!(
        "update auth.device_authorizations set redeemed_at = $2 where id = $1 and redeemed_at is null",
        id,
        now,
    )
    .execute(conn)
    .await?;
    Ok(redeemed.rows_affected() == 1)
}
