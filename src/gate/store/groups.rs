//! Groups, looked up and locked, and what whoever is in one holds by it.

use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::Through;
use crate::base::error::{Error, Result};
use crate::base::id::{GroupId, Id, PersonId, Ref, RoleId, ServiceId};
use crate::base::names;

/// A group of people and other groups.
#[derive(Debug, Serialize, ToSchema)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// Its name, unique.
    #[schema(example = "Editors")]
    pub name: String,
    /// Who it is for.
    #[schema(example = "Whoever edits the catalog")]
    pub description: Option<String>,
}

/// Who comes to hold more by a group, and what.
#[derive(Clone, Copy, Debug)]
pub struct Gain {
    /// Somebody who joins a group, or
    pub(crate) person: Option<PersonId>,
    /// everybody in a group that is put into another, or is given a role:
    pub(crate) people_of: Option<GroupId>,
    /// what this group holds, and those that it is in, or
    pub(crate) by_group: Option<GroupId>,
    /// this role in this service.
    pub(crate) role: Option<(ServiceId, RoleId)>,
}

impl Gain {
    /// A person joins a group.
    pub fn of_person(person: PersonId, group: GroupId) -> Self {
        Self { person: Some(person), people_of: None, by_group: Some(group), role: None }
    }

    /// A group is put into another.
    pub fn of_nested(member: GroupId, group: GroupId) -> Self {
        Self { person: None, people_of: Some(member), by_group: Some(group), role: None }
    }

    /// A group is given a role in a service.
    pub fn of_group(group: GroupId, service: ServiceId, role: RoleId) -> Self {
        Self { person: None, people_of: Some(group), by_group: None, role: Some((service, role)) }
    }

    /// The same as the five parameters of a statement: person, people of, by group, service, role.
    pub fn key(self) -> [Option<i32>; 5] {
        let (service, role) = self.role.unzip();
        [
            self.person.map(|person| person.0),
            self.people_of.map(|group| group.0),
            self.by_group.map(|group| group.0),
            service.map(|service| service.0),
            role.map(|role| role.0),
        ]
    }
}

/// The id of the group that a caller named.
pub async fn resolve(conn: &mut PgConnection, group: &Ref<GroupId>) -> Result<GroupId> {
    find(conn, group).await?.ok_or_else(|| group.absent())
}

/// Likewise, if there is one.
pub async fn find(conn: &mut PgConnection, group: &Ref<GroupId>) -> Result<Option<GroupId>> {
    let (id, name) = group.key();
    let found = sqlx::query_scalar!(
        r#"select id as "id: GroupId" from auth.groups where id = $1 or (auth.fold(name) = $2 and name = $3)"#,
        id.map(|id| id.0),
        name.map(names::fold),
        name,
    );
    Ok(found.fetch_optional(conn).await?)
}

/// Refuses (404 `group_not_found`) a group that is not there. Under [`hold`] or [`lock`] that stays so.
pub async fn must_be_here(conn: &mut PgConnection, id: GroupId) -> Result<()> {
    let here = sqlx::query_scalar!("select id from auth.groups where id = $1", id.0).fetch_optional(conn).await?;
    here.map(|_| ()).ok_or_else(GroupId::not_found)
}

/// Keeps groups, and which is in which, as they are until this transaction ends. After people, before roles.
pub async fn hold(conn: &mut PgConnection) -> Result<()> {
    sqlx::query!("select auth.hold_groups()::text").fetch_one(conn).await?;
    Ok(())
}

/// Keeps others from changing who is in which group until this transaction ends. After people, before roles.
pub async fn lock(conn: &mut PgConnection) -> Result<()> {
    sqlx::query!("select auth.lock_groups()::text").fetch_one(conn).await?;
    Ok(())
}

/// Refuses (403) unless `actor` holds each of Portero's own permissions that whoever is in `group` holds by it at `now`, where
/// they do or everywhere, and for as long: through the membership, or what it is for where that ends before.
pub async fn must_cover_group(
    conn: &mut PgConnection,
    actor: PersonId,
    group: GroupId,
    through: Through,
    now: OffsetDateTime,
) -> Result<()> {
    let beyond = sqlx::query_scalar!(
        r#"
        select p.name
        from auth.roles_of_group($2, $4) given
        join auth.role_permission wanted on wanted.role_id = given.role_id
        join auth.permission p on p.id = wanted.permission_id
        where wanted.permission_id <= 0
          and not exists (
              select
              from auth.held_where(
                  $1, wanted.permission_id, given.service_id, least($3, given.expires_at - interval '1 microsecond')
              )
          )
        order by p.id desc
        limit 1
        "#,
        actor.0,
        group.0,
        through.moment(),
        now,
    )
    .fetch_optional(conn)
    .await?;
    beyond.map_or(Ok(()), |name| {
        let lack = if matches!(through, Through::Now(_)) { "" } else { " for as long" };
        let detail = format!(
            "whoever is in this group holds `{name}`, which you don't hold there yourself{lack}: ask somebody who does"
        );
        Err(Error::forbidden("insufficient_permissions", detail))
    })
}
