//! What the doctor asks Postgres.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;

/// The server's version as a number (150004) and as text.
pub(super) async fn version(conn: &mut PgConnection) -> Result<(i32, String)> {
    let row = sqlx::query!(
        r#"
        select current_setting('server_version_num')::int as "number!", current_setting('server_version') as "text!"
        "#
    )
    .fetch_one(conn)
    .await?;
    Ok((row.number, row.text))
}

/// The server's clock.
pub(super) async fn now(conn: &mut PgConnection) -> Result<OffsetDateTime> {
    Ok(sqlx::query_scalar!(r#"select clock_timestamp() as "now!""#).fetch_one(conn).await?)
}

/// A table, and what share of its ids has been given.
#[derive(Debug)]
pub(super) struct UsedIds {
    pub table: String,
    pub used: f64,
}

/// The table that is nearest to the end of its ids, whether a sequence gave them or they came with an import.
pub(super) async fn fullest_ids(conn: &mut PgConnection) -> Result<Option<UsedIds>> {
    let fullest = sqlx::query_as!(
        UsedIds,
        r#"
        select format('%s.%s', s.schemaname, coalesce(owner.relname, s.sequencename)) as "table!",
               s.last_value::float8 / s.max_value as "used!"
        from pg_sequences s
        left join pg_depend d
          on d.objid = format('%I.%I', s.schemaname, s.sequencename)::regclass
         and d.classid = 'pg_class'::regclass
         and d.refclassid = 'pg_class'::regclass
         and d.deptype in ('a', 'i')
        left join pg_class owner on owner.oid = d.refobjid
        where s.schemaname = 'auth' and s.last_value is not null
        order by s.last_value::float8 / s.max_value desc
        limit 1
        "#
    )
    .fetch_optional(conn)
    .await?;
    Ok(fullest)
}

/// Says something, once this is committed, to those who listen.
pub(super) async fn notify(conn: &mut PgConnection, channel: &str) -> Result<()> {
    sqlx::query!("select from pg_notify($1, '')", channel).execute(conn).await?;
    Ok(())
}
