//! In the order that all changes keep: people, groups, roles, services; a client where it is changed.

use sqlx::PgConnection;

use crate::base::error::Result;
use crate::gate::store::groups;

/// Begins to apply a file, unless another one is being applied; answers whether it has.
pub async fn begin_apply(conn: &mut PgConnection) -> Result<bool> {
    let begun = sqlx::query_scalar!(r#"select pg_try_advisory_xact_lock(hashtext('auth.apply')) as "begun!""#);
    Ok(begun.fetch_one(conn).await?)
}

/// The people that these clients are where they act for themselves.
pub async fn people_of_clients(conn: &mut PgConnection, clients: &[String]) -> Result<Vec<i32>> {
    let ids = sqlx::query_scalar!(
        r#"
        select p.id
        from auth.clients c
        join auth.person p on p.client_id = c.id and p.removed_at is null
        where c.client_id = any ($1) and c.removed_at is null
        order by p.id
        "#,
        clients,
    );
    Ok(ids.fetch_all(conn).await?)
}

/// The people whose sessions and links go with these providers.
pub async fn people_of_providers(conn: &mut PgConnection, providers: &[String]) -> Result<Vec<i32>> {
    let ids = sqlx::query_scalar!(
        r#"
        select distinct l.person_id
        from auth.provider_links l
        join auth.providers p on p.id = l.provider_id
        where p.name = any ($1)
        "#,
        providers,
    );
    Ok(ids.fetch_all(conn).await?)
}

/// Keeps people as they are, also in what they hold.
pub async fn lock_people(conn: &mut PgConnection, usernames: &[String], others: &[i32]) -> Result<()> {
    sqlx::query!(
        r#"
        select id
        from auth.person
        where (username = any ($1) or id = any ($2)) and removed_at is null
        order by id
        for no key update
        "#,
        usernames,
        others,
    )
    .fetch_all(conn)
    .await?;
    Ok(())
}

/// Keeps groups, the users' roles and permissions, and services as they are.
pub async fn lock_vocabulary(conn: &mut PgConnection) -> Result<()> {
    groups::lock(&mut *conn).await?;
    sqlx::query!("select id from auth.role where id > 0 and direct_person_id is null order by id for no key update")
        .fetch_all(&mut *conn)
        .await?;
    sqlx::query!("select id from auth.permission where id > 0 order by id for no key update")
        .fetch_all(&mut *conn)
        .await?;
    sqlx::query!("select id from auth.services where id > 0 and removed_at is null order by id for no key update")
        .fetch_all(conn)
        .await?;
    Ok(())
}
