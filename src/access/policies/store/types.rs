//! The table `auth.resource_types`.

use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use crate::access::policies::compile;
use crate::access::policies::language::Declared;
use crate::access::policies::policy::TypeName;
use crate::access::policies::resource_type::{Columns, ResourceType};
use crate::base::error::{Error, Result};
use crate::base::id::{ResourceTypeId, ServiceId};
use crate::platform::http::{Page, Tagged, Total};

/// How many types a service may declare.
const MOST: i64 = 1_000;

struct Row {
    id: ResourceTypeId,
    service_id: ServiceId,
    name: String,
    columns: Json<Columns>,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

impl From<Row> for ResourceType {
    fn from(row: Row) -> Self {
        let Row { id, service_id, name, columns: Json(columns), created_at, updated_at } = row;
        Self { id, service_id, name, columns, created_at, updated_at }
    }
}

/// One page of what a service has declared.
pub async fn list(conn: &mut PgConnection, service: ServiceId, page: &Page) -> Result<Vec<ResourceType>> {
    let rows: Vec<Row> = Total::rows(conn, page, |page| {
        sqlx::query_as!(
            Row,
            r#"
            select id as "id: ResourceTypeId", service_id as "service_id: ServiceId", name,
                   columns as "columns: Json<Columns>", created_at, updated_at
            from auth.resource_types
            where service_id = $1
              and id > $2
              and ($3::text is null or auth.fold(name) ^@ $3)
            order by id
            limit $4
            "#,
            service.0,
            page.after(0),
            page.prefix(),
            page.fetch(),
        )
    })
    .await?;
    Ok(rows.into_iter().map(ResourceType::from).collect())
}

/// What a service has declared of one type, with the tag of its state.
pub async fn find(conn: &mut PgConnection, service: ServiceId, name: &str) -> Result<Option<Tagged<ResourceType>>> {
    let row = sqlx::query_as!(
        Row,
        r#"
        select id as "id: ResourceTypeId", service_id as "service_id: ServiceId", name,
               columns as "columns: Json<Columns>", created_at, updated_at
        from auth.resource_types
        where service_id = $1 and name = $2
        "#,
        service.0,
        name,
    );
    row.fetch_optional(conn).await?.map(|row| Tagged::whole(row.into())).transpose()
}

/// The same for the compiler: nothing where it was not declared.
pub async fn declared(conn: &mut PgConnection, service: ServiceId, name: &str) -> Result<Declared> {
    let found = find(conn, service, name).await?;
    Ok(found.map_or_else(compile::undeclared, |found| compile::declared(&found.shown.columns)))
}

/// Declares a type.
///
/// # Errors
/// 409 `too_many_resource_types`.
pub async fn insert(conn: &mut PgConnection, service: ServiceId, name: &TypeName, columns: &Columns) -> Result<()> {
    let made = sqlx::query!(
        r#"
        insert into auth.resource_types (service_id, name, columns)
        select $1, $2, $3
        where (select count(*) from auth.resource_types where service_id = $1) < $4
        "#,
        service.0,
        name.as_str(),
        Json(columns) as _,
        MOST,
    )
    .execute(conn)
    .await?;
    if made.rows_affected() == 0 {
        let detail = "this service has declared a thousand types: delete those not in use";
        return Err(Error::conflict("too_many_resource_types", detail));
    }
    Ok(())
}

/// Declares a type otherwise. Nothing is written where it is the same.
pub async fn update(conn: &mut PgConnection, id: ResourceTypeId, columns: &Columns) -> Result<()> {
    sqlx::query!(
        "update auth.resource_types set columns = $2, updated_at = now() where id = $1 and columns <> $2",
        id.0,
        Json(columns) as _,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Declares a type no longer.
pub async fn delete(conn: &mut PgConnection, id: ResourceTypeId) -> Result<()> {
    sqlx::query!("delete from auth.resource_types where id = $1", id.0).execute(conn).await?;
    Ok(())
}
