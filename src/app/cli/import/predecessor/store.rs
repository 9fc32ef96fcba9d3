//! Writing what comes from the predecessor, and asking what is in its way.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::people::PersonRow;
use super::vocabulary::{NewName, ServiceRow};
use crate::base::error::Result;

/// Writes people, but those in whose way something is; answers who was written.
pub(super) async fn insert_people(conn: &mut PgConnection, people: &[PersonRow]) -> Result<Vec<i32>> {
    let written = sqlx::query_scalar!(
        r#"
        insert into auth.person
            (id, username, name, password_hash, person_type, document_type, document_number, created_at, removed_at,
             username_twin)
        select id, username, name, password_hash, person_type::auth.person_type,
               document_type::auth.document_type, document_number, coalesce(created_at, now()), removed_at,
               -- Names that differed only in case were two there.
               row_number() over (partition by auth.fold(username), removed_at is null order by id) - 1 + (
                   select count(*)
                   from auth.person p
                   where auth.fold(p.username) = auth.fold(new.username) and p.removed_at is null
               )
        from unnest(
            $1::int[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::timestamptz[], $9::timestamptz[]
        ) as new
            (id, username, name, password_hash, person_type, document_type, document_number, created_at, removed_at)
        on conflict do nothing
        returning id
        "#,
        &column(people, |person| person.id),
        &column(people, |person| person.username.clone()),
        &column(people, |person| person.name.clone()),
        &column(people, |person| person.password_hash.clone()) as &[Option<String>],
        &column(people, |person| person.person_type.clone()) as &[Option<String>],
        &column(people, |person| person.document.as_ref().map(|(kind, _)| kind.clone())) as &[Option<String>],
        &column(people, |person| person.document.as_ref().map(|(_, number)| number.clone())) as &[Option<String>],
        &column(people, |person| person.created_at) as &[Option<OffsetDateTime>],
        &column(people, |person| person.removed_at) as &[Option<OffsetDateTime>],
    )
    .fetch_all(conn)
    .await?;
    Ok(written)
}

/// Writes services, but those in whose way something is; answers which were written.
pub(super) async fn insert_services(conn: &mut PgConnection, services: &[ServiceRow]) -> Result<Vec<i32>> {
    let written = sqlx::query_scalar!(
        r#"
        insert into auth.services (id, name, description, removed_at, name_twin)
        select id, name, description, case when removed then now() end,
               row_number() over (partition by auth.fold(name), removed order by id) - 1 + (
                   select count(*)
                   from auth.services s
                   where auth.fold(s.name) = auth.fold(new.name) and s.removed_at is null
               )
        from unnest($1::int[], $2::text[], $3::text[], $4::boolean[]) as new (id, name, description, removed)
        on conflict do nothing
        returning id
        "#,
        &column(services, |service| service.id),
        &column(services, |service| service.name.clone()),
        &column(services, |service| service.description.clone()) as &[Option<String>],
        &column(services, |service| service.removed),
    )
    .fetch_all(conn)
    .await?;
    Ok(written)
}

/// Writes permissions, but those in whose way something is; answers which were written.
pub(super) async fn insert_permissions(conn: &mut PgConnection, permissions: &[NewName]) -> Result<Vec<i32>> {
    let written = sqlx::query_scalar!(
        r#"
        insert into auth.permission (id, name, name_twin)
        select id, name,
               row_number() over (partition by auth.fold(name) order by id) - 1 + (
                   select count(*) from auth.permission p where auth.fold(p.name) = auth.fold(new.name) and p.id > 0
               )
        from unnest($1::int[], $2::text[]) as new (id, name)
        on conflict do nothing
        returning id
        "#,
        &column(permissions, |permission| permission.id),
        &column(permissions, |permission| permission.name.clone()),
    )
    .fetch_all(conn)
    .await?;
    Ok(written)
}

/// Writes roles, but those in whose way something is; answers which were written.
pub(super) async fn insert_roles(conn: &mut PgConnection, roles: &[NewName]) -> Result<Vec<i32>> {
    let written = sqlx::query_scalar!(
        r#"
        insert into auth.role (id, name, direct_person_id, direct_service_id, name_twin)
        select new.*,
               row_number() over (partition by auth.fold(name) order by id) - 1 + (
                   select count(*)
                   from auth.role r
                   where auth.fold(r.name) = auth.fold(new.name) and r.id > 0 and r.direct_person_id is null
               )
        from unnest($1::int[], $2::text[], $3::int[], $4::int[]) as new (id, name, person_id, service_id)
        -- A direct grant of somebody who could not be written has nobody to be for.
        where person_id is null
           or exists (select from auth.person where id = person_id)
              and exists (select from auth.services where id = service_id)
        on conflict do nothing
        returning id
        "#,
        &column(roles, |role| role.id),
        &column(roles, |role| role.name.clone()),
        &column(roles, |role| role.direct.map(|(person, _)| person)) as &[Option<i32>],
        &column(roles, |role| role.direct.map(|(_, service)| service)) as &[Option<i32>],
    )
    .fetch_all(conn)
    .await?;
    Ok(written)
}

/// Writes which permissions roles carry: (role, permission). Leaves out what has conflicts already.
pub(super) async fn insert_role_permissions(conn: &mut PgConnection, links: &[(i32, i32)]) -> Result<u64> {
    let written = sqlx::query!(
        r#"
        insert into auth.role_permission (role_id, permission_id)
        select new.*
        from unnest($1::int[], $2::int[]) as new (role_id, permission_id)
        where exists (select from auth.role where id = role_id)
          and exists (select from auth.permission where id = permission_id)
        on conflict do nothing
        "#,
        &column(links, |(role, _)| *role),
        &column(links, |(_, permission)| *permission),
    )
    .execute(conn)
    .await?;
    Ok(written.rows_affected())
}

/// Writes which roles services offer: (service, role); answers how many of them did not before.
pub(super) async fn insert_offers(conn: &mut PgConnection, offers: &[(i32, i32)]) -> Result<u64> {
    let written = sqlx::query!(
        r#"
        insert into auth.service_roles (service_id, role_id)
        select new.*
        from unnest($1::int[], $2::int[]) as new (service_id, role_id)
        where exists (select from auth.services where id = service_id)
          and exists (select from auth.role where id = role_id)
        on conflict do nothing
        "#,
        &column(offers, |(service, _)| *service),
        &column(offers, |(_, role)| *role),
    )
    .execute(conn)
    .await?;
    Ok(written.rows_affected())
}

/// Writes who holds what: (person, service, role).
pub(super) async fn insert_grants(conn: &mut PgConnection, grants: &[(i32, i32, i32)]) -> Result<u64> {
    let written = sqlx::query!(
        r#"
        insert into auth.person_service_role (person_id, service_id, role_id)
        select new.*
        from unnest($1::int[], $2::int[], $3::int[]) as new (person_id, service_id, role_id)
        where exists (select from auth.person where id = person_id)
          and exists (
              select from auth.service_roles sr where sr.service_id = new.service_id and sr.role_id = new.role_id
          )
        on conflict do nothing
        "#,
        &column(grants, |(person, _, _)| *person),
        &column(grants, |(_, service, _)| *service),
        &column(grants, |(_, _, role)| *role),
    )
    .execute(conn)
    .await?;
    Ok(written.rows_affected())
}

/// A row that could not be written.
#[derive(Debug)]
pub(super) struct Conflict {
    pub id: i32,
    pub name: String,
    pub taken: Collision,
}

/// What is in its way.
#[derive(Debug)]
pub(super) enum Collision {
    /// The row of this name has its id.
    Id(String),
    /// The row of this id has its name.
    Name(i32),
    /// The person of this id has its document.
    Document(i32),
}

impl Collision {
    fn first(id: Option<String>, name: Option<i32>, document: Option<i32>) -> Option<Self> {
        id.map(Self::Id).or(name.map(Self::Name)).or(document.map(Self::Document))
    }
}

/// Finds what is in the way of people.
pub(super) async fn person_conflicts(conn: &mut PgConnection, people: &[&PersonRow]) -> Result<Vec<Conflict>> {
    let found = sqlx::query!(
        r#"
        select new.id as "id!", new.username as "username!",
               by_id.username as "by_id?", by_name.id as "by_name?", by_document.id as "by_document?"
        from unnest($1::int[], $2::text[], $3::text[], $4::text[])
            as new (id, username, document_type, document_number)
        left join auth.person by_id on by_id.id = new.id
        left join auth.person by_name on by_name.username = new.username and by_name.removed_at is null
        left join auth.person by_document
            on by_document.document_type = new.document_type::auth.document_type
            and by_document.document_number = new.document_number
            and by_document.removed_at is null
        order by new.id
        "#,
        &column(people, |person| person.id),
        &column(people, |person| person.username.clone()),
        &column(people, |person| person.document.as_ref().map(|(kind, _)| kind.clone())) as &[Option<String>],
        &column(people, |person| person.document.as_ref().map(|(_, number)| number.clone())) as &[Option<String>],
    )
    .fetch_all(conn)
    .await?;
    let conflict = |taken: Option<Collision>, id, name| taken.map(|taken| Conflict { id, name, taken });
    let found = found.into_iter();
    Ok(found
        .filter_map(|row| conflict(Collision::first(row.by_id, row.by_name, row.by_document), row.id, row.username))
        .collect())
}

/// Finds what is in the way of rows of a table whose names differ.
macro_rules! conflicts {
    ($(#[$doc:meta])* $function:ident, $sql:literal) => {
        $(#[$doc])*
        pub(super) async fn $function(conn: &mut PgConnection, rows: &[(i32, &str)]) -> Result<Vec<Conflict>> {
            let ids = column(rows, |(id, _)| *id);
            let names = column(rows, |(_, name)| (*name).to_owned());
            let found = sqlx::query!($sql, &ids, &names).fetch_all(conn).await?;
            let conflict = |taken: Option<Collision>, id, name| taken.map(|taken| Conflict { id, name, taken });
            let found = found.into_iter();
            Ok(found.filter_map(|row| conflict(Collision::first(row.by_id, row.by_name, None), row.id, row.name)).collect())
        }
    };
}

conflicts! {
    /// Finds what is in the way of services.
    service_conflicts, r#"
    select new.id as "id!", new.name as "name!", by_id.name as "by_id?", by_name.id as "by_name?"
    from unnest($1::int[], $2::text[]) as new (id, name)
    left join auth.services by_id on by_id.id = new.id
    left join auth.services by_name on by_name.name = new.name and by_name.removed_at is null
    order by new.id
    "#
}

conflicts! {
    /// Finds what is in the way of permissions.
    permission_conflicts, r#"
    select new.id as "id!", new.name as "name!", by_id.name as "by_id?", by_name.id as "by_name?"
    from unnest($1::int[], $2::text[]) as new (id, name)
    left join auth.permission by_id on by_id.id = new.id
    left join auth.permission by_name on by_name.name = new.name
    order by new.id
    "#
}

conflicts! {
    /// Finds what is in the way of roles.
    role_conflicts, r#"
    select new.id as "id!", new.name as "name!", by_id.name as "by_id?", by_name.id as "by_name?"
    from unnest($1::int[], $2::text[]) as new (id, name)
    left join auth.role by_id on by_id.id = new.id
    left join auth.role by_name on by_name.name = new.name
    order by new.id
    "#
}

/// Lets new ids follow the imported ones, and those of roles that were left out, which others may still know.
pub(super) async fn set_sequences(conn: &mut PgConnection, last_role: i32) -> Result<()> {
    sqlx::query!(
        r#"
        select
            setval('auth.person_id_seq', last.person) as person,
            setval('auth.services_id_seq', last.service) as service,
            setval('auth.role_id_seq', last.role) as role,
            setval('auth.permission_id_seq', last.permission) as permission
        -- setval of null does nothing: where there is no row, the next id stays 1. No sequence goes back.
        from (
            select
                (select greatest(max(t.id), max(s.last_value)) from auth.person t, auth.person_id_seq s
                 where t.id > 0) as person,
                (select greatest(max(t.id), max(s.last_value)) from auth.services t, auth.services_id_seq s
                 where t.id > 0) as service,
                (select greatest(max(t.id), max(s.last_value), $1) from auth.role t, auth.role_id_seq s
                 where t.id > 0) as role,
                (select greatest(max(t.id), max(s.last_value)) from auth.permission t, auth.permission_id_seq s
                 where t.id > 0) as permission
        ) as last
        "#,
        i64::from(last_role),
    )
    .fetch_one(conn)
    .await?;
    Ok(())
}

fn column<T, C>(rows: &[T], get: impl Fn(&T) -> C) -> Vec<C> {
    rows.iter().map(get).collect()
}
