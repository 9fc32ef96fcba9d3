//! The table `auth.provider_members`: into which groups a provider has put people.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::{GroupId, PersonId, ProviderId};

/// The groups that these values of the claim lead to.
pub async fn mapped(conn: &mut PgConnection, provider: ProviderId, values: &[String]) -> Result<Vec<GroupId>> {
    let groups = sqlx::query_scalar!(
        r#"
        select distinct group_id as "group: GroupId"
        from auth.provider_groups
        where provider_id = $1 and value = any ($2)
        order by group_id
        "#,
        provider.0,
        values,
    );
    Ok(groups.fetch_all(conn).await?)
}

/// Puts somebody into groups, but into none in which they are; answers into which it did.
pub async fn join(
    conn: &mut PgConnection,
    (provider, person): (ProviderId, PersonId),
    groups: &[GroupId],
    now: OffsetDateTime,
) -> Result<Vec<GroupId>> {
    let groups: Vec<i32> = groups.iter().map(|group| group.0).collect();
    let joined = sqlx::query_scalar!(
        r#"
        insert into auth.group_members as member (group_id, person_id, created_at)
        select group_id, $2, $3
        from unnest($1::integer[]) as wanted (group_id)
        order by group_id
        -- What is over and was not swept up yet makes room.
        on conflict on constraint group_members_pkey do update
        set created_at = excluded.created_at, expires_at = null, reason = null, added_by = null
        where member.expires_at <= $3
        returning group_id as "group: GroupId"
        "#,
        &groups,
        person.0,
        now,
    )
    .fetch_all(&mut *conn)
    .await?;
    let ids: Vec<i32> = joined.iter().map(|group| group.0).collect();
    sqlx::query!(
        r#"
        insert into auth.provider_members (group_id, person_id, provider_id)
        select group_id, $2, $3
        from unnest($1::integer[]) as joined (group_id)
        on conflict on constraint provider_members_pkey do update set provider_id = excluded.provider_id
        "#,
        &ids,
        person.0,
        provider.0,
    )
    .execute(conn)
    .await?;
    Ok(joined)
}

/// Takes somebody out of all groups into which this provider has put them, but for these; answers out of which it did.
pub async fn leave(
    conn: &mut PgConnection,
    (provider, person): (ProviderId, PersonId),
    but: &[GroupId],
) -> Result<Vec<GroupId>> {
    let but: Vec<i32> = but.iter().map(|group| group.0).collect();
    let left = sqlx::query_scalar!(
        r#"
        delete from auth.group_members member
        using auth.provider_members put
        where put.provider_id = $1 and put.person_id = $2 and put.group_id <> all ($3)
          and member.group_id = put.group_id and member.person_id = put.person_id
        returning member.group_id as "group: GroupId"
        "#,
        provider.0,
        person.0,
        &but,
    );
    Ok(left.fetch_all(conn).await?)
}
