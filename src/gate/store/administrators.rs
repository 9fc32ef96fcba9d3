//! Administrators of Portero itself. There is always one who stays.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::{Error, Result};
use crate::base::id::PersonId;
use crate::base::person::Person;

/// Makes transactions that make or unmake administrators wait for each other, so that no two of them can each believe
/// that the other's administrator stays.
pub async fn queue_for_administrators(conn: &mut PgConnection) -> Result<()> {
    sqlx::query!("select id from auth.role where id = 0 for no key update").fetch_one(conn).await?;
    Ok(())
}

/// Refuses (409 `last_administrator`) what this transaction has done if it leaves no enabled administrator whose role
/// does not end by itself: time alone must not lock everybody out.
pub async fn must_keep_an_administrator(conn: &mut PgConnection) -> Result<()> {
    queue_for_administrators(&mut *conn).await?;
    if !is_there_a_lasting_one(conn, None).await? {
        return Err(Error::conflict(
            "last_administrator",
            "this would leave Portero without a permanent administrator; make another one first",
        ));
    }
    Ok(())
}

/// Everybody who is an administrator of Portero itself at `now`, and can log in; clients that act for themselves, too. What is given to
/// people themselves says it all: no group holds that role (`group_service_role_no_administrator`).
pub async fn administrators(conn: &mut PgConnection, now: OffsetDateTime) -> Result<Vec<Person>> {
    let people = sqlx::query_as!(
        Person,
        r#"
        select p.id as "id: PersonId", p.username, p.name
        from auth.roles_given_at($1) held
        join auth.person p on p.id = held.person_id
        where held.service_id = 0
          and held.role_id = 0
          and p.removed_at is null
          and p.disabled_at is null
        order by p.id
        "#,
        now,
    )
    .fetch_all(conn)
    .await?;
    Ok(people)
}

/// Whether anybody is one of them at `now`: a look for the first, where [`administrators`] finds all.
pub async fn is_there_an_administrator(conn: &mut PgConnection, now: OffsetDateTime) -> Result<bool> {
    let is_there = sqlx::query_scalar!(
        r#"
        select exists (
            select
            from auth.roles_given_at($1) held
            join auth.person p on p.id = held.person_id
            where held.service_id = 0
              and held.role_id = 0
              and p.removed_at is null
              and p.disabled_at is null
        ) as "is_there!"
        "#,
        now,
    );
    Ok(is_there.fetch_one(conn).await?)
}

/// Whether somebody is one of them at `now`, and a person: a client is none when it asks for what administrators may do.
pub async fn is_administrator(conn: &mut PgConnection, person: PersonId, now: OffsetDateTime) -> Result<bool> {
    let is_one = sqlx::query_scalar!(
        r#"
        select exists (
            select
            from auth.person p
            cross join lateral auth.held_in(p.id, 0, $2) held
            where p.id = $1
              and p.removed_at is null
              and p.disabled_at is null
              and p.client_id is null
              and 0 = any (held.roles)
        ) as "is_one!"
        "#,
        person.0,
        now,
    );
    Ok(is_one.fetch_one(conn).await?)
}

/// Whether anybody, or one of `people`, stays it until somebody takes it from them, and is a person: a client or a robot administers
/// nothing by hand.
pub async fn is_there_a_lasting_one(conn: &mut PgConnection, among: Option<&[PersonId]>) -> Result<bool> {
    let is_there = sqlx::query_scalar!(
        r#"
        select exists (
            select
            from auth.roles_given_at(null) held
            join auth.person p on p.id = held.person_id
            where held.service_id = 0
              and held.role_id = 0
              and p.removed_at is null
              and p.disabled_at is null
              and p.client_id is null
              and p.owner_id is null
              and ($1::int[] is null or p.id = any ($1))
        ) as "is_there!"
        "#,
        among as Option<&[PersonId]>,
    );
    Ok(is_there.fetch_one(conn).await?)
}
