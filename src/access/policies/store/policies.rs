//! The table `auth.policies`.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::access::policies::policy::{Effect, NewPolicy, Policy};
use crate::base::error::{Error, OnConstraint, Result};
use crate::base::id::{Id, PolicyId, ServiceId};
use crate::base::names::Description;
use crate::base::patch::Patch;
use crate::platform::http::{Page, Total};

struct Row {
    id: PolicyId,
    service_id: ServiceId,
    table_name: String,
    action: String,
    expression: String,
    description: Option<String>,
    effect: String,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

impl From<Row> for Policy {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            service_id: row.service_id,
            table_name: row.table_name,
            action: row.action,
            expression: row.expression,
            description: row.description,
            effect: Effect::read(&row.effect),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// One page of a service's policies; the page's prefix is one of types. With `only`, those of exactly this type, and with `action`
/// of this action.
pub async fn list(
    conn: &mut PgConnection,
    service: ServiceId,
    page: &Page,
    (only, action): (Option<&str>, Option<&str>),
) -> Result<Vec<Policy>> {
    let rows: Vec<Row> = Total::rows(conn, page, |page| {
        sqlx::query_as!(
            Row,
            r#"
            select id as "id: PolicyId", service_id as "service_id: ServiceId", table_name, action, expression, description,
                   effect, created_at, updated_at
            from auth.policies
            where service_id = $1
              and id > $2
              and ($3::text is null or auth.fold(table_name) ^@ $3)
              and ($4::text is null or table_name = $4)
              and ($5::text is null or action = $5)
            order by id
            limit $6
            "#,
            service.0,
            page.after(0),
            page.prefix(),
            only,
            action,
            page.fetch(),
        )
    })
    .await?;
    Ok(rows.into_iter().map(Policy::from).collect())
}

/// A policy, whosever it is.
pub async fn find(conn: &mut PgConnection, id: PolicyId) -> Result<Option<Policy>> {
    let row = sqlx::query_as!(
        Row,
        r#"
        select id as "id: PolicyId", service_id as "service_id: ServiceId", table_name, action, expression, description,
               effect, created_at, updated_at
        from auth.policies
        where id = $1
        "#,
        id.0,
    );
    Ok(row.fetch_optional(conn).await?.map(Policy::from))
}

/// The one that says the same, whatever its description.
pub async fn find_same(conn: &mut PgConnection, service: ServiceId, new: &NewPolicy) -> Result<Option<Policy>> {
    let row = sqlx::query_as!(
        Row,
        r#"
        select id as "id: PolicyId", service_id as "service_id: ServiceId", table_name, action, expression, description,
               effect, created_at, updated_at
        from auth.policies
        where service_id = $1
          and table_name = $2
          and action = $3
          and effect = $4
          and md5(expression) = md5($5)
          and expression = $5
        "#,
        service.0,
        new.table_name.as_str(),
        new.action.as_str(),
        new.effect.as_str(),
        new.expression.as_str(),
    );
    Ok(row.fetch_optional(conn).await?.map(Policy::from))
}

/// How many policies a service has.
#[derive(Clone, Copy, Debug)]
pub struct Count {
    pub policies: i64,
    /// Those of them that are about every type of resource.
    pub all_types: i64,
}

/// Under the lock of the service this stays so.
pub async fn count(conn: &mut PgConnection, service: ServiceId) -> Result<Count> {
    let count = sqlx::query_as!(
        Count,
        r#"
        select count(*) as "policies!", count(*) filter (where table_name = 'all') as "all_types!"
        from auth.policies
        where service_id = $1
        "#,
        service.0,
    );
    Ok(count.fetch_one(conn).await?)
}

/// Makes a policy.
pub async fn insert(conn: &mut PgConnection, service: ServiceId, new: &NewPolicy) -> Result<Policy> {
    let row = sqlx::query_as!(
        Row,
        r#"
        insert into auth.policies (service_id, table_name, action, expression, description, effect)
        values ($1, $2, $3, $4, $5, $6)
        returning id as "id: PolicyId", service_id as "service_id: ServiceId", table_name, action, expression, description,
                  effect, created_at, updated_at
        "#,
        service.0,
        new.table_name.as_str(),
        new.action.as_str(),
        new.expression.as_str(),
        new.description.as_ref().map(Description::as_str),
        new.effect.as_str(),
    );
    Ok(row.fetch_one(conn).await?.into())
}

/// Writes all of a policy anew, but for a description that stays. `exists` is what it is called when another one says the same.
pub async fn update(
    conn: &mut PgConnection,
    id: PolicyId,
    (table_name, action, expression, effect): (&str, &str, &str, Effect),
    description: &Patch<Description>,
    exists: Error,
) -> Result<()> {
    let updated = sqlx::query!(
        r#"
        update auth.policies
        set table_name = $2, action = $3, expression = $4, effect = $5,
            description = case when $7 then description else $6 end,
            updated_at = now()
        where id = $1
        "#,
        id.0,
        table_name,
        action,
        expression,
        effect.as_str(),
        description.value().map(Description::as_str),
        description.keeps(),
    )
    .execute(conn)
    .await
    .on_constraint("policies_key", exists)?;
    if updated.rows_affected() == 0 { Err(PolicyId::not_found()) } else { Ok(()) }
}

/// Deletes a policy: the next decision is without it.
pub async fn delete(conn: &mut PgConnection, id: PolicyId) -> Result<()> {
    let deleted = sqlx::query!("delete from auth.policies where id = $1", id.0).execute(conn).await?;
    if deleted.rows_affected() == 0 { Err(PolicyId::not_found()) } else { Ok(()) }
}

/// What the policies of one type say.
pub async fn expressions_of(
    conn: &mut PgConnection,
    service: ServiceId,
    table_name: &str,
) -> Result<Vec<(PolicyId, String)>> {
    let rows = sqlx::query!(
        r#"
        select id as "id: PolicyId", expression
        from auth.policies
        where service_id = $1 and table_name = $2
        order by id
        "#,
        service.0,
        table_name,
    );
    Ok(rows.fetch_all(conn).await?.into_iter().map(|row| (row.id, row.expression)).collect())
}

/// The attributes of people that a service is told.
pub async fn claims(conn: &mut PgConnection, service: ServiceId) -> Result<Vec<String>> {
    let claims = sqlx::query_scalar!("select claims from auth.services where id = $1", service.0);
    Ok(claims.fetch_optional(conn).await?.unwrap_or_default())
}

/// Of so many people, the newest, are the names of attributes looked at.
const LOOKED_AT: i64 = 10_000;

/// The names of attributes that people have.
pub async fn attribute_names(conn: &mut PgConnection) -> Result<Vec<String>> {
    let names = sqlx::query_scalar!(
        r#"
        select distinct jsonb_object_keys(attributes) as "name!"
        from (
            select attributes from auth.person
            where removed_at is null and attributes <> '{}'
            order by id desc
            limit $1
        ) newest
        "#,
        LOOKED_AT,
    );
    Ok(names.fetch_all(conn).await?)
}
