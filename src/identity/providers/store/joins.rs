//! The table `auth.provider_joins`: accounts elsewhere that are proved, and wait for the proof of the one here.

use std::net::IpAddr;

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::{PersonId, ProviderId};
use crate::base::opaque::provider::JoinTokenHash;
use crate::identity::providers::{BrowserHash, Onward};

/// What is to be joined.
#[derive(Debug)]
pub struct Join {
    pub provider: ProviderId,
    pub subject: String,
    /// What the provider calls them.
    pub shown: Option<String>,
    /// Whose address it is here.
    pub person: PersonId,
    pub onward: Onward,
    /// Where they came back from the provider.
    pub address: Option<IpAddr>,
}

/// Notes what is to be joined, and forgets some that came to nothing.
pub async fn insert(
    conn: &mut PgConnection,
    (token, browser): (JoinTokenHash, BrowserHash),
    join: &Join,
    (now, over): (OffsetDateTime, OffsetDateTime),
) -> Result<()> {
    sqlx::query!(
        r#"
        delete from auth.provider_joins
        where token in (
            select token from auth.provider_joins where created_at <= $1 order by created_at limit 10 for update skip locked
        )
        "#,
        over,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        r#"
        insert into auth.provider_joins
            (token, browser, provider_id, subject, shown, person_id, request, device, address, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9::text::inet, $10)
        "#,
        token.as_bytes(),
        browser.as_bytes(),
        join.provider.0,
        join.subject,
        join.shown,
        join.person.0,
        join.onward.request,
        join.onward.device,
        join.address.map(|address| address.to_string()),
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What the page of a browser carries, if it is good yet. It stays.
pub async fn find(
    conn: &mut PgConnection,
    (token, browser): (JoinTokenHash, BrowserHash),
    since: OffsetDateTime,
) -> Result<Option<Join>> {
    let row = sqlx::query!(
        r#"
        select provider_id as "provider: ProviderId", subject, shown, person_id as "person: PersonId", request, device,
               host(address) as address
        from auth.provider_joins
        where token = $1 and browser = $2 and created_at > $3
        "#,
        token.as_bytes(),
        browser.as_bytes(),
        since,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Join {
        provider: row.provider,
        subject: row.subject,
        shown: row.shown,
        person: row.person,
        onward: Onward { request: row.request, device: row.device },
        address: row.address.and_then(|address| address.parse().ok()),
    }))
}

/// Deletes it; answers whether it was there.
pub async fn spend(conn: &mut PgConnection, token: JoinTokenHash) -> Result<bool> {
    let spent =
        sqlx::query!("delete from auth.provider_joins where token = $1", token.as_bytes()).execute(conn).await?;
    Ok(spent.rows_affected() == 1)
}
