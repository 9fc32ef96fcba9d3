//! The table `auth.trusted_issuers`, as checks read it.

use std::sync::Arc;

use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::checks::Whom;
use super::trust::{Sealed, StoredTrust};
use crate::base::attributes::Attributes;
use crate::base::error::Result;
use crate::base::id::{IssuerId, PersonId, Ref, ServiceId};
use crate::gate::effective::store::{Assignments, Versioned};
use crate::gate::sessions::Payload;
use crate::platform::database::by_place;

/// For each service and issuer what is stored, if the service trusts it.
pub async fn find_trusts(
    conn: &mut PgConnection,
    asked: &[(&Ref<ServiceId>, &str)],
) -> Result<Vec<Option<StoredTrust>>> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Option<i32>> = asked.iter().map(|(service, _)| service.key().0.map(|id| id.0)).collect();
    let names: Vec<Option<&str>> = asked.iter().map(|(service, _)| service.key().1).collect();
    let issuers: Vec<&str> = asked.iter().map(|(_, issuer)| *issuer).collect();
    let rows = sqlx::query!(
        r#"
        select
            asked.place as "place!",
            t.id as "id: IssuerId", t.version, t.service_id as "service: ServiceId", t.audiences, t.leeway_seconds,
            t.person_claim, t.person_by, t.secret_sealed, t.secret_sealed_by,
            t.jwks, t.jwks_uri
        from unnest($1::integer[], $2::text[], $3::text[]) with ordinality as asked (service_id, name, issuer, place)
        -- A service that is removed has none.
        join auth.trusted_issuers t
            on t.service_id = coalesce(
                asked.service_id, (select id from auth.services where name = asked.name and removed_at is null)
            )
            and coalesce(t.issuer, '') = asked.issuer
        -- All of them. Postgres expects one, though, and so plans this once, and by index, for few and for many.
        where asked.place between 1 and cardinality($1)
        "#,
        &ids as &[Option<i32>],
        &names as &[Option<&str>],
        &issuers as &[&str],
    )
    .fetch_all(conn)
    .await?;
    let found = rows.into_iter().map(|row| {
        let secret = row.secret_sealed.zip(row.secret_sealed_by).map(|(secret, by)| Sealed { secret, by });
        let stored = StoredTrust {
            id: row.id,
            version: row.version,
            service: row.service,
            audiences: row.audiences,
            leeway_seconds: row.leeway_seconds,
            person_claim: row.person_claim,
            person_by: row.person_by,
            secret,
            jwks: row.jwks,
            jwks_uri: row.jwks_uri,
        };
        (row.place, stored)
    });
    by_place(asked, found)
}

/// Whom a token means.
#[derive(Debug)]
pub enum Meant {
    /// Its issuer is trusted no longer, or otherwise.
    Outdated,
    /// Nobody who may log in.
    Nobody,
    /// Somebody, and what they hold in the service.
    Person(Arc<Payload>, Assignments),
}

struct Row {
    version: i64,
    service: Option<ServiceId>,
    person: Option<PersonId>,
    payload: Option<Json<Payload>>,
    roles: Vec<i32>,
    direct: Vec<i32>,
    ends_at: Option<OffsetDateTime>,
    attributes: Option<Json<Attributes>>,
}

impl From<Row> for Meant {
    fn from(row: Row) -> Self {
        let Some(service) = row.service else { return Self::Outdated };
        let (Some(person), Some(payload)) = (row.person, row.payload) else { return Self::Nobody };
        let held = Assignments::new((person, service), row.roles, row.direct, row.ends_at).with(row.attributes);
        Self::Person(Arc::new(payload.0), held)
    }
}

/// For each token whom it means, if its issuer is trusted as it was, and what they hold in the service at `now`; also their
/// attributes, where that is one of `claiming`.
pub async fn identify_all(
    conn: &mut PgConnection,
    asked: &[Whom],
    claiming: &[i32],
    now: OffsetDateTime,
) -> Result<Versioned<Meant>> {
    let issuers: Vec<i32> = asked.iter().map(|whom| whom.issuer.0).collect();
    let versions: Vec<i32> = asked.iter().map(|whom| whom.version).collect();
    let ids: Vec<Option<i32>> = asked.iter().map(|whom| whom.subject.id()).collect();
    let usernames: Vec<Option<&str>> = asked.iter().map(|whom| whom.subject.username()).collect();
    let emails: Vec<Option<&str>> = asked.iter().map(|whom| whom.subject.email()).collect();
    let rows = sqlx::query_as!(
        Row,
        r#"
        select
            (select version from auth.vocabulary where single) as "version!",
            t.service_id as "service?: ServiceId", p.id as "person?: PersonId",
            case when p.id is not null then jsonb_build_object(
                'user_id', p.id, 'username', p.username, 'name', p.name
            ) end as "payload?: Json<Payload>",
            held.roles as "roles!", held.direct as "direct!", held.ends_at,
            case when t.service_id = any ($7) then p.attributes end as "attributes: Json<Attributes>"
        from unnest($1::integer[], $2::integer[], $3::integer[], $4::text[], $5::text[]) with ordinality
            as asked (issuer_id, version, person_id, username, email, place)
        left join auth.trusted_issuers t on t.id = asked.issuer_id and t.version = asked.version
        -- Whoever is called so; where that may be two, nobody is meant.
        left join lateral (
            select case when count(*) = 1 then min(named.id) end as id
            from (
                select asked.person_id as id where asked.person_id is not null
                union all
                select id from auth.person where username = asked.username and removed_at is null
                union all
                select id from auth.person
                where auth.fold_address(email) = auth.fold_address(asked.email)
                  and email_verified_at is not null and removed_at is null and position('@' in asked.email) > 0
            ) named
        ) named on true
        left join auth.person p
            on p.id = named.id and p.removed_at is null and p.disabled_at is null and p.client_id is null
            and p.owner_id is null
        cross join lateral auth.held_in(p.id, t.service_id, $6) held
        -- All of them: see above.
        where asked.place between 1 and cardinality($1)
        order by asked.place
        "#,
        &issuers,
        &versions,
        &ids as &[Option<i32>],
        &usernames as &[Option<&str>],
        &emails as &[Option<&str>],
        now,
        claiming,
    );
    let rows = rows.fetch_all(conn).await?;
    Ok(Versioned { version: rows.first().map(|row| row.version), rows: rows.into_iter().map(Meant::from).collect() })
}
