//! The table `auth.service_uses`.

use sqlx::PgConnection;
use time::Date;

use crate::base::error::Result;
use crate::base::id::{PersonId, ServiceId};

/// That somebody got an answer about a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    pub person: PersonId,
    pub service: ServiceId,
    pub day: Date,
}

/// Writes when people last got answers about services; what is there already, or is later, stays.
pub async fn note_uses(conn: &mut PgConnection, uses: &[Use]) -> Result<()> {
    let people: Vec<i32> = uses.iter().map(|one| one.person.0).collect();
    let services: Vec<i32> = uses.iter().map(|one| one.service.0).collect();
    let days: Vec<Date> = uses.iter().map(|one| one.day).collect();
    sqlx::query!(
        r#"
        insert into auth.service_uses (person_id, service_id, last_used_on)
        select p.id, s.id, max(used.day)
        from unnest($1::int[], $2::int[], $3::date[]) used (person_id, service_id, day)
        join auth.person p on p.id = used.person_id and p.removed_at is null
        join auth.services s on s.id = used.service_id and s.removed_at is null
        group by p.id, s.id
        -- Two instances that write the same rows take them in the same order.
        order by p.id, s.id
        on conflict (person_id, service_id) do update
        set last_used_on = excluded.last_used_on
        where service_uses.last_used_on < excluded.last_used_on
        "#,
        &people,
        &services,
        &days,
    )
    .execute(conn)
    .await?;
    Ok(())
}
