//! Who holds what at a moment: all that anybody may do comes from these. `auth.held_in`, `auth.ways_to_roles` and `auth.held_at` say it.

mod held;

use std::sync::Arc;

use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use crate::base::attributes::Attributes;
use crate::base::error::{Error, Result};
use crate::base::id::{PersonId, ServiceId};
use crate::base::opaque::token::TokenHash;
use crate::gate::sessions::{Payload, Session};
use crate::platform::database::index;

pub use held::{Reauthorization, held_until, holds, reauthorize, services_where};

/// What the database holds of the vocabulary, at one moment.
#[derive(Debug)]
pub struct StoredVocabulary {
    /// The transaction that changed it last.
    pub version: i64,
    /// Ids, names, and the attributes that each is told of people.
    pub services: Vec<(i32, String, Vec<String>)>,
    /// Ids and names.
    pub permissions: Vec<(i32, String)>,
    /// Ids, names, and the ids of the permissions that each carries.
    pub roles: Vec<(i32, String, Vec<i32>)>,
}

/// What a person holds in a service, by id.
#[derive(Debug)]
pub struct Assignments {
    pub person: PersonId,
    pub service: ServiceId,
    /// Their roles there, that of a direct grant included, in order.
    pub roles: Vec<i32>,
    /// The permissions of the direct grant.
    pub direct: Vec<i32>,
    /// When the first of these ends, if any does.
    pub ends_at: Option<OffsetDateTime>,
    /// All that are kept of the person, where some are asked for.
    pub attributes: Option<Attributes>,
    /// Where they act by an API key, the permissions that it may be used for there.
    pub within: Option<Arc<[i32]>>,
}

impl Assignments {
    pub(crate) fn new(
        (person, service): (PersonId, ServiceId),
        mut roles: Vec<i32>,
        direct: Vec<i32>,
        ends_at: Option<OffsetDateTime>,
    ) -> Self {
        // Of a role that they hold in two ways, by a group say, Postgres tells twice.
        roles.sort_unstable();
        roles.dedup();
        Self { person, service, roles, direct, ends_at, attributes: None, within: None }
    }

    /// Nothing yet.
    fn none((person, service): (PersonId, ServiceId)) -> Self {
        Self::new((person, service), Vec::new(), Vec::new(), None)
    }

    /// One more way to a role; of a direct grant's, with a permission of it.
    fn add(&mut self, role: i32, permission: Option<i32>, ends_at: Option<OffsetDateTime>) {
        if let Err(place) = self.roles.binary_search(&role) {
            self.roles.insert(place, role);
        }
        self.direct.extend(permission);
        self.ends_at = self.ends_at.into_iter().chain(ends_at).min();
    }

    /// No more than these permissions.
    pub(crate) fn within(self, permissions: Arc<[i32]>) -> Self {
        Self { within: Some(permissions), ..self }
    }

    pub(crate) fn with(self, attributes: Option<Json<Attributes>>) -> Self {
        Self { attributes: attributes.map(|attributes| attributes.0), ..self }
    }
}

/// What was found, and under which vocabulary.
#[derive(Debug)]
pub struct Versioned<T> {
    /// Of the vocabulary, at the moment of the question. `None` where there is nothing that it would matter for.
    pub version: Option<i64>,
    /// What was found.
    pub rows: Vec<T>,
}

/// For each token its session, if it has one, and what its owner holds in the service asked about at `now`; also their
/// attributes, where that is one of `claiming`. `known` are the roles that are none of a direct grant, a bit each.
pub async fn check_all(
    conn: &mut PgConnection,
    asked: &[(TokenHash, Option<ServiceId>)],
    (claiming, known): (&[i32], &[u8]),
    now: OffsetDateTime,
) -> Result<Versioned<Option<(Session, Option<Assignments>)>>> {
    let tokens: Vec<&[u8]> = asked.iter().map(|(token, _)| token.as_bytes()).collect();
    let services: Vec<Option<i32>> = asked.iter().map(|(_, service)| service.map(|service| service.0)).collect();
    let rows = sqlx::query!(
        r#"
        select
            asked.place as "place!",
            t.person_id as "person: PersonId",
            t.payload as "payload: Json<Payload>",
            t.created_at,
            t.modified_at,
            (select version from auth.vocabulary where single) as "version!",
            way.role_id as "role?",
            way.permission_id as "permission?",
            way.expires_at as "ends_at?",
            case when asked.service_id = any ($4) then (
                select attributes from auth.person where id = t.person_id
            ) end as "attributes: Json<Attributes>"
        from unnest($1::bytea[], $2::integer[]) with ordinality as asked (token, service_id, place)
        join auth.tokens_cache t on t.token = asked.token
        left join lateral auth.ways_to_roles(t.person_id, asked.service_id, $3, $5) way on true
        -- All of them. Postgres expects one, though, and so plans this once, and by index, for few and for many.
        where asked.place between 1 and cardinality($1)
        "#,
        &tokens as &[&[u8]],
        &services as &[Option<i32>],
        now,
        claiming,
        known,
    )
    .fetch_all(conn)
    .await?;
    let version = rows.first().map(|row| row.version);
    let mut found: Vec<Option<(Session, Option<Assignments>)>> = asked.iter().map(|_| None).collect();
    for row in rows {
        let place = index(row.place)?;
        let (Some(found), Some((_, service))) = (found.get_mut(place), asked.get(place)) else {
            return Err(Error::Internal(anyhow::anyhow!("an answer that nobody asked for")));
        };
        let (_, held) = found.get_or_insert_with(|| {
            let (person, created_at, modified_at) = (row.person, row.created_at, row.modified_at);
            let held = service.map(|service| Assignments::none((person, service)).with(row.attributes));
            (Session { person, payload: row.payload.0.into(), created_at, modified_at }, held)
        });
        if let (Some(held), Some(role)) = (held, row.role) {
            held.add(role, row.permission, row.ends_at);
        }
    }
    Ok(Versioned { version, rows: found })
}

/// What people hold in services at `now`, one answer each, in order; also their attributes, where that is one of `claiming`.
pub async fn held_in_all(
    conn: &mut PgConnection,
    asked: &[(PersonId, ServiceId)],
    claiming: &[i32],
    now: OffsetDateTime,
) -> Result<Versioned<Assignments>> {
    let (people, services): (Vec<i32>, Vec<i32>) = asked.iter().map(|(person, service)| (person.0, service.0)).unzip();
    let rows = sqlx::query!(
        r#"
        select
            (select version from auth.vocabulary where single) as "version!",
            held.roles as "roles!",
            held.direct as "direct!",
            held.ends_at,
            case when asked.service_id = any ($4) then (
                select attributes from auth.person where id = asked.person_id
            ) end as "attributes: Json<Attributes>"
        from unnest($1::integer[], $2::integer[]) with ordinality as asked (person_id, service_id, place)
        cross join lateral auth.held_in(asked.person_id, asked.service_id, $3) held
        -- All of them: see above.
        where asked.place between 1 and cardinality($1)
        order by asked.place
        "#,
        &people,
        &services,
        now,
        claiming,
    )
    .fetch_all(conn)
    .await?;
    let version = rows.first().map(|row| row.version);
    let rows = asked
        .iter()
        .zip(rows)
        .map(|(asked, row)| Assignments::new(*asked, row.roles, row.direct, row.ends_at).with(row.attributes));
    Ok(Versioned { version, rows: rows.collect() })
}

/// What a person holds at `now`, service by service, in up to `limit` of them; Portero itself is the first.
pub async fn held_by(
    conn: &mut PgConnection,
    person: PersonId,
    limit: i64,
    now: OffsetDateTime,
) -> Result<Versioned<Assignments>> {
    let rows = sqlx::query!(
        r#"
        select
            place.service_id as "service!: ServiceId",
            (select version from auth.vocabulary where single) as "version!",
            held.roles as "roles!",
            held.direct as "direct!",
            held.ends_at
        from (
            select distinct service_id from auth.roles_at($3) where person_id = $1 order by service_id limit $2
        ) place
        cross join lateral auth.held_in($1, place.service_id, $3) held
        order by place.service_id
        "#,
        person.0,
        limit,
        now,
    )
    .fetch_all(conn)
    .await?;
    let version = rows.first().map(|row| row.version);
    let rows = rows.into_iter().map(|row| Assignments::new((person, row.service), row.roles, row.direct, row.ends_at));
    Ok(Versioned { version, rows: rows.collect() })
}

/// The vocabulary, whole, as it is at one moment.
pub async fn vocabulary(conn: &mut PgConnection) -> Result<StoredVocabulary> {
    let row = sqlx::query!(
        r#"
        select
            version,
            (
                select coalesce(jsonb_agg(jsonb_build_array(id, name, claims)), '[]')
                from auth.services
                where removed_at is null
            ) as "services!: Json<Vec<(i32, String, Vec<String>)>>",
            (
                select coalesce(jsonb_agg(jsonb_build_array(id, name)), '[]')
                from auth.permission
            ) as "permissions!: Json<Vec<(i32, String)>>",
            (
                select coalesce(jsonb_agg(jsonb_build_array(
                    r.id,
                    r.name,
                    array(select permission_id from auth.role_permission where role_id = r.id)
                )), '[]')
                from auth.role r
                where r.direct_person_id is null
            ) as "roles!: Json<Vec<(i32, String, Vec<i32>)>>"
        from auth.vocabulary
        where single
        "#,
    )
    .fetch_one(conn)
    .await?;
    Ok(StoredVocabulary {
        version: row.version,
        services: row.services.0,
        permissions: row.permissions.0,
        roles: row.roles.0,
    })
}
