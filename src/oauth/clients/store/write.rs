use jsonwebtoken::jwk::JwkSet;
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use crate::base::error::{Error, OnConstraint, Result};
use crate::base::id::{ClientId, Id, PersonId, ServiceId};
use crate::oauth::clients::{GrantType, Identifier, Registration};

/// How many clients a service may have, and as many of documents besides.
pub const MOST_CLIENTS: i64 = 1000;

/// Registers a client of a service that is locked. The unique indexes decide whether its identifier is free.
///
/// # Errors
/// 409 `client_exists`, `too_many_clients`.
pub async fn insert(
    conn: &mut PgConnection,
    client_id: &Identifier,
    service: ServiceId,
    new: &Registration,
    (now, by): (OffsetDateTime, Option<PersonId>),
) -> Result<ClientId> {
    let id = sqlx::query_scalar!(
        r#"
        insert into auth.clients (
            client_id, name, service_id, auth_method, grant_types, redirect_uris, post_logout_redirect_uris,
            backchannel_logout_uri, scopes, token_format, token_seconds, signing_alg, requires_pkce, requires_dpop,
            consent, admits, jwks, jwks_uri, created_at, created_by, requires_par, loopback_only
        )
        select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $22, $23
        where (
            select count(*)
            from auth.clients
            where service_id = $3 and removed_at is null
              -- Of either kind so many: documents, which strangers bring, take no place from others.
              and starts_with(client_id, 'https://') = starts_with($1, 'https://')
        ) < $21
        returning id as "id: ClientId"
        "#,
        client_id.as_str(),
        new.name,
        service.0,
        new.auth_method.as_str(),
        &grants(new),
        &new.redirect_uris,
        &new.post_logout_redirect_uris,
        new.backchannel_logout_uri,
        &new.scopes,
        new.token_format.as_str(),
        new.token_seconds,
        new.signing_alg.as_str(),
        new.requires_pkce,
        new.requires_dpop,
        new.consent.as_str(),
        new.admits.as_str(),
        new.jwks.as_ref().map(Json) as Option<Json<&JwkSet>>,
        new.jwks_uri,
        now,
        by.map(|person| person.0),
        MOST_CLIENTS,
        new.requires_par,
        new.loopback_only,
    )
    .fetch_optional(conn)
    .await
    .on_constraint("clients_client_id_key", client_exists())
    .on_constraint("clients_client_id_folded_key", client_exists())?;
    id.ok_or_else(|| {
        Error::conflict("too_many_clients", "this service has a thousand clients: delete those not in use")
    })
}

fn client_exists() -> Error {
    let detail =
        "a client has that client_id, or had it, or it differs only in capital and small letters; choose another";
    Error::conflict("client_exists", detail)
}

/// Writes all that can be changed of a client, but its audience.
pub async fn update(conn: &mut PgConnection, client: ClientId, new: &Registration) -> Result<()> {
    sqlx::query!(
        r#"
        update auth.clients
        set name = $2, auth_method = $3, grant_types = $4, redirect_uris = $5, post_logout_redirect_uris = $6,
            backchannel_logout_uri = $7, scopes = $8, token_format = $9, token_seconds = $10, signing_alg = $11,
            requires_pkce = $12, requires_dpop = $13, consent = $14, admits = $15, jwks = $16, jwks_uri = $17,
            requires_par = $18
        where id = $1
        "#,
        client.0,
        new.name,
        new.auth_method.as_str(),
        &grants(new),
        &new.redirect_uris,
        &new.post_logout_redirect_uris,
        new.backchannel_logout_uri,
        &new.scopes,
        new.token_format.as_str(),
        new.token_seconds,
        new.signing_alg.as_str(),
        new.requires_pkce,
        new.requires_dpop,
        new.consent.as_str(),
        new.admits.as_str(),
        new.jwks.as_ref().map(Json) as Option<Json<&JwkSet>>,
        new.jwks_uri,
        new.requires_par,
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn grants(new: &Registration) -> Vec<String> {
    new.grant_types.iter().map(|grant: &GrantType| grant.as_str().to_owned()).collect()
}

/// Writes a client's audience: these services and no others.
pub async fn set_audience(conn: &mut PgConnection, client: ClientId, services: &[ServiceId]) -> Result<()> {
    let services = numbers(services);
    sqlx::query!(
        "delete from auth.client_audience where client_id = $1 and service_id <> all ($2)",
        client.0,
        &services,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        r#"
        insert into auth.client_audience (client_id, service_id)
        select $1, unnest($2::int[])
        on conflict do nothing
        "#,
        client.0,
        &services,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes services and scopes from all that a client has been given. Tokens that have them end. Authorizations go on without the
/// services; those that have one of the scopes end, since with fewer of these a token may open more.
pub async fn narrow(
    conn: &mut PgConnection,
    client: ClientId,
    services: &[ServiceId],
    scopes: &[String],
) -> Result<()> {
    let services = numbers(services);
    sqlx::query!("delete from auth.authorizations where client_id = $1 and scopes && $2", client.0, scopes)
        .execute(&mut *conn)
        .await?;
    sqlx::query!(
        "delete from auth.access_tokens where client_id = $1 and (services && $2 or scopes && $3)",
        client.0,
        &services,
        scopes,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        r#"
        update auth.authorizations
        set services = array(select unnest(services) except select unnest($2::int[]))
        where client_id = $1 and services && $2
        "#,
        client.0,
        &services,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Those of these services of which the scopes `before` have no permission, and those after it have some.
pub async fn narrowed(
    conn: &mut PgConnection,
    services: &[ServiceId],
    (before, after): (&[String], &[String]),
) -> Result<Vec<ServiceId>> {
    let narrowed = sqlx::query_scalar!(
        r#"
        select s.id as "id: ServiceId"
        from auth.services s
        where s.id = any ($1)
          and exists (select from unnest($3::text[]) scope where starts_with(scope, s.name || ':'))
          and not exists (select from unnest($2::text[]) scope where starts_with(scope, s.name || ':'))
        "#,
        &numbers(services),
        before,
        after,
    );
    Ok(narrowed.fetch_all(conn).await?)
}

/// Keeps a client from any change by others until this transaction ends.
///
/// # Errors
/// 404 `client_not_found` for one that was removed.
pub async fn lock(conn: &mut PgConnection, client: ClientId) -> Result<()> {
    let here = sqlx::query_scalar!(
        "select id from auth.clients where id = $1 and removed_at is null for no key update",
        client.0,
    );
    here.fetch_optional(conn).await?.map(|_| ()).ok_or_else(ClientId::not_found)
}

/// Takes a client out of every answer; the trigger `clients_end` ends its tokens, its secrets and the subject that it was.
pub async fn remove(conn: &mut PgConnection, client: ClientId, now: OffsetDateTime) -> Result<()> {
    sqlx::query!("update auth.clients set removed_at = $2 where id = $1 and removed_at is null", client.0, now)
        .execute(conn)
        .await?;
    Ok(())
}

fn numbers(services: &[ServiceId]) -> Vec<i32> {
    services.iter().map(|service| service.0).collect()
}
