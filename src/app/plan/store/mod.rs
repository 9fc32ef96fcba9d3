//! What stands in a server, row by row; what is kept from others meanwhile; and the marks.

mod lock;
mod mark;
mod people;

use sqlx::types::Json;
use sqlx::{Executor, PgConnection};
use time::OffsetDateTime;

use crate::access::policies::Columns;
use crate::base::error::Result;
use crate::base::id::{ClientId, PolicyId, ProviderId};

pub use lock::{begin_apply, lock_people, lock_vocabulary, people_of_clients, people_of_providers};
pub use mark::mark;
pub use people::{grants_of_people, memberships, somebody_in, somebody_with, usernames};

/// Has all that follows in this transaction seen at one moment.
pub async fn one_moment(conn: &mut PgConnection) -> Result<()> {
    conn.execute("set transaction isolation level repeatable read, read only").await?;
    Ok(())
}

/// A permission, also one of Portero's own.
#[derive(Debug)]
pub struct PermissionRow {
    pub id: i32,
    pub name: String,
    pub description: Option<String>,
    pub managed: bool,
}

pub async fn permissions(conn: &mut PgConnection) -> Result<Vec<PermissionRow>> {
    let rows = sqlx::query_as!(PermissionRow, "select id, name, description, managed from auth.permission order by id");
    Ok(rows.fetch_all(conn).await?)
}

/// A role, also one of Portero's own; none of a direct grant.
#[derive(Debug)]
pub struct RoleRow {
    pub id: i32,
    pub name: String,
    pub description: Option<String>,
    pub managed: bool,
    /// What it carries.
    pub permissions: Vec<i32>,
}

pub async fn roles(conn: &mut PgConnection) -> Result<Vec<RoleRow>> {
    let rows = sqlx::query_as!(
        RoleRow,
        r#"
        select r.id, r.name, r.description, r.managed,
               array(select rp.permission_id from auth.role_permission rp where rp.role_id = r.id) as "permissions!"
        from auth.role r
        where r.direct_person_id is null
        order by r.id
        "#,
    );
    Ok(rows.fetch_all(conn).await?)
}

/// A service, also Portero itself.
#[derive(Debug)]
pub struct ServiceRow {
    pub id: i32,
    pub name: String,
    pub description: Option<String>,
    pub claims: Vec<String>,
    pub managed: bool,
    pub policies_decide: Option<bool>,
    pub permissions_decide: bool,
}

pub async fn services(conn: &mut PgConnection) -> Result<Vec<ServiceRow>> {
    let rows = sqlx::query_as!(
        ServiceRow,
        r#"
        select s.id, s.name, s.description, s.claims, s.managed,
               settings.policies_decide as "policies_decide?",
               coalesce(settings.permissions_decide, true) as "permissions_decide!"
        from auth.services s
        left join auth.policy_settings settings on settings.service_id = s.id
        where s.removed_at is null
        order by s.id
        "#,
    );
    Ok(rows.fetch_all(conn).await?)
}

/// A role that a service offers; Portero's own offers are left out.
#[derive(Debug)]
pub struct OfferRow {
    pub service_id: i32,
    pub role_id: i32,
    pub managed: bool,
}

pub async fn offers(conn: &mut PgConnection) -> Result<Vec<OfferRow>> {
    let rows = sqlx::query_as!(
        OfferRow,
        r#"
        select offered.service_id, offered.role_id, offered.managed
        from auth.service_roles offered
        join auth.role r on r.id = offered.role_id and r.direct_person_id is null
        where offered.service_id > 0
        "#,
    );
    Ok(rows.fetch_all(conn).await?)
}

/// A declared resource type.
#[derive(Debug)]
pub struct TypeRow {
    pub id: i32,
    pub service_id: i32,
    pub name: String,
    pub columns: Json<Columns>,
    pub managed: bool,
}

pub async fn resource_types(conn: &mut PgConnection) -> Result<Vec<TypeRow>> {
    let rows = sqlx::query_as!(
        TypeRow,
        r#"select id, service_id, name, columns as "columns: Json<Columns>", managed from auth.resource_types"#,
    );
    Ok(rows.fetch_all(conn).await?)
}

/// A policy.
#[derive(Debug)]
pub struct PolicyRow {
    pub id: PolicyId,
    pub service_id: i32,
    pub table_name: String,
    pub action: String,
    pub effect: String,
    pub expression: String,
    pub description: Option<String>,
    pub managed: bool,
}

pub async fn policies(conn: &mut PgConnection) -> Result<Vec<PolicyRow>> {
    let rows = sqlx::query_as!(
        PolicyRow,
        r#"
        select id as "id: PolicyId", service_id, table_name, action, effect, expression, description, managed
        from auth.policies
        "#,
    );
    Ok(rows.fetch_all(conn).await?)
}

/// The clients that a file manages.
pub async fn managed_clients(conn: &mut PgConnection) -> Result<Vec<ClientId>> {
    let ids =
        sqlx::query_scalar!(r#"select id as "id: ClientId" from auth.clients where managed and removed_at is null"#,);
    Ok(ids.fetch_all(conn).await?)
}

/// The providers that a file manages.
pub async fn managed_providers(conn: &mut PgConnection) -> Result<Vec<ProviderId>> {
    let ids = sqlx::query_scalar!(r#"select id as "id: ProviderId" from auth.providers where managed"#);
    Ok(ids.fetch_all(conn).await?)
}

/// The names of the providers that have a secret.
pub async fn providers_with_secret(conn: &mut PgConnection) -> Result<Vec<String>> {
    let names = sqlx::query_scalar!("select name from auth.providers where secret_sealed is not null");
    Ok(names.fetch_all(conn).await?)
}

/// A group.
#[derive(Debug)]
pub struct GroupRow {
    pub id: i32,
    pub name: String,
    pub description: Option<String>,
    pub managed: bool,
}

pub async fn groups(conn: &mut PgConnection) -> Result<Vec<GroupRow>> {
    let rows = sqlx::query_as!(GroupRow, "select id, name, description, managed from auth.groups");
    Ok(rows.fetch_all(conn).await?)
}

/// A group in another.
#[derive(Debug)]
pub struct NestingRow {
    pub group_id: i32,
    pub member_id: i32,
    pub expires_at: Option<OffsetDateTime>,
    pub reason: Option<String>,
    pub managed: bool,
}

/// Those that last at `now`.
pub async fn nestings(conn: &mut PgConnection, now: OffsetDateTime) -> Result<Vec<NestingRow>> {
    let rows = sqlx::query_as!(
        NestingRow,
        r#"
        select group_id, member_id, expires_at, reason, managed
        from auth.group_nestings
        where auth.lasts(expires_at, $1)
        "#,
        now,
    );
    Ok(rows.fetch_all(conn).await?)
}

/// A role that a group holds in a service.
#[derive(Debug)]
pub struct GroupGrantRow {
    pub group_id: i32,
    pub service_id: i32,
    pub role_id: i32,
    pub expires_at: Option<OffsetDateTime>,
    pub reason: Option<String>,
    pub managed: bool,
}

/// Those that last at `now`.
pub async fn group_grants(conn: &mut PgConnection, now: OffsetDateTime) -> Result<Vec<GroupGrantRow>> {
    let rows = sqlx::query_as!(
        GroupGrantRow,
        r#"
        select group_id, service_id, role_id, expires_at, reason, managed
        from auth.group_service_role
        where auth.lasts(expires_at, $1)
        "#,
        now,
    );
    Ok(rows.fetch_all(conn).await?)
}
