//! The table `auth.trusted_issuers`, as it is managed.

use std::borrow::Cow;

use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::TrustedIssuer;
use super::terms::Keys;
use crate::base::error::{Error, OnConstraint, Result};
use crate::base::id::{Id, IssuerId, PersonId, ServiceId};
use crate::gate::foreign::PersonBy;
use crate::platform::http::{Page, Total};

/// What is stored of an issuer besides its keys.
#[derive(Clone, Debug)]
pub struct Stored {
    pub issuer: Option<String>,
    pub audiences: Vec<String>,
    pub leeway_seconds: i32,
    pub person_claim: String,
    pub person_by: PersonBy,
}

struct Row {
    id: IssuerId,
    service_id: ServiceId,
    issuer: Option<String>,
    audiences: Vec<String>,
    leeway_seconds: i32,
    person_claim: String,
    person_by: String,
    secret_bytes: Option<i32>,
    jwks: Option<Value>,
    jwks_uri: Option<String>,
    created_at: OffsetDateTime,
    created_by: Option<PersonId>,
    version: i32,
}

impl From<Row> for TrustedIssuer {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            service_id: row.service_id,
            issuer: row.issuer,
            remarks: Self::remarks(&row.audiences, row.secret_bytes),
            audiences: row.audiences,
            leeway_seconds: row.leeway_seconds,
            person_claim: row.person_claim,
            // The constraint has no others.
            person_by: PersonBy::of(&row.person_by).unwrap_or(PersonBy::Id),
            has_secret: row.secret_bytes.is_some(),
            jwks: row.jwks,
            jwks_uri: row.jwks_uri,
            created_at: row.created_at,
            created_by: row.created_by,
            version: row.version,
        }
    }
}

/// One page of the issuers that a service trusts.
pub async fn list(conn: &mut PgConnection, service: ServiceId, page: &Page) -> Result<Vec<TrustedIssuer>> {
    let rows: Vec<Row> = Total::rows(conn, page, |page| {
        sqlx::query_as!(
            Row,
            r#"
            select id as "id: IssuerId", service_id as "service_id: ServiceId", issuer, audiences, leeway_seconds, person_claim,
                   person_by, secret_bytes, jwks, jwks_uri, created_at, created_by as "created_by: PersonId", version
            from auth.trusted_issuers
            where service_id = $1
              and id > $2
              and ($3::text is null or auth.fold(coalesce(issuer, '')) ^@ $3)
            order by id
            limit $4
            "#,
            service.0,
            page.after(0),
            page.prefix(),
            page.fetch(),
        )
    })
    .await?;
    Ok(rows.into_iter().map(TrustedIssuer::from).collect())
}

/// One that a service trusts.
pub async fn find(conn: &mut PgConnection, service: ServiceId, id: IssuerId) -> Result<Option<TrustedIssuer>> {
    let row = sqlx::query_as!(
        Row,
        r#"
        select id as "id: IssuerId", service_id as "service_id: ServiceId", issuer, audiences, leeway_seconds, person_claim,
               person_by, secret_bytes, jwks, jwks_uri, created_at, created_by as "created_by: PersonId", version
        from auth.trusted_issuers
        where id = $2 and service_id = $1
        "#,
        service.0,
        id.0,
    );
    Ok(row.fetch_optional(conn).await?.map(TrustedIssuer::from))
}

/// How many issuers a service trusts.
pub async fn count(conn: &mut PgConnection, service: ServiceId) -> Result<i64> {
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from auth.trusted_issuers where service_id = $1"#,
        service.0,
    );
    Ok(count.fetch_one(conn).await?)
}

/// Stores one.
///
/// # Errors
/// 409 `issuer_exists`.
pub async fn insert(
    conn: &mut PgConnection,
    service: ServiceId,
    (stored, keys): (&Stored, &Keys),
    by: Option<PersonId>,
) -> Result<TrustedIssuer> {
    let (sealed, bytes, jwks, jwks_uri) = columns(keys);
    let row = sqlx::query_as!(
        Row,
        r#"
        insert into auth.trusted_issuers (
            service_id, issuer, audiences, leeway_seconds, person_claim, person_by,
            secret_sealed, secret_sealed_by, secret_bytes, jwks, jwks_uri, created_by
        )
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        returning id as "id: IssuerId", service_id as "service_id: ServiceId", issuer, audiences, leeway_seconds, person_claim,
                  person_by, secret_bytes, jwks, jwks_uri, created_at, created_by as "created_by: PersonId", version
        "#,
        service.0,
        stored.issuer,
        &stored.audiences,
        stored.leeway_seconds,
        stored.person_claim,
        stored.person_by.as_str(),
        sealed.map(|sealed| sealed.secret.as_slice()),
        sealed.map(|sealed| sealed.by.as_str()),
        bytes,
        jwks,
        jwks_uri,
        by.map(|person| person.0),
    )
    .fetch_one(conn)
    .await
    .on_constraint("trusted_issuers_issuer_key", exists("the service trusts this issuer already: change that one"))?;
    Ok(row.into())
}

/// Changes one; its keys if there are others.
///
/// # Errors
/// 404 `issuer_not_found`; 409 `issuer_exists`.
pub async fn update(conn: &mut PgConnection, id: IssuerId, (stored, keys): (&Stored, Option<&Keys>)) -> Result<()> {
    let (sealed, bytes, jwks, jwks_uri) = keys.map_or((None, None, None, None), columns);
    let updated = sqlx::query!(
        r#"
        update auth.trusted_issuers
        set issuer = $2, audiences = $3, leeway_seconds = $4, person_claim = $5, person_by = $6,
            secret_sealed = case when $12 then $7 else secret_sealed end,
            secret_sealed_by = case when $12 then $8 else secret_sealed_by end,
            secret_bytes = case when $12 then $9 else secret_bytes end,
            jwks = case when $12 then $10 else jwks end,
            jwks_uri = case when $12 then $11 else jwks_uri end,
            updated_at = now()
        where id = $1
        "#,
        id.0,
        stored.issuer,
        &stored.audiences,
        stored.leeway_seconds,
        stored.person_claim,
        stored.person_by.as_str(),
        sealed.map(|sealed| sealed.secret.as_slice()),
        sealed.map(|sealed| sealed.by.as_str()),
        bytes,
        jwks,
        jwks_uri,
        keys.is_some(),
    )
    .execute(conn)
    .await
    .on_constraint("trusted_issuers_issuer_key", exists("the service trusts this issuer already: change that one"))?;
    if updated.rows_affected() == 0 { Err(IssuerId::not_found()) } else { Ok(()) }
}

/// Deletes one.
pub async fn delete(conn: &mut PgConnection, id: IssuerId) -> Result<()> {
    sqlx::query!("delete from auth.trusted_issuers where id = $1", id.0).execute(conn).await?;
    Ok(())
}

type Columns<'a> = (Option<&'a crate::gate::foreign::Sealed>, Option<i32>, Option<&'a Value>, Option<&'a str>);

fn columns(keys: &Keys) -> Columns<'_> {
    match keys {
        Keys::Secret(sealed, bytes) => (Some(sealed), Some(*bytes), None, None),
        Keys::Given(set) => (None, None, Some(set), None),
        Keys::At(uri) => (None, None, None, Some(uri)),
    }
}

/// 409 `issuer_exists`.
pub(super) fn exists(detail: impl Into<Cow<'static, str>>) -> Error {
    Error::conflict("issuer_exists", detail)
}
