//! The table `auth.permission`.

use sqlx::PgConnection;

use super::{NewPermission, Permission, PermissionChange, PermissionName};
use crate::base::error::{Error, OnConstraint, Result};
use crate::base::id::{Id, PermissionId, Ref};
use crate::base::made::Made;
use crate::base::names::{self, Description};
use crate::platform::http::{Page, Total};

/// One page of permissions, Portero's own left out.
pub async fn list(conn: &mut PgConnection, page: &Page) -> Result<Vec<Permission>> {
    Total::rows(conn, page, |page| {
        sqlx::query_as!(
            Permission,
            r#"
            select id as "id: PermissionId", name, description
            from auth.permission
            where id > greatest($1, 0)
              and ($2::text is null or auth.fold(name) ^@ $2)
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

/// 404 where there is none.
pub async fn get(conn: &mut PgConnection, id: PermissionId) -> Result<Permission> {
    sqlx::query_as!(
        Permission,
        r#"select id as "id: PermissionId", name, description from auth.permission where id = $1"#,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or_else(PermissionId::not_found)
}

/// Likewise, kept from any change by others until this transaction ends.
pub async fn lock(conn: &mut PgConnection, id: PermissionId) -> Result<Permission> {
    sqlx::query_as!(
        Permission,
        r#"select id as "id: PermissionId", name, description from auth.permission where id = $1 for no key update"#,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or_else(PermissionId::not_found)
}

/// The id of the permission that a caller named; of two with one name, the users' before Portero's own.
pub async fn resolve(conn: &mut PgConnection, permission: &Ref<PermissionId>) -> Result<PermissionId> {
    find(conn, permission).await?.ok_or_else(|| permission.absent())
}

/// Likewise, if there is one.
pub async fn find(conn: &mut PgConnection, permission: &Ref<PermissionId>) -> Result<Option<PermissionId>> {
    let (id, name) = permission.key();
    let found = sqlx::query_scalar!(
        r#"select id as "id: PermissionId" from auth.permission where id = $1 or name = $2 order by id desc limit 1"#,
        id.map(|id| id.0),
        name,
    );
    Ok(found.fetch_optional(conn).await?)
}

/// Likewise, kept from being renamed or deleted until this transaction ends: what is given is what was named.
pub async fn hold(conn: &mut PgConnection, permission: &Ref<PermissionId>) -> Result<Option<PermissionId>> {
    let (id, name) = permission.key();
    let found = sqlx::query_scalar!(
        r#"
        select id as "id: PermissionId"
        from auth.permission
        where id = $1 or name = $2
        order by id desc
        limit 1
        for share
        "#,
        id.map(|id| id.0),
        name,
    );
    Ok(found.fetch_optional(conn).await?)
}

/// The id of the permission that a caller named where a slip would open something, or leave it open.
///
/// # Errors
/// 409 `ambiguous_name` for a name that one of the users' permissions and one of Portero's own have.
pub async fn resolve_one(conn: &mut PgConnection, permission: &Ref<PermissionId>) -> Result<PermissionId> {
    find_one(conn, permission).await?.ok_or_else(|| permission.absent())
}

/// Likewise, if there is one.
///
/// # Errors
/// As [`resolve_one`].
pub async fn find_one(conn: &mut PgConnection, permission: &Ref<PermissionId>) -> Result<Option<PermissionId>> {
    let Ref::Name(name) = permission else { return find(conn, permission).await };
    let named = sqlx::query_scalar!("select id from auth.permission where name = $1 order by id desc", name);
    match named.fetch_all(conn).await?.as_slice() {
        [] => Ok(None),
        [id] => Ok(Some(PermissionId(*id))),
        several => Err(PermissionId::ambiguous(name, several)),
    }
}

/// Makes a permission, or answers the one that stands. 409 when that one has another description than is asked for.
pub async fn ensure(conn: &mut PgConnection, new: &NewPermission) -> Result<Made<Permission>> {
    let description = new.description.as_ref().map(Description::as_str);
    // The second statement misses only a row that is deleted between the two: then the first one's turn has come.
    loop {
        let made = sqlx::query_as!(
            Permission,
            r#"
            insert into auth.permission (name, description)
            values ($1, $2)
            on conflict do nothing
            returning id as "id: PermissionId", name, description
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
            Permission,
            r#"select id as "id: PermissionId", name, description from auth.permission where name = $1 and id > 0"#,
            new.name.as_str(),
        )
        .fetch_optional(&mut *conn)
        .await?;
        if let Some(standing) = standing {
            return Made::standing(standing, |there| there.description.as_deref(), description, exists());
        }
        must_have_no_twin(&mut *conn, &new.name).await?;
    }
}

async fn must_have_no_twin(conn: &mut PgConnection, name: &PermissionName) -> Result<()> {
    let has_twin = sqlx::query_scalar!(
        r#"
        select exists (
            select from auth.permission
            where auth.fold(name) = $1 and name <> $2 and id > 0
        ) as "has_twin!"
        "#,
        names::fold(name.as_str()),
        name.as_str(),
    )
    .fetch_one(conn)
    .await?;
    if has_twin { Err(twin()) } else { Ok(()) }
}

/// 409: the name is taken but for its case.
fn twin() -> Error {
    names::twin("permission_exists", "permission")
}

/// Changes name or description. The unique index decides whether the name is free.
pub async fn update(conn: &mut PgConnection, id: PermissionId, change: &PermissionChange) -> Result<Permission> {
    sqlx::query_as!(
        Permission,
        r#"
        update auth.permission
        set name = coalesce($2, name),
            description = case when $4 then description else $3 end
        where id = $1
        returning id as "id: PermissionId", name, description
        "#,
        id.0,
        change.name.as_ref().map(PermissionName::as_str),
        change.description.value().map(Description::as_str),
        change.description.keeps(),
    )
    .fetch_optional(conn)
    .await
    .on_constraint("permission_name_key", exists())
    .on_constraint("permission_name_folded_key", twin())?
    .ok_or_else(PermissionId::not_found)
}

/// Deletes a permission, and takes it out of every role. A direct grant's role goes with its last permission.
pub async fn delete(conn: &mut PgConnection, id: PermissionId) -> Result<()> {
    // Locked first, judged afterwards: one of them may be getting another permission just now.
    let direct = sqlx::query_scalar!(
        r#"
        select r.id
        from auth.role r
        where r.direct_person_id is not null
          and exists (select from auth.role_permission rp where rp.role_id = r.id and rp.permission_id = $1)
        order by r.id
        for update
        "#,
        id.0,
    )
    .fetch_all(&mut *conn)
    .await?;
    sqlx::query!(
        r#"
        delete from auth.role r
        where r.id = any ($2)
          and not exists (select from auth.role_permission rp where rp.role_id = r.id and rp.permission_id <> $1)
        "#,
        id.0,
        &direct,
    )
    .execute(&mut *conn)
    .await?;
    let deleted = sqlx::query!("delete from auth.permission where id = $1", id.0).execute(conn).await?;
    if deleted.rows_affected() == 0 { Err(PermissionId::not_found()) } else { Ok(()) }
}

/// 409: the name is taken by a permission that differs.
fn exists() -> Error {
    Error::conflict("permission_exists", "another permission has that name; choose another, or use that one")
}
