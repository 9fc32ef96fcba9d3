//! The tables `auth.api_keys` and `auth.api_key_scopes`, as they are asked at each use.

use std::net::IpAddr;
use std::sync::Arc;

use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::ApiKey;
use crate::base::attributes::Attributes;
use crate::base::error::Result;
use crate::base::id::{ApiKeyId, PersonId, ServiceId};
use crate::base::network::NamedNetwork;
use crate::base::opaque::api_key::ApiKeyHash;
use crate::gate::effective::Acting;
use crate::gate::effective::store::{Assignments, Versioned};
use crate::gate::sessions::Payload;
use crate::platform::database::by_place;
use crate::platform::http::credential;

/// For each key what is stored of it, if it is and its owner is not disabled.
pub async fn find_all(conn: &mut PgConnection, keys: &[ApiKeyHash]) -> Result<Vec<Option<ApiKey>>> {
    let hashes: Vec<&[u8]> = keys.iter().map(ApiKeyHash::as_bytes).collect();
    let rows = sqlx::query!(
        r#"
        select
            asked.place as "place!", k.id as "id: ApiKeyId", k.person_id as "person: PersonId", p.username, p.name,
            k.networks::text[] as "networks!", k.expires_at, k.last_used_at
        from unnest($1::bytea[]) with ordinality as asked (key_hash, place)
        join auth.api_keys k on k.key_hash = asked.key_hash
        join auth.person p on p.id = k.person_id and p.removed_at is null and p.disabled_at is null
        -- All of them. Postgres expects one, though, and so plans this once, and by index, for few and for many.
        where asked.place between 1 and cardinality($1)
        "#,
        &hashes as &[&[u8]],
    )
    .fetch_all(conn)
    .await?;
    let found = by_place(keys, rows.into_iter().map(|row| (row.place, row)))?.into_iter().map(|row| {
        row.map(|row| {
            Ok(ApiKey {
                id: row.id,
                person: row.person,
                payload: Payload { user_id: row.person.0, username: row.username, name: row.name }.into(),
                networks: networks(&row.networks)?.into(),
                within: Arc::default(),
                expires_at: row.expires_at,
                last_used_at: row.last_used_at,
            })
        })
        .transpose()
    });
    found.collect()
}

/// For each key what is stored of it, if it is and its owner is not disabled, and what its owner holds, and the key may be used
/// for, in the service asked about at `now`; also their attributes, where that is one of `claiming`.
pub async fn check_all(
    conn: &mut PgConnection,
    asked: &[(ApiKeyHash, Option<ServiceId>)],
    claiming: &[i32],
    now: OffsetDateTime,
) -> Result<Versioned<Option<(ApiKey, Option<Assignments>)>>> {
    let keys: Vec<&[u8]> = asked.iter().map(|(key, _)| key.as_bytes()).collect();
    let services: Vec<Option<i32>> = asked.iter().map(|(_, service)| service.map(|service| service.0)).collect();
    let rows = sqlx::query_as!(
        Row,
        r#"
        select
            asked.place as "place!", k.id as "id: ApiKeyId", k.person_id as "person: PersonId",
            p.username, p.name,
            k.networks::text[] as "networks!", k.expires_at, k.last_used_at,
            (select version from auth.vocabulary where single) as "version!",
            held.roles as "roles!", held.direct as "direct!", held.ends_at,
            array(
                select scope.permission_id
                from auth.api_key_scopes scope
                where scope.key_id = k.id and scope.service_id = asked.service_id
                union
                -- Of Portero's own what it may be used for everywhere.
                select scope.permission_id
                from auth.api_key_scopes scope
                where scope.key_id = k.id and scope.service_id = 0 and scope.permission_id <= 0
            ) as "within!",
            case when asked.service_id = any ($4) then p.attributes end as "attributes: Json<Attributes>"
        from unnest($1::bytea[], $2::integer[]) with ordinality as asked (key_hash, service_id, place)
        join auth.api_keys k on k.key_hash = asked.key_hash
        join auth.person p on p.id = k.person_id and p.removed_at is null and p.disabled_at is null
        cross join lateral auth.held_in(k.person_id, asked.service_id, $3) held
        -- All of them. Postgres expects one, though, and so plans this once, and by index, for few and for many.
        where asked.place between 1 and cardinality($1)
        "#,
        &keys as &[&[u8]],
        &services as &[Option<i32>],
        now,
        claiming,
    )
    .fetch_all(conn)
    .await?;
    let version = rows.first().map(|row| row.version);
    let rows = by_place(asked, rows.into_iter().map(|row| (row.place, row)))?;
    let found = rows.into_iter().zip(asked).map(|(row, (_, service))| row.map(|row| row.found(*service)).transpose());
    Ok(Versioned { version, rows: found.collect::<Result<_>>()? })
}

struct Row {
    place: i64,
    id: ApiKeyId,
    person: PersonId,
    username: String,
    name: String,
    networks: Vec<String>,
    expires_at: OffsetDateTime,
    last_used_at: Option<OffsetDateTime>,
    version: i64,
    roles: Vec<i32>,
    direct: Vec<i32>,
    ends_at: Option<OffsetDateTime>,
    within: Vec<i32>,
    attributes: Option<Json<Attributes>>,
}

impl Row {
    /// The key, and what it may be used for of what its owner holds in the service, if one was asked about.
    fn found(self, service: Option<ServiceId>) -> Result<(ApiKey, Option<Assignments>)> {
        let within: Arc<[i32]> = self.within.into();
        let held = service.map(|service| {
            let held = Assignments::new((self.person, service), self.roles, self.direct, self.ends_at);
            held.with(self.attributes).within(Arc::clone(&within))
        });
        let payload = Payload { user_id: self.person.0, username: self.username, name: self.name };
        let key = ApiKey {
            id: self.id,
            person: self.person,
            payload: payload.into(),
            networks: networks(&self.networks)?.into(),
            within,
            expires_at: self.expires_at,
            last_used_at: self.last_used_at,
        };
        Ok((key, held))
    }
}

/// Networks as they are stored.
fn networks(stored: &[String]) -> Result<Vec<NamedNetwork>> {
    let read =
        |text: &String| text.parse().map_err(|fault: String| anyhow::anyhow!("a stored network: {fault}").into());
    stored.iter().map(read).collect()
}

/// Says of this transaction who acts in it by a key, and keeps that from being revoked: from here on they hold no more than the
/// key may be used for, wherever `auth.held_where` is asked.
///
/// # Errors
/// 401 `invalid_token` when the key was revoked or its owner disabled meanwhile, or it is over.
pub async fn act_by(conn: &mut PgConnection, key: ApiKeyId, person: PersonId, now: OffsetDateTime) -> Result<()> {
    let held = sqlx::query_scalar!(
        r#"
        select k.id
        from auth.api_keys k
        join auth.person p on p.id = k.person_id and p.removed_at is null and p.disabled_at is null
        where k.id = $1 and k.person_id = $2 and k.expires_at > $3
        for share of k
        "#,
        key.0,
        person.0,
        now,
    );
    held.fetch_optional(&mut *conn).await?.ok_or_else(credential::invalid_api_key)?;
    sqlx::query!(
        r#"
        select set_config('portero.api_key', $1, true) as key, set_config('portero.api_key_owner', $2, true) as owner
        "#,
        key.0.to_string(),
        person.0.to_string(),
    )
    .fetch_one(conn)
    .await?;
    Ok(())
}

/// Whether the key that somebody acts by stands at `now`, and its owner is not disabled; where they act by none, it does.
pub async fn stands(conn: &mut PgConnection, acting: Acting, now: OffsetDateTime) -> Result<bool> {
    let Some(key) = acting.key else { return Ok(true) };
    let stands = sqlx::query_scalar!(
        r#"
        select exists (
            select
            from auth.api_keys k
            join auth.person p on p.id = k.person_id and p.removed_at is null and p.disabled_at is null
            where k.id = $1 and k.person_id = $2 and k.expires_at > $3
        ) as "stands!"
        "#,
        key.0,
        acting.person.0,
        now,
    );
    Ok(stands.fetch_one(conn).await?)
}

/// That a key was used.
#[derive(Clone, Copy, Debug)]
pub struct Use {
    pub key: ApiKeyId,
    pub at: OffsetDateTime,
    /// From where, if that is known.
    pub from: Option<IpAddr>,
}

/// Notes when keys were last used, and from where. What somebody else has locked is noted with the key's next use.
pub async fn note_uses(conn: &mut PgConnection, uses: &[Use]) -> Result<()> {
    let keys: Vec<i32> = uses.iter().map(|one| one.key.0).collect();
    let moments: Vec<OffsetDateTime> = uses.iter().map(|one| one.at).collect();
    let addresses: Vec<Option<String>> =
        uses.iter().map(|one| one.from.map(|from| from.to_canonical().to_string())).collect();
    sqlx::query!(
        r#"
        with used as (
            select k.id, used.at, used.address
            from unnest($1::integer[], $2::timestamptz[], $3::text[]) as used (key_id, at, address)
            join auth.api_keys k on k.id = used.key_id and (k.last_used_at is null or k.last_used_at < used.at)
            for no key update of k skip locked
        )
        update auth.api_keys k
        set last_used_at = used.at, last_used_from = used.address::inet
        from used
        where k.id = used.id
        "#,
        &keys,
        &moments,
        &addresses as &[Option<String>],
    )
    .execute(conn)
    .await?;
    Ok(())
}
