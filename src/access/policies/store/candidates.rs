//! Whom a search looks through.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::{PersonId, ServiceId};

/// The next people after one, by id: whoever may log in, or of them who holds something in a service at `now`. Clients that act for
/// themselves are among them.
pub async fn next(
    conn: &mut PgConnection,
    (service, everybody): (ServiceId, bool),
    after: PersonId,
    limit: i64,
    now: OffsetDateTime,
) -> Result<Vec<PersonId>> {
    let people = if everybody {
        sqlx::query_scalar!(
            r#"
            select id as "id: PersonId"
            from auth.person
            where id > $1 and removed_at is null and disabled_at is null
            order by id
            limit $2
            "#,
            after.0,
            limit,
        )
        .fetch_all(conn)
        .await?
    } else {
        sqlx::query_scalar!(
            r#"
            select distinct p.id as "id: PersonId"
            from auth.roles_at($4) held
            join auth.person p on p.id = held.person_id and p.removed_at is null and p.disabled_at is null
            where held.service_id = $3 and held.person_id > $1
            order by p.id
            limit $2
            "#,
            after.0,
            limit,
            service.0,
            now,
        )
        .fetch_all(conn)
        .await?
    };
    Ok(people)
}
