//! Whose password is another's.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::access::grants::Grantable;
use crate::base::error::Result;
use crate::base::id::{PermissionId, RoleId};
use crate::gate::permission::{BuiltIn, WriteGrants};

/// Somebody who holds `role`, and by whom their password was set, who does not hold `permission` there for good: usernames.
pub async fn anothers_password(
    conn: &mut PgConnection,
    role: RoleId,
    permission: PermissionId,
) -> Result<Option<(String, String)>> {
    let found = sqlx::query!(
        r#"
        select p.username as "username!", setter.username as "setter!"
        from auth.service_roles offer
        cross join lateral (
            select person_id
            from auth.person_service_role
            where service_id = offer.service_id and role_id = offer.role_id
            union all
            select inside.person_id
            from auth.group_service_role given
            join auth.group_people inside on inside.group_id = given.group_id
            where given.service_id = offer.service_id and given.role_id = offer.role_id
            union all
            select person_id
            from auth.resource_roles
            where service_id = offer.service_id and role_id = offer.role_id and person_id is not null
            union all
            select inside.person_id
            from auth.resource_roles given
            join auth.group_people inside on inside.group_id = given.group_id
            where given.service_id = offer.service_id and given.role_id = offer.role_id
        ) held
        -- Each is looked up, however many hold the role.
        cross join lateral (
            select username, password_set_by from auth.person where id = held.person_id offset 0
        ) p
        cross join lateral (select id, username from auth.person where id = p.password_set_by offset 0) setter
        where offer.role_id = $1
          and not exists (select from auth.held_where(setter.id, $2, offer.service_id, null))
        order by p.username
        limit 1
        "#,
        role.0,
        permission.0,
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.map(|row| (row.username, row.setter)))
}

/// Whether something of Portero's own comes with it.
pub async fn gives_porteros_own(conn: &mut PgConnection, what: Grantable) -> Result<bool> {
    let role = match what {
        Grantable::Role(role) => role,
        Grantable::Permission(permission) => return Ok(permission.is_built_in()),
    };
    let gives = sqlx::query_scalar!(
        r#"select exists (select from auth.role_permission where role_id = $1 and permission_id <= 0) as "gives!""#,
        role.0,
    )
    .fetch_one(conn)
    .await?;
    Ok(gives)
}

/// What others have chosen for people who hold a role.
#[derive(Debug)]
pub struct PlantedFor {
    /// `email_unproved`, `password_set_by_another` or `email_given_by_another`.
    pub code: String,
    /// Of the first few of them, by id: their usernames.
    pub people: Vec<String>,
    pub count: i64,
}

/// What others have chosen for those who hold `role` at `now`, of those who may not hand out there. Where the role begins to carry one of
/// Portero's own permissions (`own`), an address that is not proved comes first.
pub async fn planted_for_holders(
    conn: &mut PgConnection,
    role: RoleId,
    own: bool,
    now: OffsetDateTime,
) -> Result<Vec<PlantedFor>> {
    let found = sqlx::query_as!(
        PlantedFor,
        r#"
        with holder as materialized (
            select p.id, p.username, held.service_id, p.password_set_by, p.email_given_by,
                   $3 and p.email is not null and (p.email_verified_at is null or p.email_given_by is not null)
                       as has_doubtful_email
            from (
                select given.person_id, given.service_id
                from auth.service_roles offer
                join auth.roles_given_at($2) given on given.service_id = offer.service_id and given.role_id = offer.role_id
                where offer.role_id = $1
                union
                select given.person_id, given.service_id
                from auth.service_roles offer
                join auth.roles_by_groups_at($2) given
                    on given.service_id = offer.service_id and given.role_id = offer.role_id
                where offer.role_id = $1
                union
                select given.person_id, offer.service_id
                from auth.service_roles offer
                cross join lateral (
                    select on_one.person_id
                    from auth.roles_on_resources_at($2) on_one
                    where on_one.service_id = offer.service_id and on_one.role_id = offer.role_id
                    offset 0
                ) given
                where offer.role_id = $1
            ) held
            cross join lateral (select * from auth.person where id = held.person_id offset 0) p
        ),
        -- Few, though they may have chosen for many: each is asked about once.
        lesser as materialized (
            select chosen.by, chosen.service_id
            from (
                select password_set_by as by, service_id from holder
                union
                select email_given_by, service_id from holder
            ) chosen
            where chosen.by is not null
              and not exists (select from auth.held_where(chosen.by, $4, chosen.service_id, $2))
        ),
        planted as (
            select 1 as place, 'email_unproved' as code, id, username
            from holder
            where has_doubtful_email
            union
            select 2, 'password_set_by_another', id, username
            from holder
            join lesser on lesser.by = holder.password_set_by and lesser.service_id = holder.service_id
            where not has_doubtful_email
            union
            select 3, 'email_given_by_another', id, username
            from holder
            join lesser on lesser.by = holder.email_given_by and lesser.service_id = holder.service_id
            where not has_doubtful_email
        )
        select code as "code!", (array_agg(username order by id))[:3] as "people!", count(*) as "count!"
        from planted
        group by place, code
        order by place
        "#,
        role.0,
        now,
        own,
        WriteGrants::ID.0,
    )
    .fetch_all(conn)
    .await?;
    Ok(found)
}
