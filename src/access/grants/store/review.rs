//! What a review looks at, and what it leaves behind.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::access::grants::review::{Grants, ReviewCursor, Reviewed, ReviewedPerson, ReviewedResource, Reviewer};
use crate::access::grants::{GrantTerms, Grantable};
use crate::access::permissions::Permission;
use crate::access::roles::Role;
use crate::base::error::Result;
use crate::base::id::{GroupId, PermissionId, PersonId, RoleId, ServiceId};
use crate::gate::store::groups::Group;
use crate::identity::people;
use crate::platform::http::{Part, Total};

/// Which grants are looked at.
#[derive(Clone, Debug)]
pub struct Selection {
    pub after: ReviewCursor,
    /// So many.
    pub fetch: i64,
    /// Those of people whose username or name begins like this.
    pub prefix: Option<String>,
    pub role: Option<RoleId>,
    /// Those neither given nor confirmed since.
    pub before: Option<OffsetDateTime>,
    pub total: Total,
}

impl Part for Selection {
    fn whole(&self) -> Self {
        Self { after: ReviewCursor::FIRST, fetch: i64::MAX, ..self.clone() }
    }

    fn total(&self) -> &Total {
        &self.total
    }
}

/// One page of the grants in a service at `now`, by role, person and permission.
#[expect(clippy::too_many_lines, reason = "it is one statement")]
pub async fn review(
    conn: &mut PgConnection,
    service: ServiceId,
    selection: &Selection,
    now: OffsetDateTime,
) -> Result<Vec<Reviewed>> {
    let few = people::store::few_with(conn, selection.prefix.as_deref()).await?;
    let rows = Total::rows(conn, selection, |selection| {
        sqlx::query!(
            r#"
            with seen as (
                (
                    select psr.role_id, psr.person_id, held.permission_id, null::int as group_id, r.name as role,
                           r.description as role_description, p.username as name, p.name as full_name,
                           p.disabled_at is not null as disabled, null::text as group_description,
                           held.created_at, held.expires_at, held.reason, held.granted_by, held.confirmed_at,
                           held.confirmed_by, to_char(used.last_used_on, 'YYYY-MM-DD') as last_used_on,
                           null::int as on_resource, null::int as on_person, null::int as on_group,
                           null::text as kind, null::text as key
                    from auth.person_service_role psr
                    join auth.role r on r.id = psr.role_id
                    join auth.person p on p.id = psr.person_id
                    cross join lateral (
                        select null::int as permission_id,
                               psr.created_at, psr.expires_at, psr.reason, psr.granted_by, psr.confirmed_at, psr.confirmed_by
                        where r.direct_person_id is null
                        union all
                        select rp.permission_id,
                               rp.created_at, rp.expires_at, rp.reason, rp.granted_by, rp.confirmed_at, rp.confirmed_by
                        from auth.role_permission rp
                        where r.direct_person_id is not null and rp.role_id = r.id
                    ) held
                    left join auth.service_uses used
                        on used.person_id = psr.person_id and used.service_id = psr.service_id
                    where psr.service_id = $1
                      and psr.role_id between $2 and $3
                      and (psr.role_id, psr.person_id) >= ($4, $5)
                      and ((psr.role_id, psr.person_id) > ($4, $5) or held.permission_id > $6)
                      and auth.lasts(held.expires_at, $7)
                      and ($8::int[] is null or psr.person_id = any ($8))
                      and ($9::text is null or auth.fold(p.username) ^@ $9 or auth.fold(p.name) ^@ $9)
                      and ($10::timestamptz is null or coalesce(held.confirmed_at, held.created_at) < $10)
                    order by psr.role_id, psr.person_id, held.permission_id
                    limit $11
                )
                union all
                (
                    select given.role_id, null, null, given.group_id, r.name, r.description, g.name, null, false,
                           g.description, given.created_at, given.expires_at, given.reason, given.granted_by,
                           given.confirmed_at, given.confirmed_by, null, null, null, null, null, null
                    from auth.group_service_role given
                    join auth.role r on r.id = given.role_id
                    join auth.groups g on g.id = given.group_id
                    where given.service_id = $1
                      and given.role_id between $2 and $3
                      and (given.role_id, given.group_id) > ($4, $12)
                      and auth.lasts(given.expires_at, $7)
                      and ($9::text is null or auth.fold(g.name) ^@ $9)
                      and ($10::timestamptz is null or coalesce(given.confirmed_at, given.created_at) < $10)
                    order by given.role_id, given.group_id
                    limit $11
                )
                union all
                (
                    select given.role_id, null, null, null, r.name, r.description, coalesce(p.username, g.name), p.name,
                           p.disabled_at is not null, g.description, given.created_at, given.expires_at, given.reason,
                           given.granted_by, given.confirmed_at, given.confirmed_by, null,
                           given.id, given.person_id, given.group_id, place.type, place.key
                    from auth.resource_roles given
                    join auth.role r on r.id = given.role_id
                    join auth.resources place on place.id = given.resource_id
                    left join auth.person p on p.id = given.person_id
                    left join auth.groups g on g.id = given.group_id
                    where given.service_id = $1
                      and given.role_id between $2 and $3
                      and (given.role_id, given.id) > ($4, $13)
                      and auth.lasts(given.expires_at, $7)
                      and ($9::text is null or auth.fold(coalesce(p.username, g.name)) ^@ $9 or auth.fold(p.name) ^@ $9)
                      and ($10::timestamptz is null or coalesce(given.confirmed_at, given.created_at) < $10)
                    order by given.role_id, given.id
                    limit $11
                )
            )
            select seen.role_id as "role_id!: RoleId", seen.person_id as "person_id: PersonId",
                   seen.permission_id as "permission_id: PermissionId", seen.group_id as "group_id: GroupId",
                   seen.role as "role!", seen.role_description, seen.name as "name!", seen.full_name,
                   seen.disabled as "disabled!", seen.group_description,
                   seen.created_at as "since!", seen.expires_at, seen.reason, seen.confirmed_at,
                   permission.name as "permission?", permission.description as "permission_description?",
                   giver.id as "giver_id?: PersonId", giver.username as "giver?",
                   confirmer.id as "confirmer_id?: PersonId", confirmer.username as "confirmer?",
                   seen.last_used_on, seen.on_resource, seen.on_person as "on_person: PersonId",
                   seen.on_group as "on_group: GroupId", seen.kind, seen.key
            from seen
            left join auth.permission permission on permission.id = seen.permission_id
            left join auth.person giver on giver.id = seen.granted_by
            left join auth.person confirmer on confirmer.id = seen.confirmed_by
            order by seen.role_id, seen.person_id, seen.permission_id, seen.group_id, seen.on_resource
            limit $11
            "#,
            service.0,
            selection.role.map_or(i32::MIN, |role| role.0),
            selection.role.map_or(i32::MAX, |role| role.0),
            selection.after.role.0,
            selection.after.person.0,
            selection.after.permission.map(|permission| permission.0),
            now,
            few.as_deref(),
            selection.prefix,
            selection.before,
            selection.fetch,
            match selection.after {
                ReviewCursor { on_resource: Some(_), .. } => i32::MAX,
                ReviewCursor { group, .. } => group.map_or(0, |group| group.0),
            },
            selection.after.on_resource.unwrap_or(0),
        )
    })
    .await?;
    let reviewer = |id: Option<PersonId>, username: Option<String>| Some(Reviewer { id: id?, username: username? });
    let rows = rows.into_iter().map(|row| Reviewed {
        person: row.person_id.or(row.on_person).zip(row.full_name).map(|(id, name)| ReviewedPerson {
            id,
            username: row.name.clone(),
            name,
            disabled: row.disabled,
        }),
        resource: row.on_resource.zip(row.kind).zip(row.key).map(|((grant_id, kind), id)| ReviewedResource {
            kind,
            id,
            grant_id,
        }),
        group: row.group_id.or(row.on_group).map(|id| Group { id, name: row.name, description: row.group_description }),
        role: row.permission_id.is_none().then_some(Role {
            id: row.role_id,
            name: row.role,
            description: row.role_description,
        }),
        permission: row.permission_id.zip(row.permission).map(|(id, name)| Permission {
            id,
            name,
            description: row.permission_description,
        }),
        since: row.since,
        granted_by: reviewer(row.giver_id, row.giver),
        reason: row.reason,
        expires_at: row.expires_at,
        confirmed_at: row.confirmed_at,
        confirmed_by: reviewer(row.confirmer_id, row.confirmer),
        last_used_on: row.last_used_on,
        place: ReviewCursor {
            role: row.role_id,
            person: row.person_id.unwrap_or(ReviewCursor::GROUPS),
            permission: row.permission_id,
            group: row.group_id,
            on_resource: row.on_resource,
        },
    });
    Ok(rows.collect())
}

/// Notes that somebody reviewed these grants and left them; answers those that are held at `now`, and on which terms.
pub async fn confirm(
    conn: &mut PgConnection,
    service: ServiceId,
    grants: &Grants,
    by: PersonId,
    now: OffsetDateTime,
) -> Result<BTreeMap<(PersonId, Grantable), GrantTerms>> {
    let mut confirmed = BTreeMap::new();
    let roles = grants.iter().filter_map(|(person, what)| match what {
        Grantable::Role(role) => Some((person.0, role.0)),
        Grantable::Permission(_) => None,
    });
    let (people, roles): (Vec<i32>, Vec<i32>) = roles.unzip();
    let rows = sqlx::query!(
        r#"
        update auth.person_service_role psr
        set confirmed_at = $4, confirmed_by = $5
        from unnest($2::int[], $3::int[]) as these (person_id, role_id)
        where psr.person_id = these.person_id
          and psr.service_id = $1
          and psr.role_id = these.role_id
          and auth.lasts(psr.expires_at, $4)
        returning psr.person_id as "person: PersonId", psr.role_id as "role: RoleId", psr.expires_at, psr.reason
        "#,
        service.0,
        &people,
        &roles,
        now,
        by.0,
    )
    .fetch_all(&mut *conn)
    .await?;
    for row in rows {
        let terms = GrantTerms { expires_at: row.expires_at, reason: row.reason };
        confirmed.insert((row.person, Grantable::Role(row.role)), terms);
    }
    let permissions = grants.iter().filter_map(|(person, what)| match what {
        Grantable::Role(_) => None,
        Grantable::Permission(permission) => Some((person.0, permission.0)),
    });
    let (people, permissions): (Vec<i32>, Vec<i32>) = permissions.unzip();
    let rows = sqlx::query!(
        r#"
        update auth.role_permission rp
        set confirmed_at = $4, confirmed_by = $5
        from unnest($2::int[], $3::int[]) as these (person_id, permission_id)
        join auth.role r on r.direct_person_id = these.person_id and r.direct_service_id = $1
        where rp.role_id = r.id
          and rp.permission_id = these.permission_id
          and auth.lasts(rp.expires_at, $4)
        returning these.person_id as "person!: PersonId", rp.permission_id as "permission: PermissionId",
                  rp.expires_at, rp.reason
        "#,
        service.0,
        &people,
        &permissions,
        now,
        by.0,
    )
    .fetch_all(conn)
    .await?;
    for row in rows {
        let terms = GrantTerms { expires_at: row.expires_at, reason: row.reason };
        confirmed.insert((row.person, Grantable::Permission(row.permission)), terms);
    }
    Ok(confirmed)
}
