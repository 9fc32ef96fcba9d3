//! The table `auth.authorizations`, as it is begun.

pub mod pushed;

use serde_json::json;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{ACR, AMR, Browser, Grant, Request};
use crate::base::error::Result;
use crate::base::id::{ClientId, ServiceId};
use crate::base::opaque::oauth::CodeHash;
use crate::gate::audit::Origin;
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
    /// The code that it begins with.
    pub code: CodeHash,
    /// Until when that is good.
    pub code_expires_at: OffsetDateTime,
    /// When all of it is over.
    pub expires_at: OffsetDateTime,
    /// Now.
    pub now: OffsetDateTime,
    /// Where the request came from.
    pub origin: &'a Origin,
}

/// Begins an authorization and tells of it, unless the person, their session or the client has ended: whoever ends one of them
/// waits for this, and ends it, too. A request that was pushed is over with that: it gives one code.
pub async fn insert(conn: &mut PgConnection, new: &New<'_>) -> Result<bool> {
    let (client, person) = (&new.request.client, new.browser.person);
    let sid = new.browser.token.session_id();
    let services: Vec<i32> = new.grant.services.iter().map(|service| service.id.0).collect();
    let told = json!({"client_id": client.client_id, "scopes": new.grant.scopes, "services": services});
    let begun = sqlx::query_scalar!(
        r#"
        with person as (
            select id from auth.person where id = $2 and removed_at is null and disabled_at is null for share
        ), session as (
            select token from auth.tokens_cache where token = $3 and person_id = $2 for key share
        ), client as (
            select id, service_id from auth.clients where id = $1 and removed_at is null for share
        ), spent as (
            delete from auth.pushed_requests
            where reference = $22 and client_id = $1 and exists (select from person, session, client)
            returning reference
        ), begun as (
            insert into auth.authorizations
                (client_id, person_id, session, sid, scopes, services, nonce, claims, auth_time, acr, amr, redirect_uri,
                 code_challenge, code, code_expires_at, created_at, refreshed_at, expires_at, jkt)
            select client.id, person.id, session.token, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $16, $17,
                   $23
            from person, session, client
            where $22::bytea is null or exists (select from spent)
            returning person_id
        )
        insert into auth.audit_events
            (at, action, actor, actor_id, subject_id, service_id, request_id, address, client_id, after)
        select $16, 'authorization.created', 'person', begun.person_id, begun.person_id, client.service_id, $18,
               $19::text::inet, $20, $21
        from begun, client
        returning id as "id!"
        "#,
        client.id.0,
        person.0,
        new.browser.token.as_bytes(),
        sid.as_str(),
        &new.grant.scopes,
        &services,
        new.request.nonce,
        new.request.claims,
        new.browser.logged_in_at,
        ACR,
        &AMR.map(str::to_owned),
        new.request.target.redirect_uri(),
        new.request.code_challenge,
        new.code.as_bytes(),
        new.code_expires_at,
        new.now,
        new.expires_at,
        new.origin.request_id.as_deref(),
        new.origin.address.map(|address| address.to_string()),
        new.origin.client_id,
        told,
        new.request.pushed.as_ref().map(|pushed| pushed.reference.as_bytes()),
        new.request.dpop_jkt.as_ref().map(Thumbprint::as_str),
    );
    Ok(begun.fetch_optional(conn).await?.is_some())
}
