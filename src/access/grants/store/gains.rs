//! What others have chosen for those who come to hold more by a group.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::PlantedFor;
use crate::base::error::Result;
use crate::gate::permission::{BuiltIn, WriteGrants};
use crate::gate::store::{Gain, Through};

/// Somebody who comes to hold something of Portero's own, and by whom their password was set, who does not hold it there for as
/// long: usernames.
pub async fn anothers_password_of(
    conn: &mut PgConnection,
    gain: Gain,
    through: Through,
    now: OffsetDateTime,
) -> Result<Option<(String, String)>> {
    let [person, people_of, by_group, service, role] = gain.key();
    let found = sqlx::query!(
        r#"
        with newcomer as (
            select $1::int as id
            union all
            select person_id from auth.group_people where group_id = $2
        ), gained as materialized (
            select given.service_id, carried.permission_id, given.expires_at
            from (
                select service_id, role_id, expires_at from auth.roles_of_group($3, $7)
                union all
                select $4::int, $5::int, null::timestamptz
            ) given
            join auth.role_permission carried on carried.role_id = given.role_id
            where carried.permission_id <= 0
        )
        select p.username as "username!", setter.username as "setter!"
        from newcomer
        cross join lateral (
            select username, password_set_by from auth.person where id = newcomer.id offset 0
        ) p
        cross join lateral (select id, username from auth.person where id = p.password_set_by offset 0) setter
        cross join gained
        where not exists (
            select
            from auth.held_where(
                setter.id, gained.permission_id, gained.service_id,
                least($6, gained.expires_at - interval '1 microsecond')
            )
        )
        order by newcomer.id
        limit 1
        "#,
        person,
        people_of,
        by_group,
        service,
        role,
        through.moment(),
        now,
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.map(|row| (row.username, row.setter)))
}

/// What others have chosen for those who come to hold more at `now`, of those who may not hand out there.
pub async fn planted_for_newcomers(
    conn: &mut PgConnection,
    gain: Gain,
    now: OffsetDateTime,
) -> Result<Vec<PlantedFor>> {
    let [person, people_of, by_group, service, role] = gain.key();
    let found = sqlx::query_as!(
        PlantedFor,
        r#"
        with gained as materialized (
            select given.service_id, bool_or(carried.own) as own
            from (
                select service_id, role_id from auth.roles_of_group($3, $6)
                union
                select $4::int, $5::int where $4::int is not null
            ) given
            cross join lateral (
                select coalesce(bool_or(permission_id <= 0), false) as own
                from auth.role_permission
                where role_id = given.role_id
            ) carried
            group by given.service_id
        ), newcomer as materialized (
            select p.id, p.username, gained.service_id, p.password_set_by, p.email_given_by,
                   gained.own and p.email is not null and (p.email_verified_at is null or p.email_given_by is not null)
                       as has_doubtful_email
            from (
                select $1::int as id
                union all
                select person_id from auth.group_people where group_id = $2
            ) who
            cross join lateral (select * from auth.person where id = who.id offset 0) p
            cross join gained
        ),
        -- Few, though they may have chosen for many: each is asked about once.
        lesser as materialized (
            select chosen.by, chosen.service_id
            from (
                select password_set_by as by, service_id from newcomer
                union
                select email_given_by, service_id from newcomer
            ) chosen
            where chosen.by is not null
              and not exists (select from auth.held_where(chosen.by, $7, chosen.service_id, $6))
        ),
        planted as (
            select 1 as place, 'email_unproved' as code, id, username
            from newcomer
            where has_doubtful_email
            union
            select 2, 'password_set_by_another', id, username
            from newcomer
            join lesser on lesser.by = newcomer.password_set_by and lesser.service_id = newcomer.service_id
            where not has_doubtful_email
            union
            select 3, 'email_given_by_another', id, username
            from newcomer
            join lesser on lesser.by = newcomer.email_given_by and lesser.service_id = newcomer.service_id
            where not has_doubtful_email
        )
        select code as "code!", (array_agg(username order by id))[:3] as "people!", count(*) as "count!"
        from planted
        group by place, code
        order by place
        "#,
        person,
        people_of,
        by_group,
        service,
        role,
        now,
        WriteGrants::ID.0,
    )
    .fetch_all(conn)
    .await?;
    Ok(found)
}
