//! Whom a search looks through.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::{PersonId, ServiceId};

/// The next people after one, by id: whoever may log in, or who holds something in a service at `now`, or on a resource of its, whether
/// they may log in or not. Clients that act for themselves are among them.
pub async fn next(
    conn: &mut PgConnection,
    (service, everybody): (ServiceId, bool),
    after: PersonId,
    limit: i64,
    now: OffsetDateTime,
) -> Result<Vec<PersonId>> {
    if !everybody {
        return holders(conn, service, (after, limit), now).await;
    }
    let people = sqlx::query_scalar!(
        r#"
        select id as "id: PersonId"
        from auth.person
        where id > $1 and removed_at is null and disabled_at is null
        order by id
        limit $2
        "#,
        after.0,
        limit,
    );
    Ok(people.fetch_all(conn).await?)
}

async fn holders(
    conn: &mut PgConnection,
    service: ServiceId,
    (after, limit): (PersonId, i64),
    now: OffsetDateTime,
) -> Result<Vec<PersonId>> {
    let people = sqlx::query_scalar!(
        r#"
        select held.person_id as "id!: PersonId"
        from (
            (
                select distinct person_id
                from auth.roles_given_at($4)
                where service_id = $3 and person_id > $1
                order by person_id
                limit $2
            )
            union
            (
                select distinct person_id
                from auth.roles_by_groups_at($4)
                where service_id = $3 and person_id > $1
                order by person_id
                limit $2
            )
            union
            (
                select distinct person_id
                from auth.resource_roles
                where service_id = $3 and person_id > $1 and auth.lasts(expires_at, $4)
                order by person_id
                limit $2
            )
            union
            (
                select distinct inside.person_id
                from (
                    select distinct group_id from auth.resource_roles where service_id = $3 and auth.lasts(expires_at, $4)
                ) given
                cross join lateral (
                    select person_id
                    from auth.group_people
                    where group_id = given.group_id and person_id > $1 and auth.lasts(expires_at, $4)
                    order by person_id
                    limit $2
                ) inside
                order by inside.person_id
                limit $2
            )
        ) held
        order by held.person_id
        limit $2
        "#,
        after.0,
        limit,
        service.0,
        now,
    );
    Ok(people.fetch_all(conn).await?)
}
