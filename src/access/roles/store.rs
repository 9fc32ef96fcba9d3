//! The tables `auth.role` and `auth.role_permission`.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{NewRole, Role, RoleChange, RoleName};
use crate::access::permissions::Permission;
use crate::base::error::{Error, OnConstraint, Result};
use crate::base::id::{Id, PermissionId, Ref, RoleId, ServiceId};
use crate::base::made::Made;
use crate::base::names::{self, Description};
use crate::identity::mail::store::tokens::void_of_holders;
use crate::platform::http::{Page, Total};

/// One page of roles; Portero's own and those of direct grants are left out.
pub async fn list(conn: &mut PgConnection, page: &Page) -> Result<Vec<Role>> {
    Total::rows(conn, page, |page| {
        sqlx::query_as!(
            Role,
            r#"
            select id as "id: RoleId", name, description
            from auth.role
            where id > greatest($1, 0)
              and direct_person_id is null
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
pub async fn get(conn: &mut PgConnection, id: RoleId) -> Result<Role> {
    sqlx::query_as!(Role, r#"select id as "id: RoleId", name, description from auth.role where id = $1"#, id.0)
        .fetch_optional(conn)
        .await?
        .ok_or_else(RoleId::not_found)
}

/// The id of the role that a caller named; of two with one name, the users' before Portero's own.
pub async fn resolve(conn: &mut PgConnection, role: &Ref<RoleId>) -> Result<RoleId> {
    find(conn, role).await?.ok_or_else(|| role.absent())
}

/// Likewise, if there is one.
pub async fn find(conn: &mut PgConnection, role: &Ref<RoleId>) -> Result<Option<RoleId>> {
    let (id, name) = role.key();
    // Names have two indexes, one for users' roles and one for Portero's own.
    let found = sqlx::query_scalar!(
        r#"
        select id as "id: RoleId"
        from auth.role
        where id = $1 or (name = $2 and id > 0) or (name = $2 and id <= 0)
        order by id desc
        limit 1
        "#,
        id.map(|id| id.0),
        name,
    );
    Ok(found.fetch_optional(conn).await?)
}

/// The id of the role that a caller named where a slip would open something, or leave it open.
///
/// # Errors
/// 409 `ambiguous_name` for a name that one of the users' roles and one of Portero's own have.
pub async fn resolve_one(conn: &mut PgConnection, role: &Ref<RoleId>) -> Result<RoleId> {
    find_one(conn, role).await?.ok_or_else(|| role.absent())
}

/// Likewise, if there is one.
///
/// # Errors
/// As [`resolve_one`].
pub async fn find_one(conn: &mut PgConnection, role: &Ref<RoleId>) -> Result<Option<RoleId>> {
    let Ref::Name(name) = role else { return find(conn, role).await };
    let named = sqlx::query_scalar!("select id from auth.role where name = $1 order by id desc", name);
    one_of(&named.fetch_all(conn).await?, name)
}

/// Likewise among those that a service offers: of others nobody hears whether they are there.
pub async fn resolve_offered(conn: &mut PgConnection, service: ServiceId, role: &Ref<RoleId>) -> Result<RoleId> {
    let (id, name) = role.key();
    let offered = sqlx::query_scalar!(
        r#"
        select r.id
        from auth.service_roles sr
        join auth.role r on r.id = sr.role_id
        where sr.service_id = $1 and (r.id = $2 or r.name = $3)
        order by r.id desc
        "#,
        service.0,
        id.map(|id| id.0),
        name,
    );
    one_of(&offered.fetch_all(conn).await?, name.unwrap_or_default())?.ok_or_else(|| role.absent())
}

fn one_of(ids: &[i32], name: &str) -> Result<Option<RoleId>> {
    match ids {
        [] => Ok(None),
        [id] => Ok(Some(RoleId(*id))),
        several => Err(RoleId::ambiguous(name, several)),
    }
}

/// Refuses the role of direct grants in another service, as one that is not there.
pub async fn must_not_be_direct_elsewhere(
    conn: &mut PgConnection,
    service: ServiceId,
    id: RoleId,
    named: &Ref<RoleId>,
) -> Result<()> {
    let elsewhere = sqlx::query_scalar!(
        r#"select exists (select from auth.role where id = $1 and direct_service_id <> $2) as "elsewhere!""#,
        id.0,
        service.0,
    );
    if elsewhere.fetch_one(conn).await? { Err(named.absent()) } else { Ok(()) }
}

/// The role of a direct grant: it belongs to one person in one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectRole;

impl From<DirectRole> for Error {
    /// 409 `direct_role`.
    fn from(_: DirectRole) -> Self {
        let detail = "this role carries direct grants; change them at /person-service-permissions";
        Self::conflict("direct_role", detail)
    }
}

/// Keeps a role from being deleted, and from carrying more, until this transaction ends; not that of a direct grant.
pub async fn hold(conn: &mut PgConnection, id: RoleId) -> Result<Result<(), DirectRole>> {
    // Portero's own never change; and the row of Administrator is where those queue who make or unmake one.
    if id.is_built_in() {
        return Ok(Ok(()));
    }
    let direct = sqlx::query_scalar!(
        r#"select direct_person_id is not null as "direct!" from auth.role where id = $1 for share"#,
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    unless_direct(direct)
}

/// Keeps a role from being granted or changed by anybody else until this transaction ends; not that of a direct grant.
pub async fn lock(conn: &mut PgConnection, id: RoleId) -> Result<Result<(), DirectRole>> {
    let direct = sqlx::query_scalar!(
        r#"select direct_person_id is not null as "direct!" from auth.role where id = $1 for no key update"#,
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    unless_direct(direct)
}

fn unless_direct(direct: Option<bool>) -> Result<Result<(), DirectRole>> {
    match direct {
        None => Err(RoleId::not_found()),
        Some(false) => Ok(Ok(())),
        Some(true) => Ok(Err(DirectRole)),
    }
}

/// Makes a role, or answers the one that stands. 409 when that one has another description than is asked for.
pub async fn ensure(conn: &mut PgConnection, new: &NewRole) -> Result<Made<Role>> {
    let description = new.description.as_ref().map(Description::as_str);
    // The second statement misses only a row that is deleted between the two: then the first one's turn has come.
    loop {
        let made = sqlx::query_as!(
            Role,
            r#"
            insert into auth.role (name, description)
            values ($1, $2)
            on conflict do nothing
            returning id as "id: RoleId", name, description
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
            Role,
            r#"select id as "id: RoleId", name, description from auth.role where name = $1 and id > 0"#,
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

async fn must_have_no_twin(conn: &mut PgConnection, name: &RoleName) -> Result<()> {
    let has_twin = sqlx::query_scalar!(
        r#"
        select exists (
            select from auth.role
            where auth.fold(name) = $1 and name <> $2 and id > 0 and direct_person_id is null
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
    names::twin("role_exists", "role")
}

/// Changes name or description. The unique index decides whether the name is free.
pub async fn update(conn: &mut PgConnection, id: RoleId, change: &RoleChange) -> Result<Role> {
    sqlx::query_as!(
        Role,
        r#"
        update auth.role
        set name = coalesce($2, name),
            description = case when $4 then description else $3 end
        where id = $1
        returning id as "id: RoleId", name, description
        "#,
        id.0,
        change.name.as_ref().map(RoleName::as_str),
        change.description.value().map(Description::as_str),
        change.description.keeps(),
    )
    .fetch_optional(conn)
    .await
    .on_constraint("role_name_key", exists())
    .on_constraint("role_name_folded_key", twin())?
    .ok_or_else(RoleId::not_found)
}

/// 409: the name is taken by a role that differs.
fn exists() -> Error {
    Error::conflict("role_exists", "another role has that name; choose another, or use that one")
}

/// Deletes a role, and takes it from everybody.
pub async fn delete(conn: &mut PgConnection, id: RoleId) -> Result<()> {
    let deleted = sqlx::query!("delete from auth.role where id = $1", id.0).execute(conn).await?;
    if deleted.rows_affected() == 0 { Err(RoleId::not_found()) } else { Ok(()) }
}

/// Gives a role a permission; twice is safe. Answers whether it had not carried it.
pub async fn add_permission(conn: &mut PgConnection, role: RoleId, permission: PermissionId) -> Result<bool> {
    let added = sqlx::query!(
        "insert into auth.role_permission (role_id, permission_id) values ($1, $2) on conflict do nothing",
        role.0,
        permission.0,
    )
    .execute(&mut *conn)
    .await
    .on_constraint("role_permission_role_fkey", RoleId::not_found())
    .on_constraint("role_permission_permission_fkey", PermissionId::not_found())?;
    let added = added.rows_affected() == 1;
    if added && permission.is_built_in() {
        void_of_holders(conn, role).await?;
    }
    Ok(added)
}

/// Takes a permission from a role; twice is safe. Answers whether it had carried it.
pub async fn remove_permission(conn: &mut PgConnection, role: RoleId, permission: PermissionId) -> Result<bool> {
    let removed = sqlx::query!(
        "delete from auth.role_permission where role_id = $1 and permission_id = $2",
        role.0,
        permission.0,
    )
    .execute(conn)
    .await?;
    Ok(removed.rows_affected() == 1)
}

/// One page of a role's permissions at `now`: those of a direct grant may end.
pub async fn permissions(
    conn: &mut PgConnection,
    role: RoleId,
    page: &Page,
    now: OffsetDateTime,
) -> Result<Vec<Permission>> {
    get(conn, role).await?;
    Total::rows(conn, page, |page| {
        sqlx::query_as!(
            Permission,
            r#"
            select p.id as "id: PermissionId", p.name, p.description
            from auth.carried_at($5) rp
            join auth.permission p on p.id = rp.permission_id
            where rp.role_id = $1
              and p.id > $2
              and ($3::text is null or auth.fold(p.name) ^@ $3)
            order by p.id
            limit $4
            "#,
            role.0,
            page.after(i32::MIN),
            page.prefix(),
            page.fetch(),
            now,
        )
    })
    .await
}
