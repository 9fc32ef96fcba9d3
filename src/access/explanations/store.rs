//! Where grants come from, and which roles would help.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::explanation::Membership;
use crate::access::grants::Reviewer;
use crate::access::policies::store::subjects::Way;
use crate::base::error::Result;
use crate::base::id::{PersonId, Ref, RoleId, ServiceId};

/// Who granted something, when and why.
#[derive(Clone, Debug)]
pub struct Origin {
    pub created_at: OffsetDateTime,
    pub granted_by: Option<Reviewer>,
    pub reason: Option<String>,
}

/// Where each of these ways comes from, in order; nothing of one that is not stored.
pub async fn origins(
    conn: &mut PgConnection,
    (person, service): (PersonId, ServiceId),
    ways: &[&Way],
) -> Result<Vec<Option<Origin>>> {
    let roles: Vec<i32> = ways.iter().map(|way| way.role).collect();
    let permissions: Vec<Option<i32>> = ways.iter().map(|way| way.permission).collect();
    let groups: Vec<Option<i32>> = ways.iter().map(|way| way.group).collect();
    let (kinds, keys): (Vec<Option<&str>>, Vec<Option<&str>>) =
        ways.iter().map(|way| way.on.as_ref().map(|(kind, key)| (kind.as_str(), key.as_str())).unzip()).unzip();
    let rows = sqlx::query!(
        r#"
        select asked.place as "place!", given.created_at as "created_at!", given.reason,
               giver.id as "giver_id?: PersonId", giver.username as "giver?"
        from unnest($3::integer[], $4::integer[], $5::integer[], $6::text[], $7::text[]) with ordinality
            as asked (role_id, permission_id, group_id, on_type, on_key, place)
        cross join lateral (
            select psr.created_at, psr.reason, psr.granted_by
            from auth.person_service_role psr
            where asked.group_id is null and asked.permission_id is null and asked.on_key is null
              and psr.person_id = $1 and psr.service_id = $2 and psr.role_id = asked.role_id
            union all
            select rp.created_at, rp.reason, rp.granted_by
            from auth.role_permission rp
            where rp.role_id = asked.role_id and rp.permission_id = asked.permission_id
            union all
            select gsr.created_at, gsr.reason, gsr.granted_by
            from auth.group_service_role gsr
            where asked.on_key is null
              and gsr.group_id = asked.group_id and gsr.service_id = $2 and gsr.role_id = asked.role_id
            union all
            select rr.created_at, rr.reason, rr.granted_by
            from auth.resources r
            join auth.resource_roles rr on rr.resource_id = r.id and rr.role_id = asked.role_id
            where r.service_id = $2 and r.type = asked.on_type and r.key = asked.on_key
              and (asked.group_id is null and rr.person_id = $1 or rr.group_id = asked.group_id)
        ) given
        left join auth.person giver on giver.id = given.granted_by
        "#,
        person.0,
        service.0,
        &roles,
        &permissions as &[Option<i32>],
        &groups as &[Option<i32>],
        &kinds as &[Option<&str>],
        &keys as &[Option<&str>],
    )
    .fetch_all(conn)
    .await?;
    let mut origins = vec![None; ways.len()];
    for row in rows {
        let place = usize::try_from(row.place - 1).unwrap_or(usize::MAX);
        if let Some(origin) = origins.get_mut(place) {
            let granted_by = row.giver_id.zip(row.giver).map(|(id, username)| Reviewer { id, username });
            *origin = Some(Origin { created_at: row.created_at, granted_by, reason: row.reason });
        }
    }
    Ok(origins)
}

/// A membership, and between what it is.
#[derive(Debug)]
pub struct Step {
    /// The group that is in the other one; none for the person.
    pub member: Option<i32>,
    pub group: i32,
    pub membership: Membership,
}

/// The memberships that last beyond a moment, of a person and among the groups that they are in by these.
pub async fn steps(conn: &mut PgConnection, person: PersonId, moment: OffsetDateTime) -> Result<Vec<Step>> {
    let rows = sqlx::query!(
        r#"
        select step.member_id, step.group_id as "group_id!", g.name as "name!", step.created_at as "created_at!",
               step.expires_at, step.reason, adder.id as "adder_id?: PersonId", adder.username as "adder?"
        from (
            select null::integer as member_id, m.group_id, m.created_at, m.expires_at, m.reason, m.added_by
            from auth.group_members m
            where m.person_id = $1 and auth.lasts(m.expires_at, $2)
            union all
            select n.member_id, n.group_id, n.created_at, n.expires_at, n.reason, n.added_by
            from auth.group_people inside
            join auth.group_nestings n on n.member_id = inside.group_id and auth.lasts(n.expires_at, $2)
            where inside.person_id = $1 and auth.lasts(inside.expires_at, $2)
        ) step
        join auth.groups g on g.id = step.group_id
        left join auth.person adder on adder.id = step.added_by
        order by step.member_id nulls first, step.group_id
        "#,
        person.0,
        moment,
    )
    .fetch_all(conn)
    .await?;
    let steps = rows.into_iter().map(|row| Step {
        member: row.member_id,
        group: row.group_id,
        membership: Membership {
            group: row.name,
            created_at: row.created_at,
            expires_at: row.expires_at,
            added_by: row.adder_id.zip(row.adder).map(|(id, username)| Reviewer { id, username }),
            reason: row.reason,
        },
    });
    Ok(steps.collect())
}

/// Which of these roles a service offers, in order.
pub async fn offered_of(conn: &mut PgConnection, service: ServiceId, roles: &[i32]) -> Result<Vec<RoleId>> {
    let found = sqlx::query_scalar!(
        r#"
        select role_id as "id: RoleId"
        from auth.service_roles
        where service_id = $1 and role_id = any ($2)
        order by role_id
        "#,
        service.0,
        roles,
    );
    Ok(found.fetch_all(conn).await?)
}

/// The role that a service offers and that is meant. A name that means two is that of the users' own.
pub async fn offered(conn: &mut PgConnection, service: ServiceId, named: &Ref<RoleId>) -> Result<Option<RoleId>> {
    let (id, name) = match named {
        Ref::Id(id) => (Some(id.0), None),
        Ref::Name(name) => (None, Some(name.as_str())),
        Ref::NoSuchId | Ref::NoSuchName => return Ok(None),
    };
    let found = sqlx::query_scalar!(
        r#"
        select r.id as "id: RoleId"
        from auth.service_roles offered
        join auth.role r on r.id = offered.role_id
        where offered.service_id = $1 and r.direct_person_id is null and (r.id = $2 or r.name = $3)
        order by r.id desc
        limit 1
        "#,
        service.0,
        id,
        name,
    );
    Ok(found.fetch_optional(conn).await?)
}
