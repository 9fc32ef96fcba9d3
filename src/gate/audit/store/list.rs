//! Events as people read them, newest first.

use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::{PersonId, ServiceId};
use crate::gate::audit::{Named, Shown, ShownActor};

/// Which events, by id.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Filter {
    pub actor: Option<PersonId>,
    pub subject: Option<PersonId>,
    /// Done by or to this person.
    pub concerning: Option<PersonId>,
    /// One of these was done; any when there are none.
    pub actions: Vec<String>,
    /// In this service.
    pub service: Option<ServiceId>,
    /// Not before.
    #[serde(with = "time::serde::rfc3339::option")]
    pub from: Option<OffsetDateTime>,
    /// Before.
    #[serde(with = "time::serde::rfc3339::option")]
    pub until: Option<OffsetDateTime>,
    /// Older than this one.
    pub before: Option<i64>,
}

/// Each combination of filters has an index of its own.
async fn plan_anew(conn: &mut PgConnection) -> Result<()> {
    sqlx::query!(r#"select set_config('plan_cache_mode', 'force_custom_plan', true) as mode"#).fetch_one(conn).await?;
    Ok(())
}

/// The newest events that `filter` lets through. Planned anew each time: in a transaction.
pub async fn list(conn: &mut PgConnection, filter: &Filter, limit: i64) -> Result<Vec<Shown>> {
    plan_anew(conn).await?;
    let rows = sqlx::query!(
        r#"
        select e.id, e.at, e.action, e.actor, e.actor_id, actor.username as "actor_username?",
               e.subject_id, subject.username as "subject_username?", e.service_id, service.name as "service_name?",
               e.request_id, host(e.address) as address, e.client_id, e.before, e.after, e.api_key_id, seal.position as "position?"
        from (
            select *
            from auth.audit_events e
            where ($1::int is null or (e.actor_id = $1 and e.actor = 'person'))
              and ($2::int is null or e.subject_id = $2)
              and ($3::int is null or e.subject_id = $3 or (e.actor_id = $3 and e.actor = 'person'))
              and (cardinality($4::text[]) = 0 or e.action = any ($4))
              and ($5::int is null or e.service_id = $5)
              and ($6::timestamptz is null or e.at >= $6)
              and ($7::timestamptz is null or e.at < $7)
              and ($8::bigint is null or e.id < $8)
            order by e.id desc
            limit $9
        ) e
        left join auth.person actor on actor.id = e.actor_id and e.actor = 'person'
        left join auth.person subject on subject.id = e.subject_id
        left join auth.services service on service.id = e.service_id
        left join auth.audit_seals seal on seal.event_id = e.id
        order by e.id desc
        "#,
        filter.actor.map(|person| person.0),
        filter.subject.map(|person| person.0),
        filter.concerning.map(|person| person.0),
        &filter.actions,
        filter.service.map(|service| service.0),
        filter.from,
        filter.until,
        filter.before,
        limit,
    )
    .fetch_all(conn)
    .await?;
    let shown = rows.into_iter().map(|row| Shown {
        id: row.id,
        at: row.at,
        action: row.action,
        actor: ShownActor {
            r#type: row.actor,
            id: row.actor_id,
            username: row.actor_username,
            api_key_id: row.api_key_id,
        },
        subject: row.subject_id.map(|id| Named { id, name: row.subject_username }),
        service: row.service_id.map(|id| Named { id, name: row.service_name }),
        request_id: row.request_id,
        address: row.address,
        client_id: row.client_id,
        before: row.before,
        after: row.after,
        position: row.position,
    });
    Ok(shown.collect())
}
