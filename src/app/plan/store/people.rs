use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::PersonId;

/// A person in a group.
#[derive(Debug)]
pub struct MembershipRow {
    pub person_id: i32,
    pub username: String,
    pub group_id: i32,
    pub expires_at: Option<OffsetDateTime>,
    pub reason: Option<String>,
    pub managed: bool,
}

/// Those that last at `now`, of whoever was not removed.
pub async fn memberships(conn: &mut PgConnection, now: OffsetDateTime) -> Result<Vec<MembershipRow>> {
    let rows = sqlx::query_as!(
        MembershipRow,
        r#"
        select m.person_id, p.username, m.group_id, m.expires_at, m.reason, m.managed
        from auth.group_members m
        join auth.person p on p.id = m.person_id
        where p.removed_at is null and auth.lasts(m.expires_at, $1)
        "#,
        now,
    );
    Ok(rows.fetch_all(conn).await?)
}

/// A role that a person holds in a service.
#[derive(Debug)]
pub struct PersonGrantRow {
    pub person_id: i32,
    pub username: String,
    pub service_id: i32,
    pub role_id: i32,
    pub expires_at: Option<OffsetDateTime>,
    pub reason: Option<String>,
    pub managed: bool,
}

/// Those that last at `now`, of whoever was not removed.
pub async fn grants_of_people(conn: &mut PgConnection, now: OffsetDateTime) -> Result<Vec<PersonGrantRow>> {
    let rows = sqlx::query_as!(
        PersonGrantRow,
        r#"
        select held.person_id, p.username, held.service_id, held.role_id, held.expires_at, held.reason, held.managed
        from auth.person_service_role held
        join auth.person p on p.id = held.person_id
        where p.removed_at is null and auth.lasts(held.expires_at, $1)
        "#,
        now,
    );
    Ok(rows.fetch_all(conn).await?)
}

/// Those of these people who are there.
pub async fn usernames(conn: &mut PgConnection, named: &[String]) -> Result<Vec<(String, PersonId)>> {
    let rows = sqlx::query!(
        r#"select username, id as "id: PersonId" from auth.person where username = any ($1) and removed_at is null"#,
        named,
    );
    Ok(rows.fetch_all(conn).await?.into_iter().map(|row| (row.username, row.id)).collect())
}

/// For each of these groups that has people in it, one of them: username and group.
pub async fn somebody_in(
    conn: &mut PgConnection,
    groups: &[i32],
    now: OffsetDateTime,
) -> Result<Vec<(String, String)>> {
    let rows = sqlx::query!(
        r#"
        select distinct on (m.group_id) p.username, g.name
        from auth.group_members m
        join auth.person p on p.id = m.person_id
        join auth.groups g on g.id = m.group_id
        where m.group_id = any ($1) and p.removed_at is null and auth.lasts(m.expires_at, $2)
        order by m.group_id, p.username
        "#,
        groups,
        now,
    );
    Ok(rows.fetch_all(conn).await?.into_iter().map(|row| (row.username, row.name)).collect())
}

/// Somebody, or a group, with a role in a service or on a resource there.
#[derive(Debug)]
pub struct HolderRow {
    pub person: Option<String>,
    pub group: Option<String>,
    pub service: String,
    pub role: String,
}

/// For each of these roles in these services one who holds it, and for each of these groups what it holds on resources.
pub async fn somebody_with(
    conn: &mut PgConnection,
    (services, roles): (&[i32], &[i32]),
    groups: &[i32],
    now: OffsetDateTime,
) -> Result<Vec<HolderRow>> {
    let rows = sqlx::query_as!(
        HolderRow,
        r#"
        select p.username as "person?", g.name as "group?", s.name as "service!", r.name as "role!"
        from (
            select one.person_id, null::integer as group_id, wanted.service_id, wanted.role_id
            from unnest($1::integer[], $2::integer[]) as wanted (service_id, role_id)
            cross join lateral (
                select held.person_id
                from auth.person_service_role held
                join auth.person p on p.id = held.person_id and p.removed_at is null
                where held.service_id = wanted.service_id and held.role_id = wanted.role_id
                  and auth.lasts(held.expires_at, $4)
                order by held.person_id
                limit 1
            ) one
            union
            select one.person_id, one.group_id, wanted.service_id, wanted.role_id
            from unnest($1::integer[], $2::integer[]) as wanted (service_id, role_id)
            cross join lateral (
                select held.person_id, held.group_id
                from auth.resource_roles held
                where held.service_id = wanted.service_id and held.role_id = wanted.role_id
                  and auth.lasts(held.expires_at, $4)
                limit 1
            ) one
            union
            select null, wanted.id, one.service_id, one.role_id
            from unnest($3::integer[]) as wanted (id)
            cross join lateral (
                select held.service_id, held.role_id
                from auth.resource_roles held
                where held.group_id = wanted.id and auth.lasts(held.expires_at, $4)
                limit 1
            ) one
        ) found
        cross join lateral (select name from auth.services where id = found.service_id) s
        cross join lateral (select name from auth.role where id = found.role_id) r
        left join lateral (select username from auth.person where id = found.person_id and removed_at is null) p on true
        left join lateral (select name from auth.groups where id = found.group_id) g on true
        order by 3, 4
        "#,
        services,
        roles,
        groups,
        now,
    );
    Ok(rows.fetch_all(conn).await?)
}
