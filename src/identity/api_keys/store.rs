//! The tables `auth.api_keys` and `auth.api_key_scopes`, as they are managed.

pub mod forms;
mod over;

pub use over::{purge, sweep};

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::{ApiKeyName, ListedApiKey, Scope, ScopeText};
use crate::base::error::{Error, Result};
use crate::base::id::{ApiKeyId, Id, PermissionId, PersonId, ServiceId};
use crate::base::network::NamedNetwork;
use crate::base::opaque::api_key::ApiKeyHash;
use crate::platform::http::{Page, Total};

/// How many keys somebody may have: few enough to know what each is for.
const MAX_KEYS: i64 = 50;

/// How long a key is listed, and known to whoever shows it, after its end.
const KEPT: Duration = Duration::days(30);

/// A row to write.
#[derive(Debug)]
pub struct NewRow<'a> {
    pub owner: PersonId,
    pub name: &'a ApiKeyName,
    pub scopes: &'a [Scope],
    pub networks: &'a [NamedNetwork],
    pub key: ApiKeyHash,
    /// `None` for the command line.
    pub by: Option<PersonId>,
    pub now: OffsetDateTime,
    pub expires_at: OffsetDateTime,
}

/// What each of these texts may mean: none or several where it says nothing clear.
pub async fn meant(conn: &mut PgConnection, texts: &[ScopeText]) -> Result<Vec<Vec<Scope>>> {
    let wanted: Vec<&str> = texts.iter().map(ScopeText::as_str).collect();
    let rows = sqlx::query!(
        r#"
        select wanted.place as "place!", s.id as "service: ServiceId", p.id as "permission!: PermissionId"
        from unnest($1::text[]) with ordinality as wanted (text, place)
        join auth.services s
            on s.removed_at is null and (wanted.text ^@ (s.name || ':') or wanted.text ^@ (s.id || ':'))
        cross join lateral (
            select substr(wanted.text, 2 + char_length(
                case when wanted.text ^@ (s.name || ':') then s.name else s.id::text end
            )) as name
        ) named
        -- Of two of one name Portero's own is meant in Portero, and elsewhere the other.
        cross join lateral (
            select id
            from auth.permission
            where name = named.name
            order by (id <= 0) = (s.id = 0) desc
            limit 1
        ) p
        order by wanted.place, s.id
        "#,
        &wanted as &[&str],
    )
    .fetch_all(conn)
    .await?;
    let mut meant = vec![Vec::new(); texts.len()];
    for row in rows {
        let place = usize::try_from(row.place - 1).map_err(anyhow::Error::from)?;
        meant[place].push(Scope { service: row.service, permission: row.permission });
    }
    Ok(meant)
}

/// A permission in a service that somebody's key may get.
#[derive(Debug)]
pub struct Offer {
    pub service: ServiceId,
    pub service_name: String,
    pub permission: String,
}

/// Up to `limit` permissions that somebody holds at `now` and can be named in a scope: in a service, everywhere (service 0), or on one of
/// a service's resources. By service.
pub async fn offers(conn: &mut PgConnection, person: PersonId, limit: i64, now: OffsetDateTime) -> Result<Vec<Offer>> {
    let offers = sqlx::query_as!(
        Offer,
        r#"
        select s.id as "service!: ServiceId", s.name as "service_name!", p.name as "permission!"
        from (
            select service_id, permission_id from auth.held_at($2) where person_id = $1
            union
            select service_id, permission_id from auth.held_on_resources_at($2) where person_id = $1
        ) held
        join auth.services s on s.id = held.service_id and s.removed_at is null
        join auth.permission p on p.id = held.permission_id
        -- Of two of one name that which a scope means.
        where p.id = (
            select id
            from auth.permission
            where name = p.name
            order by (id <= 0) = (s.id = 0) desc
            limit 1
        )
        order by s.id, p.name
        limit $3
        "#,
        person.0,
        now,
        limit,
    );
    Ok(offers.fetch_all(conn).await?)
}

/// The place of the first of these scopes that somebody does not hold at `now`: neither in the service, nor everywhere, nor on one of
/// the service's resources.
pub async fn first_beyond(
    conn: &mut PgConnection,
    owner: PersonId,
    scopes: &[Scope],
    now: OffsetDateTime,
) -> Result<Option<usize>> {
    let services: Vec<i32> = scopes.iter().map(|scope| scope.service.0).collect();
    let permissions: Vec<i32> = scopes.iter().map(|scope| scope.permission.0).collect();
    let place = sqlx::query_scalar!(
        r#"
        select wanted.place as "place!"
        from unnest($2::integer[], $3::integer[]) with ordinality as wanted (service_id, permission_id, place)
        where not exists (select from auth.held_where($1, wanted.permission_id, wanted.service_id, $4))
          and not exists (
              select
              from auth.held_on_resources_at($4) there
              where there.person_id = $1
                and there.service_id = wanted.service_id
                and there.permission_id = wanted.permission_id
          )
        order by wanted.place
        limit 1
        "#,
        owner.0,
        &services,
        &permissions,
        now,
    )
    .fetch_optional(conn)
    .await?;
    place.map(|place| usize::try_from(place - 1).map_err(|error| anyhow::Error::from(error).into())).transpose()
}

/// Gives somebody a key, who is locked: nobody else gives them one meanwhile.
///
/// # Errors
/// 404 `user_not_found`; 409 `too_many_keys`.
pub async fn insert(conn: &mut PgConnection, new: &NewRow<'_>) -> Result<ApiKeyId> {
    let networks: Vec<String> = new.networks.iter().map(ToString::to_string).collect();
    let services: Vec<i32> = new.scopes.iter().map(|scope| scope.service.0).collect();
    let permissions: Vec<i32> = new.scopes.iter().map(|scope| scope.permission.0).collect();
    let row = sqlx::query!(
        r#"
        with owner as (
            select id,
                   (select count(*) from auth.api_keys k where k.person_id = p.id and k.expires_at > $7) < $8 as has_room
            from auth.person p
            where id = $1 and removed_at is null and client_id is null
        ), made as (
            insert into auth.api_keys (person_id, key_hash, name, networks, created_by, created_at, expires_at)
            select id, $2, $3, $4::text[]::cidr[], $5, $7, $6 from owner where has_room
            returning id
        ), scoped as (
            insert into auth.api_key_scopes (key_id, service_id, permission_id)
            select distinct made.id, service_id, permission_id
            from made, unnest($9::integer[], $10::integer[]) as scope (service_id, permission_id)
        )
        select made.id as "id?: ApiKeyId" from owner left join made on true
        "#,
        new.owner.0,
        new.key.as_bytes(),
        new.name.as_str(),
        &networks,
        new.by.map(|person| person.0),
        new.expires_at,
        new.now,
        MAX_KEYS,
        &services,
        &permissions,
    )
    .fetch_optional(conn)
    .await?
    .ok_or_else(PersonId::not_found)?;
    row.id.ok_or_else(|| Error::conflict("too_many_keys", "there are fifty API keys: revoke those not in use"))
}

/// A key of somebody's that is good at `now`, or ended lately.
///
/// # Errors
/// 404 `api_key_not_found`.
pub async fn get(conn: &mut PgConnection, owner: PersonId, id: ApiKeyId, now: OffsetDateTime) -> Result<ListedApiKey> {
    let all = listed(conn, owner, Some(id), &Page::first(None), now).await?;
    all.into_iter().next().ok_or_else(ApiKeyId::not_found)
}

/// One page of somebody's keys that are good at `now`, or ended lately.
pub async fn list(
    conn: &mut PgConnection,
    owner: PersonId,
    page: &Page,
    now: OffsetDateTime,
) -> Result<Vec<ListedApiKey>> {
    listed(conn, owner, None, page, now).await
}

async fn listed(
    conn: &mut PgConnection,
    owner: PersonId,
    id: Option<ApiKeyId>,
    page: &Page,
    now: OffsetDateTime,
) -> Result<Vec<ListedApiKey>> {
    Total::rows(conn, page, |page| {
        sqlx::query_as!(
            ListedApiKey,
            r#"
            select k.id as "id: ApiKeyId", k.name, left(encode(k.key_hash, 'hex'), 8) as "fingerprint!",
                   array(
                       select s.name || ':' || p.name
                       from auth.api_key_scopes scope
                       join auth.services s on s.id = scope.service_id
                       join auth.permission p on p.id = scope.permission_id
                       where scope.key_id = k.id
                       order by s.id, p.id
                   ) as "scopes!",
                   k.networks::text[] as "networks!", k.created_at, k.created_by as "created_by: PersonId", k.expires_at,
                   k.expires_at <= $5 as "expired!", k.last_used_at, host(k.last_used_from) as last_used_from
            from auth.api_keys k
            where k.person_id = $1
              and k.id > $2
              and ($3::text is null or auth.fold(k.name) ^@ $3)
              and k.expires_at > $6
              and ($7::integer is null or k.id = $7)
            order by k.id
            limit $4
            "#,
            owner.0,
            page.after(i32::MIN),
            page.prefix(),
            page.fetch(),
            now,
            now - KEPT,
            id.map(|id| id.0),
        )
    })
    .await
}

/// What a key may be used for.
pub async fn scopes(conn: &mut PgConnection, id: ApiKeyId) -> Result<Vec<Scope>> {
    let scopes = sqlx::query_as!(
        Scope,
        r#"
        select service_id as "service: ServiceId", permission_id as "permission: PermissionId"
        from auth.api_key_scopes
        where key_id = $1
        order by service_id, permission_id
        "#,
        id.0,
    );
    Ok(scopes.fetch_all(conn).await?)
}

/// Changes what is given of a key that is good at `now`; answers whether it is.
pub async fn update(
    conn: &mut PgConnection,
    id: ApiKeyId,
    name: Option<&ApiKeyName>,
    expires_at: Option<OffsetDateTime>,
    networks: Option<&[NamedNetwork]>,
    now: OffsetDateTime,
) -> Result<bool> {
    let networks: Option<Vec<String>> = networks.map(|all| all.iter().map(ToString::to_string).collect());
    let updated = sqlx::query!(
        r#"
        update auth.api_keys
        set name = coalesce($2, name),
            expires_at = coalesce($3, expires_at),
            networks = coalesce($4::text[]::cidr[], networks)
        where id = $1 and expires_at > $5 and end_told_at is null
        "#,
        id.0,
        name.map(ApiKeyName::as_str),
        expires_at,
        networks.as_deref(),
        now,
    )
    .execute(conn)
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Ends a key of somebody's; answers whether it was there.
pub async fn delete(conn: &mut PgConnection, owner: PersonId, id: ApiKeyId) -> Result<bool> {
    let deleted = sqlx::query!("delete from auth.api_keys where id = $1 and person_id = $2", id.0, owner.0);
    Ok(deleted.execute(conn).await?.rows_affected() == 1)
}

/// Ends all keys of somebody, by whatever clock they are over; answers which.
pub async fn delete_all(conn: &mut PgConnection, owner: PersonId) -> Result<Vec<ApiKeyId>> {
    let deleted = sqlx::query_scalar!(
        r#"delete from auth.api_keys where person_id = $1 returning id as "id: ApiKeyId""#,
        owner.0,
    );
    Ok(deleted.fetch_all(conn).await?)
}
