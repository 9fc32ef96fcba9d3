//! Who asks, whom a decision is about, what they hold, and under which versions all of that is to be read: one statement, and one
//! before it where somebody is called by a name.

use std::sync::Arc;

use serde_json::{Map, Value};
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use crate::access::policies::policy::normal;
use crate::base::error::Result;
use crate::base::id::{KeyId, PersonId, ServiceId};
use crate::base::opaque::api_key::ApiKeyHash;
use crate::base::opaque::service_key::KeyHash;
use crate::base::person::id_in;
use crate::gate::foreign::ForeignToken;
use crate::gate::keys::CheckedKey;
use crate::platform::database::{by_place, distinct};

/// No username and no address is longer, in bytes.
const LONGEST: usize = 1200;

/// How a caller names the subject of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Named {
    /// Who is not logged in.
    Anonymous,
    /// By what names nobody.
    Nobody,
    /// By id.
    Id(PersonId),
    /// By username or address.
    Name(String),
    /// By a token of an issuer that the service trusts: nobody, until it is looked at.
    Foreign(ForeignToken),
    /// By one of their API keys: nobody, until it is looked at.
    ApiKey(ApiKeyHash),
    /// By an API key that is good: no more than these permissions.
    Within(PersonId, Arc<[i32]>),
}

/// Who asks, and about whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Asked {
    /// A backend that asks, which is still to be looked up.
    pub key: Option<KeyHash>,
    /// The service, where no key says which.
    pub service: Option<ServiceId>,
    pub subject: Named,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The key, if it is one: whether it is over is for the asker to say.
    pub key: Option<CheckedKey>,
    /// The service that is asked in, unless it is removed, and the version of what decides there.
    pub service: Option<(ServiceId, i64)>,
    /// Whether it has told of any resources.
    pub has_resources: bool,
    /// Of the vocabulary.
    pub vocabulary: i64,
    /// The subject, if it is somebody who may log in, and nobody else might be meant.
    pub person: Option<FoundPerson>,
}

/// A subject, as it is stored.
#[derive(Clone, Debug)]
pub struct FoundPerson {
    pub id: PersonId,
    pub username: String,
    /// Of Portero itself.
    pub is_admin: bool,
    pub attributes: Map<String, Value>,
    /// The groups that they are in: id, name and end.
    pub groups: Vec<(i32, String, Option<OffsetDateTime>)>,
    /// What they hold in the service.
    pub ways: Vec<Way>,
}

/// One way by which somebody holds something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    pub role: i32,
    /// Of a direct grant.
    pub permission: Option<i32>,
    /// The group through which it comes.
    pub group: Option<i32>,
    /// The resource that it is held on: type and id. None for the service.
    pub on: Option<(String, String)>,
    pub expires_at: Option<OffsetDateTime>,
    /// It is not stored.
    pub is_supposed: bool,
}

impl Way {
    fn in_service(role: i32, permission: Option<i32>, group: Option<i32>, expires_at: Option<OffsetDateTime>) -> Self {
        Self { role, permission, group, on: None, expires_at, is_supposed: false }
    }
}

/// What is known at `now` of each that is asked, in order.
pub async fn find_all(conn: &mut PgConnection, asked: &[Asked], now: OffsetDateTime) -> Result<Vec<Option<Found>>> {
    let keys: Vec<Option<&[u8]>> = asked.iter().map(|asked| asked.key.as_ref().map(KeyHash::as_bytes)).collect();
    let services: Vec<Option<i32>> = asked.iter().map(|asked| asked.service.map(|service| service.0)).collect();
    let ids = ids_of(conn, asked).await?;
    let rows = sqlx::query!(
        r#"
        select
            asked.place as "place!",
            k.id as "key?: KeyId", k.service_id as "key_service?: ServiceId", k.last_used_at as "last_used_at?",
            k.expires_at as "key_expires_at?",
            decides.service_id as "service?: ServiceId", decides.version as "version?",
            decides.has_resources as "has_resources?",
            (select version from auth.vocabulary where single) as "vocabulary!",
            p.id as "person?: PersonId", p.username as "username?", p.attributes as "attributes?: Json<Map<String, Value>>",
            administers.is_admin as "is_admin!",
            inside.ids as "group_ids!", inside.names as "group_names!", inside.ends as "group_ends!: Vec<Option<OffsetDateTime>>",
            held.roles as "roles!", held.permissions as "permissions!: Vec<Option<i32>>",
            held.groups as "groups!: Vec<Option<i32>>", held.ends as "ends!: Vec<Option<OffsetDateTime>>"
        from unnest($1::bytea[], $2::integer[], $3::integer[]) with ordinality
            as asked (key_hash, service_id, person_id, place)
        left join auth.service_keys k on k.key_hash = asked.key_hash
        -- Of each service that is there, but for Portero itself.
        left join auth.policy_settings decides on decides.service_id = coalesce(k.service_id, asked.service_id)
        left join auth.person p on p.id = asked.person_id and p.removed_at is null and p.disabled_at is null
        cross join lateral (
            select exists (
                select from auth.person_service_role psr
                where psr.person_id = p.id and psr.service_id = 0 and psr.role_id = 0 and auth.lasts(psr.expires_at, $4)
            ) as is_admin
        ) administers
        cross join lateral (
            select coalesce(array_agg(g.group_id), '{}') as ids, coalesce(array_agg(g.name), '{}') as names,
                   coalesce(array_agg(g.expires_at), '{}') as ends
            from auth.groups_at($4) g
            where g.person_id = p.id
        ) inside
        cross join lateral (
            select coalesce(array_agg(w.role_id), '{}') as roles, coalesce(array_agg(w.permission_id), '{}') as permissions,
                   coalesce(array_agg(w.group_id), '{}') as groups, coalesce(array_agg(w.expires_at), '{}') as ends
            from auth.ways_in(p.id, decides.service_id, $4) w
        ) held
        -- All of them. Postgres expects one, though, and so plans this once, and by index, for few and for many.
        where asked.place between 1 and cardinality($1)
        "#,
        &keys as &[Option<&[u8]>],
        &services as &[Option<i32>],
        &ids as &[Option<i32>],
        now,
    )
    .fetch_all(conn)
    .await?;
    let found = rows.into_iter().map(|row| {
        let key = row.key.zip(row.key_service).map(|(id, service)| CheckedKey {
            id,
            service,
            last_used_at: row.last_used_at,
            expires_at: row.key_expires_at,
        });
        let groups = row.group_ids.into_iter().zip(row.group_names).zip(row.group_ends);
        let ways = row.roles.into_iter().zip(row.permissions).zip(row.groups).zip(row.ends);
        let person = row.person.zip(row.username).map(|(id, username)| FoundPerson {
            id,
            username,
            is_admin: row.is_admin,
            attributes: row.attributes.map(|attributes| attributes.0).unwrap_or_default(),
            groups: groups.map(|((id, name), end)| (id, name, end)).collect(),
            ways: ways
                .map(|(((role, permission), group), end)| Way::in_service(role, permission, group, end))
                .collect(),
        });
        let service = row.service.zip(row.version);
        let has_resources = row.has_resources.unwrap_or_default();
        (row.place, Found { key, service, has_resources, vocabulary: row.vocabulary, person })
    });
    by_place(asked, found)
}

/// The id of each subject that is named: none where nobody is called so, or it may be two.
async fn ids_of(conn: &mut PgConnection, asked: &[Asked]) -> Result<Vec<Option<i32>>> {
    let (names, places) = distinct(asked.iter().filter_map(|asked| asked.subject.name()));
    if names.is_empty() {
        return Ok(asked.iter().map(|asked| asked.subject.id()).collect());
    }
    let rows = sqlx::query!(
        r#"
        select asked.place as "place!", case when count(named.id) = 1 then min(named.id) end as id
        from unnest($1::text[]) with ordinality as asked (name, place)
        left join lateral (
            select id
            from auth.person
            where auth.fold(username) = auth.fold(asked.name) and username = asked.name and removed_at is null
            union
            select id
            from auth.person
            where auth.fold_address(email) = auth.fold_address(asked.name)
              and email_verified_at is not null
              and removed_at is null
              and position('@' in asked.name) > 0
        ) named on true
        -- All of them. Postgres expects one, though, and so plans this once, and by index, for few and for many.
        where asked.place between 1 and cardinality($1)
        group by asked.place
        "#,
        &names as &[&str],
    )
    .fetch_all(conn)
    .await?;
    let found = by_place(&names, rows.into_iter().map(|row| (row.place, row.id)))?;
    let mut places = places.into_iter();
    let ids = asked.iter().map(|asked| match asked.subject.name() {
        Some(_) => places.next().and_then(|place| found[place].flatten()),
        None => asked.subject.id(),
    });
    Ok(ids.collect())
}

impl Named {
    /// What a caller wrote: an id, `person-<id>`, a username, or an address.
    pub fn of(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() || text.len() > LONGEST || text.contains(char::is_control) {
            return Self::Nobody;
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().map_or(Self::Nobody, |id| Self::Id(PersonId(id)));
        }
        id_in(text).map_or_else(|| Self::Name(normal(text).into_owned()), Self::Id)
    }

    fn id(&self) -> Option<i32> {
        match self {
            Self::Id(id) | Self::Within(id, _) => Some(id.0),
            Self::Anonymous | Self::Nobody | Self::Name(_) | Self::Foreign(_) | Self::ApiKey(_) => None,
        }
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            _ => None,
        }
    }

    /// The permissions beyond which they may do nothing, if there is such a bound.
    pub fn within(&self) -> Option<Arc<[i32]>> {
        match self {
            Self::Within(_, permissions) => Some(Arc::clone(permissions)),
            _ => None,
        }
    }
}
