//! The table `auth.resources`. What follows from it, `auth.resource_ancestors`, its triggers write.

pub mod roles;

use std::collections::HashMap;

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Properties, Resource, ResourceName, Wanted};
use crate::base::error::{OnConstraint, Result};
use crate::base::id::{Id, ServiceId};
use crate::platform::http::{Page, Tagged, Total};

struct Row {
    place: i32,
    kind: String,
    key: String,
    properties: String,
    parent_kind: Option<String>,
    parent_key: Option<String>,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

impl Row {
    fn read(self) -> Result<Resource> {
        let Self { place, kind, key, properties, parent_kind, parent_key, created_at, updated_at } = self;
        let parent = parent_kind.zip(parent_key).map(|(kind, id)| ResourceName { kind, id });
        let name = ResourceName { kind, id: key };
        Ok(Resource { place, name, properties: Properties::stored(properties)?, parent, created_at, updated_at })
    }
}

/// Which resources of a service are listed.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub kind: Option<String>,
    /// Those that lie in it, not those beneath these.
    pub parent: Option<ResourceName>,
}

/// Keeps others from any change of a service's resources until this transaction ends. The last of all locks.
pub async fn lock(conn: &mut PgConnection, service: ServiceId) -> Result<()> {
    sqlx::query!("select auth.lock_resources($1)::text", service.0).fetch_one(conn).await?;
    Ok(())
}

/// A resource, with the tag of its state.
pub async fn find(
    conn: &mut PgConnection,
    service: ServiceId,
    name: &ResourceName,
) -> Result<Option<Tagged<Resource>>> {
    let row = sqlx::query_as!(
        Row,
        r#"
        select r.id as place, r.type as kind, r.key, r.properties::text as "properties!",
               parent.type as "parent_kind?", parent.key as "parent_key?", r.created_at, r.updated_at
        from auth.resources r
        left join auth.resources parent on parent.id = r.parent_id
        where r.service_id = $1 and r.type = $2 and r.key = $3
        "#,
        service.0,
        name.kind,
        name.id,
    );
    row.fetch_optional(conn).await?.map(|row| Tagged::whole(row.read()?)).transpose()
}

/// One page of a service's resources, those that it told of first at its beginning.
pub async fn list(conn: &mut PgConnection, service: ServiceId, filter: &Filter, page: &Page) -> Result<Vec<Resource>> {
    let rows: Vec<Row> = Total::rows(conn, page, |page| {
        sqlx::query_as!(
            Row,
            r#"
            select r.id as place, r.type as kind, r.key, r.properties::text as "properties!",
                   parent.type as "parent_kind?", parent.key as "parent_key?", r.created_at, r.updated_at
            from auth.resources r
            left join auth.resources parent on parent.id = r.parent_id
            where r.service_id = $1
              and r.id > $2
              and ($3::text is null or auth.fold(r.key) ^@ $3)
              and ($5::text is null or r.type = $5)
              and ($6::text is null or r.parent_id = (
                  select id from auth.resources where service_id = $1 and type = $6 and key = $7
              ))
            order by r.id
            limit $4
            "#,
            service.0,
            page.after(0),
            page.prefix(),
            page.fetch(),
            filter.kind.as_deref(),
            filter.parent.as_ref().map(|parent| parent.kind.as_str()),
            filter.parent.as_ref().map(|parent| parent.id.as_str()),
        )
    })
    .await?;
    rows.into_iter().map(Row::read).collect()
}

/// A resource as it stands.
#[derive(Debug)]
pub struct Standing {
    pub id: i32,
    /// As they were sent.
    pub properties: String,
    pub parent: Option<ResourceName>,
}

/// Those of these that are there, as they stand.
pub async fn standing(
    conn: &mut PgConnection,
    service: ServiceId,
    names: &[&ResourceName],
) -> Result<HashMap<ResourceName, Standing>> {
    let (kinds, keys) = columns(names.iter().copied());
    let rows = sqlx::query!(
        r#"
        select r.id, r.type as kind, r.key, r.properties::text as "properties!",
               parent.type as "parent_kind?", parent.key as "parent_key?"
        from auth.resources r
        left join auth.resources parent on parent.id = r.parent_id
        -- And some more, maybe. As pairs, Postgres might look for each among all of its type.
        where r.service_id = $1 and r.type = any ($2) and r.key = any ($3)
        "#,
        service.0,
        &distinct(kinds) as &[&str],
        &keys as &[&str],
    )
    .fetch_all(conn)
    .await?;
    let found = rows.into_iter().map(|row| {
        let parent = row.parent_kind.zip(row.parent_key).map(|(kind, id)| ResourceName { kind, id });
        let standing = Standing { id: row.id, properties: row.properties, parent };
        (ResourceName { kind: row.kind, id: row.key }, standing)
    });
    Ok(found.collect())
}

/// A resource above others.
#[derive(Debug)]
pub struct Above {
    pub name: ResourceName,
    pub parent: Option<ResourceName>,
}

/// These and all that is above them, each once, as they stand.
pub async fn above(conn: &mut PgConnection, ids: &[i32]) -> Result<Vec<Above>> {
    let rows = sqlx::query!(
        r#"
        select up.type as kind, up.key, parent.type as "parent_kind?", parent.key as "parent_key?"
        from auth.resources up
        left join auth.resources parent on parent.id = up.parent_id
        where up.id in (select ancestor_id from auth.resource_ancestors where resource_id = any ($1))
        "#,
        ids,
    )
    .fetch_all(conn)
    .await?;
    let above = rows.into_iter().map(|row| Above {
        name: ResourceName { kind: row.kind, id: row.key },
        parent: row.parent_kind.zip(row.parent_key).map(|(kind, id)| ResourceName { kind, id }),
    });
    Ok(above.collect())
}

/// Makes these, beneath nothing yet; answers their ids.
pub async fn insert_all(
    conn: &mut PgConnection,
    service: ServiceId,
    new: &[&Wanted],
) -> Result<HashMap<ResourceName, i32>> {
    if new.is_empty() {
        return Ok(HashMap::new());
    }
    let (kinds, keys) = columns(new.iter().map(|wanted| &wanted.name));
    let properties: Vec<&str> = new.iter().map(|wanted| wanted.properties.text()).collect();
    let rows = sqlx::query!(
        r#"
        insert into auth.resources (service_id, type, key, properties)
        select $1, new.type, new.key, new.properties::json
        from unnest($2::text[], $3::text[], $4::text[]) with ordinality as new (type, key, properties, place)
        order by new.place
        returning id, type as kind, key
        "#,
        service.0,
        &kinds as &[&str],
        &keys as &[&str],
        &properties as &[&str],
    )
    .fetch_all(conn)
    .await
    .on_constraint("resources_service_fkey", ServiceId::not_found())?;
    Ok(rows.into_iter().map(|row| (ResourceName { kind: row.kind, id: row.key }, row.id)).collect())
}

/// Gives these other properties.
pub async fn say_all(conn: &mut PgConnection, said: &[(i32, &str)]) -> Result<()> {
    if said.is_empty() {
        return Ok(());
    }
    let (ids, properties): (Vec<i32>, Vec<&str>) = said.iter().copied().unzip();
    sqlx::query!(
        r#"
        update auth.resources r
        set properties = said.properties::json, updated_at = now()
        from unnest($1::integer[], $2::text[]) as said (id, properties)
        where r.id = said.id
        "#,
        &ids,
        &properties as &[&str],
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Puts these beneath others, or beneath nothing.
pub async fn move_all(conn: &mut PgConnection, moved: &[(i32, Option<i32>)]) -> Result<()> {
    if moved.is_empty() {
        return Ok(());
    }
    let (ids, parents): (Vec<i32>, Vec<Option<i32>>) = moved.iter().copied().unzip();
    sqlx::query!(
        r#"
        update auth.resources r
        set parent_id = moved.parent_id, updated_at = now()
        from unnest($1::integer[], $2::integer[]) as moved (id, parent_id)
        where r.id = moved.id
        "#,
        &ids,
        &parents as &[Option<i32>],
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How many others lie beneath these.
pub async fn count_beneath(conn: &mut PgConnection, ids: &[i32]) -> Result<i64> {
    let count = sqlx::query_scalar!(
        r#"
        select count(distinct resource_id) as "count!"
        from auth.resource_ancestors
        where ancestor_id = any ($1) and resource_id <> all ($1)
        "#,
        ids,
    );
    Ok(count.fetch_one(conn).await?)
}

/// Deletes these and all beneath them; answers how many.
pub async fn delete_all(conn: &mut PgConnection, ids: &[i32]) -> Result<usize> {
    let gone = sqlx::query!(
        r#"
        delete from auth.resources
        where id in (select resource_id from auth.resource_ancestors where ancestor_id = any ($1))
        "#,
        ids,
    );
    Ok(usize::try_from(gone.execute(conn).await?.rows_affected()).unwrap_or(usize::MAX))
}

fn distinct(mut texts: Vec<&str>) -> Vec<&str> {
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// Types and ids, as parameters of a statement.
fn columns<'a>(names: impl Iterator<Item = &'a ResourceName>) -> (Vec<&'a str>, Vec<&'a str>) {
    names.map(|name| (name.kind.as_str(), name.id.as_str())).unzip()
}
