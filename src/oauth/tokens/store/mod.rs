//! The table `auth.access_tokens`, as it is written.

pub mod authorizations;
mod groups;
pub mod purge;
pub mod refresh_tokens;

use std::collections::HashSet;

use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::NewAccessToken;
use crate::base::error::Result;
use crate::base::id::ClientId;
use crate::base::opaque::oauth::AccessTokenHash;
use crate::oauth::dpop::Thumbprint;

pub use groups::groups_in;

/// Stores access tokens; answers for each whether it is good: not when its client has changed since it was prepared, or its
/// client or its subject has ended. Both stay as they are meanwhile: the subjects' rows are held before the clients', as everywhere.
pub async fn insert_all(conn: &mut PgConnection, new: &[NewAccessToken]) -> Result<Vec<bool>> {
    let tokens: Vec<&[u8]> = new.iter().map(|new| new.token.as_bytes()).collect();
    let authorizations: Vec<Option<i64>> = new.iter().map(|new| new.authorization.map(|id| id.0)).collect();
    let clients: Vec<i32> = new.iter().map(|new| new.client.0).collect();
    let versions: Vec<i64> = new.iter().map(|new| new.client_version).collect();
    let people: Vec<i32> = new.iter().map(|new| new.person.0).collect();
    // Arrays of arrays would all have to be of one length. No scope has a line's end in it.
    let scopes: Vec<String> = new.iter().map(|new| new.scopes.join("\n")).collect();
    let services: Vec<String> = new.iter().map(|new| joined(new.services.iter().map(|service| service.0))).collect();
    let narrowed: Vec<String> = new.iter().map(|new| joined(new.narrowed.iter().map(|service| service.0))).collect();
    let keys: Vec<Option<&str>> = new.iter().map(|new| new.jkt.as_ref().map(Thumbprint::as_str)).collect();
    let issued: Vec<OffsetDateTime> = new.iter().map(|new| new.issued_at).collect();
    let expires: Vec<OffsetDateTime> = new.iter().map(|new| new.expires_at).collect();
    let good = sqlx::query_scalar!(
        r#"
        with subject as materialized (
            select id from auth.person
            where id = any($4) and removed_at is null and disabled_at is null order by id for share
        ), client as materialized (
            select id, version from auth.clients
            where id = any($3) and removed_at is null and (select count(*) from subject) > 0 order by id for share
        )
        insert into auth.access_tokens
            (token, authorization_id, client_id, person_id, scopes, services, narrowed, act, jkt, issued_at, expires_at)
        select asked.token, asked.authorization_id, client.id, subject.id, string_to_array(asked.scopes, e'\n'),
               string_to_array(asked.services, ' ')::integer[], string_to_array(asked.narrowed, ' ')::integer[],
               (select act from auth.authorizations where id = asked.authorization_id), asked.jkt, asked.issued_at,
               asked.expires_at
        from unnest(
            $1::bytea[], $2::bigint[], $3::integer[], $4::integer[], $5::text[], $6::text[], $7::text[],
            $8::timestamptz[], $9::timestamptz[], $10::bigint[], $11::text[]
        ) as asked (
            token, authorization_id, client_id, person_id, scopes, services, jkt, issued_at, expires_at, version, narrowed
        )
        join client on client.id = asked.client_id and client.version = asked.version
        join subject on subject.id = asked.person_id
        -- Asked once more after a broken connection, it may be there already.
        on conflict (token) do update set expires_at = excluded.expires_at
        returning token
        "#,
        &tokens as &[&[u8]],
        &authorizations as &[Option<i64>],
        &clients,
        &people,
        &scopes,
        &services,
        &keys as &[Option<&str>],
        &issued,
        &expires,
        &versions,
        &narrowed,
    )
    .fetch_all(conn)
    .await?;
    let good: HashSet<Vec<u8>> = good.into_iter().collect();
    Ok(new.iter().map(|new| good.contains(new.token.as_bytes())).collect())
}

fn joined(ids: impl Iterator<Item = i32>) -> String {
    ids.map(|id| id.to_string()).collect::<Vec<_>>().join(" ")
}

/// Ends an access token of a client's; answers whether it was one.
pub async fn end(conn: &mut PgConnection, token: AccessTokenHash, client: ClientId) -> Result<bool> {
    let ended =
        sqlx::query!("delete from auth.access_tokens where token = $1 and client_id = $2", token.as_bytes(), client.0,)
            .execute(conn)
            .await?;
    Ok(ended.rows_affected() == 1)
}

/// The claims that were asked for one by one, when the login of an access token began.
pub async fn claims_asked(conn: &mut PgConnection, token: AccessTokenHash) -> Result<Option<Value>> {
    let claims = sqlx::query_scalar!(
        r#"
        select a.claims
        from auth.access_tokens t
        join auth.authorizations a on a.id = t.authorization_id
        where t.token = $1
        "#,
        token.as_bytes(),
    );
    Ok(claims.fetch_optional(conn).await?.flatten())
}

/// Whose an access token is.
pub async fn client_of(conn: &mut PgConnection, token: AccessTokenHash) -> Result<Option<ClientId>> {
    let client = sqlx::query_scalar!(
        r#"select client_id as "client: ClientId" from auth.access_tokens where token = $1"#,
        token.as_bytes(),
    );
    Ok(client.fetch_optional(conn).await?)
}
