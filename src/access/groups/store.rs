//! The table `auth.groups`.

pub mod members;
pub mod nestings;

use sqlx::PgConnection;

use super::{GroupChange, GroupName, NewGroup};
use crate::base::error::{Error, OnConstraint, Result};
use crate::base::id::{GroupId, Id};
use crate::base::made::Made;
use crate::base::names::{self, Description};
use crate::gate::store::groups::Group;
use crate::platform::http::{ETag, Page, Tagged, Total};

/// One page of groups.
pub async fn list(conn: &mut PgConnection, page: &Page) -> Result<Vec<Group>> {
    Total::rows(conn, page, |page| {
        sqlx::query_as!(
            Group,
            r#"
            select id as "id: GroupId", name, description
            from auth.groups
            where id > $1 and ($2::text is null or auth.fold(name) ^@ $2)
            order by id
            limit $3
            "#,
            page.after(0),
            page.prefix(),
            page.fetch(),
        )
    })
    .await
}

/// 404 where there is none. With the tag of its state.
pub async fn tagged(conn: &mut PgConnection, id: GroupId) -> Result<Tagged<Group>> {
    let row = sqlx::query!("select name, description, updated_at from auth.groups where id = $1", id.0)
        .fetch_optional(conn)
        .await?
        .ok_or_else(GroupId::not_found)?;
    let shown = Group { id, name: row.name, description: row.description };
    Ok(Tagged { etag: ETag::of(&(&shown, row.updated_at))?, shown })
}

/// Makes a group, or answers the one that stands. 409 when that one has another description than is asked for.
pub async fn ensure(conn: &mut PgConnection, new: &NewGroup) -> Result<Made<Group>> {
    let description = new.description.as_ref().map(Description::as_str);
    // The second statement misses only a row that is deleted between the two: then the first one's turn has come.
    loop {
        let made = sqlx::query_as!(
            Group,
            r#"
            insert into auth.groups (name, description)
            values ($1, $2)
            on conflict do nothing
            returning id as "id: GroupId", name, description
            "#,
            new.name.as_str(),
            description,
        )
        .fetch_optional(&mut *conn)
        .await?;
        if let Some(made) = made {
            return Ok(Made::New(made));
        }
        let standing = sqlx::query_as!(
            Group,
            r#"select id as "id: GroupId", name, description from auth.groups where auth.fold(name) = $1"#,
            names::fold(new.name.as_str()),
        )
        .fetch_optional(&mut *conn)
        .await?;
        match standing {
            Some(standing) if standing.name != new.name.as_str() => return Err(twin()),
            Some(standing) => {
                return Made::standing(standing, |there| there.description.as_deref(), description, exists());
            }
            None => {}
        }
    }
}

/// Changes name or description. The unique index decides whether the name is free.
pub async fn update(conn: &mut PgConnection, id: GroupId, change: &GroupChange) -> Result<()> {
    let updated = sqlx::query!(
        r#"
        update auth.groups
        set name = coalesce($2, name),
            description = case when $4 then description else $3 end,
            updated_at = now()
        where id = $1
        "#,
        id.0,
        change.name.as_ref().map(GroupName::as_str),
        change.description.value().map(Description::as_str),
        change.description.keeps(),
    )
    .execute(conn)
    .await
    .on_constraint("groups_name_key", exists())?;
    if updated.rows_affected() == 0 { Err(GroupId::not_found()) } else { Ok(()) }
}

/// Deletes a group; the trigger `groups_end` takes everybody out of it.
pub async fn delete(conn: &mut PgConnection, id: GroupId) -> Result<()> {
    let deleted = sqlx::query!("delete from auth.groups where id = $1", id.0).execute(conn).await?;
    if deleted.rows_affected() == 0 { Err(GroupId::not_found()) } else { Ok(()) }
}

/// 409: the name is taken by a group that differs.
fn exists() -> Error {
    Error::conflict("group_exists", "another group has that name, whatever the case; choose another, or use that one")
}

/// 409: the name is taken but for its case.
fn twin() -> Error {
    names::twin("group_exists", "group")
}
