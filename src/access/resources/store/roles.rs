//! The table `auth.resource_roles`.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::access::grants::store::offer;
use crate::access::grants::{GrantTerms, Granted, RequestedTerms, Reviewer};
use crate::access::resources::{Held, Holder, ResourceName, ResourceRole, not_found};
use crate::access::roles::Role;
use crate::base::error::{OnConstraint, Result};
use crate::base::id::{GroupId, Id, PersonId, RoleId, ServiceId};
use crate::base::person::{Person, person_not_found};
use crate::gate::store::groups::Group;
use crate::platform::http::{Page, Total};

/// Which roles on resources are listed.
#[derive(Clone, Debug, Default)]
pub struct RoleFilter {
    /// On this resource itself.
    pub resource: Option<ResourceName>,
    pub holder: Option<Holder>,
}

/// The terms on which a role is held on a resource itself at `now`.
pub async fn current_terms(conn: &mut PgConnection, held: &Held, now: OffsetDateTime) -> Result<Option<GrantTerms>> {
    let (person, group) = held.holder.columns();
    let current = sqlx::query_as!(
        GrantTerms,
        r#"
        select rr.expires_at, rr.reason
        from auth.resource_roles rr
        join auth.resources r on r.id = rr.resource_id
        where r.service_id = $1 and r.type = $2 and r.key = $3
          and rr.role_id = $4
          and (rr.person_id = $5 or rr.group_id = $6)
          and auth.lasts(rr.expires_at, $7)
        "#,
        held.service.0,
        held.resource.kind,
        held.resource.id,
        held.role.0,
        person,
        group,
        now,
    );
    Ok(current.fetch_optional(conn).await?)
}

/// Gives a role on a resource, which its service offers from then on, or changes the terms on which it is held; twice is safe. Who
/// holds it is locked.
///
/// # Errors
/// 404 for what is not there.
pub async fn grant(conn: &mut PgConnection, held: &Held, terms: &RequestedTerms) -> Result<Granted> {
    offer(conn, held.service, held.role).await?;
    let resource = sqlx::query_scalar!(
        "select id from auth.resources where service_id = $1 and type = $2 and key = $3 for key share",
        held.service.0,
        held.resource.kind,
        held.resource.id,
    );
    let resource = resource.fetch_optional(&mut *conn).await?.ok_or_else(not_found)?;
    let (person, group) = held.holder.columns();
    let standing = sqlx::query!(
        r#"
        select id, expires_at, reason
        from auth.resource_roles
        where resource_id = $1 and role_id = $2 and (person_id = $3 or group_id = $4)
        for no key update
        "#,
        resource,
        held.role.0,
        person,
        group,
    );
    let standing = standing.fetch_optional(&mut *conn).await?;
    let standing = standing.map(|row| (row.id, GrantTerms { expires_at: row.expires_at, reason: row.reason }));
    match standing {
        Some((id, before)) if !before.is_over(terms.now) => change(conn, id, before, terms).await,
        over => {
            if let Some((id, _)) = &over {
                sqlx::query!("delete from auth.resource_roles where id = $1", id).execute(&mut *conn).await?;
            }
            insert(conn, resource, held, terms).await?;
            Ok(Granted::Added { over: over.map(|(_, over)| over), now: terms.anew() })
        }
    }
}

async fn insert(conn: &mut PgConnection, resource: i32, held: &Held, terms: &RequestedTerms) -> Result<()> {
    let (person, group) = held.holder.columns();
    let GrantTerms { expires_at, reason } = terms.anew();
    sqlx::query!(
        r#"
        insert into auth.resource_roles (
            service_id, resource_id, role_id, person_id, group_id, created_at, expires_at, reason, granted_by
        )
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        "#,
        held.service.0,
        resource,
        held.role.0,
        person,
        group,
        terms.now,
        expires_at,
        reason,
        terms.by.map(|by| by.0),
    )
    .execute(conn)
    .await
    .on_constraint("resource_roles_offer_fkey", RoleId::not_found())
    .on_constraint("resource_roles_person_fkey", person_not_found())
    .on_constraint("resource_roles_group_fkey", GroupId::not_found())?;
    Ok(())
}

async fn change(conn: &mut PgConnection, id: i32, before: GrantTerms, terms: &RequestedTerms) -> Result<Granted> {
    let after = terms.over(&before);
    if after == before {
        return Ok(Granted::Unchanged);
    }
    sqlx::query!(
        "update auth.resource_roles set expires_at = $2, reason = $3 where id = $1",
        id,
        after.expires_at,
        after.reason,
    )
    .execute(conn)
    .await?;
    Ok(Granted::Changed { before, after })
}

/// Takes a role on a resource away; twice is safe. Answers on which terms it had been held at `now`.
pub async fn revoke(conn: &mut PgConnection, held: &Held, now: OffsetDateTime) -> Result<Option<GrantTerms>> {
    let (person, group) = held.holder.columns();
    let revoked = sqlx::query_as!(
        GrantTerms,
        r#"
        delete from auth.resource_roles rr
        using auth.resources r
        where r.id = rr.resource_id
          and r.service_id = $1 and r.type = $2 and r.key = $3
          and rr.role_id = $4
          and (rr.person_id = $5 or rr.group_id = $6)
          and auth.lasts(rr.expires_at, $7)
        returning rr.expires_at, rr.reason
        "#,
        held.service.0,
        held.resource.kind,
        held.resource.id,
        held.role.0,
        person,
        group,
        now,
    );
    Ok(revoked.fetch_optional(conn).await?)
}

/// One page of the roles on a service's resources at `now`, those that were given first at its beginning.
pub async fn list(
    conn: &mut PgConnection,
    service: ServiceId,
    filter: &RoleFilter,
    page: &Page,
    now: OffsetDateTime,
) -> Result<Vec<ResourceRole>> {
    let (person, group) = filter.holder.map(Holder::columns).unwrap_or_default();
    let rows = Total::rows(conn, page, |page| {
        sqlx::query!(
            r#"
            select rr.id, r.type as kind, r.key, rr.created_at, rr.expires_at, rr.reason, rr.confirmed_at,
                   p.id as "person_id?: PersonId", p.username as "username?", p.name as "name?",
                   g.id as "group_id?: GroupId", g.name as "group?", g.description as group_description,
                   rr.role_id as "role_id: RoleId", role.name as role, role.description as role_description,
                   giver.id as "giver_id?: PersonId", giver.username as "giver?",
                   confirmer.id as "confirmer_id?: PersonId", confirmer.username as "confirmer?"
            from auth.resource_roles rr
            join auth.resources r on r.id = rr.resource_id
            join auth.role role on role.id = rr.role_id
            left join auth.person p on p.id = rr.person_id
            left join auth.groups g on g.id = rr.group_id
            left join auth.person giver on giver.id = rr.granted_by
            left join auth.person confirmer on confirmer.id = rr.confirmed_by
            where rr.service_id = $1
              and rr.id > $2
              and ($3::text is null or auth.fold(role.name) ^@ $3)
              and auth.lasts(rr.expires_at, $5)
              and ($6::text is null or (r.type = $6 and r.key = $7))
              and ($8::integer is null or rr.person_id = $8)
              and ($9::integer is null or rr.group_id = $9)
            order by rr.id
            limit $4
            "#,
            service.0,
            page.after(0),
            page.prefix(),
            page.fetch(),
            now,
            filter.resource.as_ref().map(|name| name.kind.as_str()),
            filter.resource.as_ref().map(|name| name.id.as_str()),
            person,
            group,
        )
    })
    .await?;
    let reviewer = |id: Option<PersonId>, username: Option<String>| Some(Reviewer { id: id?, username: username? });
    let rows = rows.into_iter().map(|row| ResourceRole {
        place: row.id,
        resource: ResourceName { kind: row.kind, id: row.key },
        person: row.person_id.zip(row.username).zip(row.name).map(|((id, username), name)| Person {
            id,
            username,
            name,
        }),
        group: row.group_id.zip(row.group).map(|(id, name)| Group { id, name, description: row.group_description }),
        role: Role { id: row.role_id, name: row.role, description: row.role_description },
        since: row.created_at,
        granted_by: reviewer(row.giver_id, row.giver),
        reason: row.reason,
        expires_at: row.expires_at,
        confirmed_at: row.confirmed_at,
        confirmed_by: reviewer(row.confirmer_id, row.confirmer),
    });
    Ok(rows.collect())
}
