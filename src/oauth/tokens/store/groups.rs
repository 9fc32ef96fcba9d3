use std::collections::BTreeMap;

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::{PersonId, ServiceId};

/// The groups by which a person holds something at `now` in these services, by the services' names.
pub async fn groups_in(
    conn: &mut PgConnection,
    person: PersonId,
    services: &[ServiceId],
    now: OffsetDateTime,
) -> Result<BTreeMap<String, Vec<String>>> {
    let services: Vec<i32> = services.iter().map(|service| service.0).collect();
    let rows = sqlx::query!(
        r#"
        select s.name as service, array_agg(distinct g.name) as "groups!"
        from auth.group_people inside
        join auth.group_service_role given on given.group_id = inside.group_id
        join auth.groups g on g.id = inside.group_id
        join auth.services s on s.id = given.service_id
        where inside.person_id = $1
          and given.service_id = any ($2)
          and auth.lasts(inside.expires_at, $3)
          and auth.lasts(given.expires_at, $3)
        group by s.name
        "#,
        person.0,
        &services,
        now,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.service, row.groups)).collect())
}
