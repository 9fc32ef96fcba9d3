//! The table `auth.authorizations`, as it is begun.

pub mod pushed;

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Browser, Grant, Request};
use crate::base::error::Result;
use crate::base::id::{ClientId, ServiceId};
use crate::base::opaque::oauth::CodeHash;
use crate::oauth::dpop::Thumbprint;

/// A service that a client's tokens may be for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its id.
    pub id: ServiceId,
    /// Its name.
    pub name: String,
}

/// The services that a client's tokens are for.
pub async fn services(conn: &mut PgConnection, client: ClientId) -> Result<Vec<Service>> {
    let services = sqlx::query_as!(
        Service,
        r#"
        select s.id as "id: ServiceId", s.name
        from auth.client_audience a
        join auth.services s on s.id = a.service_id and s.removed_at is null
        where a.client_id = $1
        order by s.id
        "#,
        client.0,
    )
    .fetch_all(conn)
    .await?;
    Ok(services)
}

/// An authorization to begin.
#[derive(Debug)]
pub struct New<'a> {
    /// Who asks, and for what.
    pub request: &'a Request,
    /// Who grants it.
    pub browser: &'a Browser,
    /// What.
    pub grant: &'a Grant,
    /// What they must have agreed to already, where they were not asked for it.
    pub agreed: Option<&'a [String]>,
    /// The code that it begins with.
    pub code: CodeHash,
    /// Until when that is good. All of it is over then unless the code is redeemed.
    pub code_expires_at: OffsetDateTime,
    /// When all of it is over, however often it is refreshed.
    pub ends_at: OffsetDateTime,
    /// Now.
    pub now: OffsetDateTime,
}

/// Begins an authorization, unless the client has changed, what was agreed is agreed no longer, or the person, their session or the
/// client has ended: whoever ends one of them waits for this, and ends it, too. A request that was pushed is over with that: it
/// gives one code.
pub async fn insert(conn: &mut PgConnection, new: &New<'_>) -> Result<bool> {
    if !hold(&mut *conn, new).await? {
        return Ok(false);
    }
    let sid = new.browser.token.session_id();
    let services: Vec<i32> = new.grant.services.iter().map(|service| service.id.0).collect();
    let narrowed: Vec<i32> = new.grant.narrowed_services().map(|service| service.id.0).collect();
    let begun = sqlx::query!(
        r#"
        with spent as (
            delete from auth.pushed_requests where reference = $21 and client_id = $1 returning reference
        )
        insert into auth.authorizations
            (client_id, person_id, session, sid, scopes, services, narrowed, nonce, claims, auth_time, acr, amr,
             redirect_uri, code_challenge, code, code_expires_at, created_at, refreshed_at, expires_at, ends_at, jkt)
        select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17, $18, $19, $20
        where $21::bytea is null or exists (select from spent)
        "#,
        new.request.client.id.0,
        new.browser.person.0,
        new.browser.token.as_bytes(),
        sid.as_str(),
        &new.grant.scopes,
        &services,
        &narrowed,
        new.request.nonce,
        new.request.claims,
        new.browser.logged_in_at,
        new.browser.amr.acr(),
        &new.browser.amr.words(),
        new.request.target.redirect_uri(),
        new.request.code_challenge,
        new.code.as_bytes(),
        new.code_expires_at,
        new.now,
        // Unless it is redeemed.
        new.code_expires_at,
        new.ends_at,
        new.request.dpop_jkt.as_ref().map(Thumbprint::as_str),
        new.request.pushed.as_ref().map(|pushed| pushed.reference.as_bytes()),
    );
    Ok(begun.execute(conn).await?.rows_affected() == 1)
}

/// Keeps what an authorization comes of as it is until this transaction ends, the person's row before the client's, as everywhere;
/// answers whether all of it is there.
async fn hold(conn: &mut PgConnection, new: &New<'_>) -> Result<bool> {
    let client = &new.request.client;
    let held = sqlx::query_scalar!(
        r#"
        with person as materialized (
            select id from auth.person where id = $2 and removed_at is null and disabled_at is null for share
        ), client as materialized (
            select id
            from auth.clients
            where id = $1 and version = $4 and removed_at is null and exists (select from person)
            for share
        ), agreed as materialized (
            select client_id
            from auth.consents
            where person_id = $2 and client_id = $1 and scopes @> $5 and exists (select from client)
            for share
        )
        select true as "held!"
        from auth.tokens_cache
        where token = $3 and person_id = $2 and exists (select from client)
          and ($5::text[] is null or exists (select from agreed))
        for key share
        "#,
        client.id.0,
        new.browser.person.0,
        new.browser.token.as_bytes(),
        client.version,
        new.agreed,
    );
    Ok(held.fetch_optional(conn).await?.is_some())
}
