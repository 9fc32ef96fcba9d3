//! The table `auth.group_members`, and what follows from it and from how groups are nested: `auth.group_people`.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::access::grants::{GrantTerms, Granted, RequestedTerms, Reviewer};
use crate::access::groups::{GroupOfPerson, Member};
use crate::base::error::{Error, OnConstraint, Result};
use crate::base::id::{GroupId, Id, PersonId};
use crate::base::person::Person;
use crate::gate::store::groups::Group;
use crate::platform::http::{Page, Total};

/// The terms on which a person is in a group itself at `now`.
pub async fn current_terms(
    conn: &mut PgConnection,
    group: GroupId,
    person: PersonId,
    now: OffsetDateTime,
) -> Result<Option<GrantTerms>> {
    let current = sqlx::query_as!(
        GrantTerms,
        r#"
        select expires_at, reason
        from auth.group_members
        where group_id = $1 and person_id = $2 and auth.lasts(expires_at, $3)
        "#,
        group.0,
        person.0,
        now,
    )
    .fetch_optional(conn)
    .await?;
    Ok(current)
}

/// Puts a person, who is locked, into a group, or changes the terms on which they are in it; twice is safe.
pub async fn join(
    conn: &mut PgConnection,
    group: GroupId,
    person: PersonId,
    terms: &RequestedTerms,
) -> Result<Granted> {
    let found = sqlx::query_as!(
        GrantTerms,
        "select expires_at, reason from auth.group_members where group_id = $1 and person_id = $2",
        group.0,
        person.0,
    )
    .fetch_optional(&mut *conn)
    .await?;
    match found {
        Some(before) if !before.is_over(terms.now) => change(conn, group, person, before, terms).await,
        over => {
            add(conn, group, person, terms).await?;
            Ok(Granted::Added { over, now: terms.anew() })
        }
    }
}

/// What is over and was not swept up yet makes room for a new membership.
async fn add(conn: &mut PgConnection, group: GroupId, person: PersonId, terms: &RequestedTerms) -> Result<()> {
    sqlx::query!(
        r#"
        insert into auth.group_members (group_id, person_id, created_at, expires_at, reason, added_by)
        values ($1, $2, $3, $4, $5, $6)
        on conflict on constraint group_members_pkey do update
        set created_at = excluded.created_at, expires_at = excluded.expires_at, reason = excluded.reason,
            added_by = excluded.added_by
        "#,
        group.0,
        person.0,
        terms.now,
        terms.anew().expires_at,
        terms.anew().reason,
        terms.by.map(|by| by.0),
    )
    .execute(conn)
    .await
    .on_constraint("group_members_group_fkey", GroupId::not_found())
    .on_constraint("group_members_no_client", no_client())?;
    Ok(())
}

/// 409: what was to be put into a group is a client that acts for itself.
fn no_client() -> Error {
    let detail = "a client that acts for itself is in no group: grant it the roles themselves";
    Error::conflict("client_in_group", detail)
}

async fn change(
    conn: &mut PgConnection,
    group: GroupId,
    person: PersonId,
    before: GrantTerms,
    terms: &RequestedTerms,
) -> Result<Granted> {
    let after = terms.over(&before);
    if after == before {
        return Ok(Granted::Unchanged);
    }
    sqlx::query!(
        "update auth.group_members set expires_at = $3, reason = $4 where group_id = $1 and person_id = $2",
        group.0,
        person.0,
        after.expires_at,
        after.reason,
    )
    .execute(conn)
    .await?;
    Ok(Granted::Changed { before, after })
}

/// Takes a person out of a group; twice is safe. Answers on which terms they had been in it at `now`.
pub async fn leave(
    conn: &mut PgConnection,
    group: GroupId,
    person: PersonId,
    now: OffsetDateTime,
) -> Result<Option<GrantTerms>> {
    let left = sqlx::query_as!(
        GrantTerms,
        r#"
        delete from auth.group_members
        where group_id = $1 and person_id = $2 and auth.lasts(expires_at, $3)
        returning expires_at, reason
        "#,
        group.0,
        person.0,
        now,
    )
    .fetch_optional(conn)
    .await?;
    Ok(left)
}

/// One page of what is in a group itself at `now`: groups, then people.
pub async fn list(conn: &mut PgConnection, group: GroupId, page: &Page, now: OffsetDateTime) -> Result<Vec<Member>> {
    let rows = Total::rows(conn, page, |page| {
        sqlx::query!(
            r#"
            with seen as (
                (
                    -- Before the ids of people.
                    select (g.id - 2147483648)::int as place, g.id, g.name, null as full_name, g.description, n.created_at,
                           n.expires_at, n.reason, n.added_by
                    from auth.group_nestings n
                    join auth.groups g on g.id = n.member_id
                    where n.group_id = $1
                      and n.member_id > $2::int + 2147483648
                      and ($3::text is null or auth.fold(g.name) ^@ $3)
                      and auth.lasts(n.expires_at, $5)
                    order by n.member_id
                    limit $4
                )
                union all
                (
                    select p.id, p.id, p.username, p.name, null, m.created_at, m.expires_at, m.reason, m.added_by
                    from auth.group_members m
                    join auth.person p on p.id = m.person_id
                    where m.group_id = $1
                      and m.person_id > $2
                      and ($3::text is null or auth.fold(p.username) ^@ $3 or auth.fold(p.name) ^@ $3)
                      and auth.lasts(m.expires_at, $5)
                    order by m.person_id
                    limit $4
                )
            )
            select seen.place as "place!", seen.id as "id!", seen.name as "name!", seen.full_name, seen.description,
                   seen.created_at as "created_at!", seen.expires_at, seen.reason,
                   giver.id as "giver_id?: PersonId", giver.username as "giver?"
            from seen
            left join auth.person giver on giver.id = seen.added_by
            order by seen.place
            limit $4
            "#,
            group.0,
            page.after(i32::MIN),
            page.prefix(),
            page.fetch(),
            now,
        )
    })
    .await?;
    let rows = rows.into_iter().map(|row| {
        let (person, group) = match row.full_name {
            Some(name) => (Some(Person { id: PersonId(row.id), username: row.name, name }), None),
            None => (None, Some(Group { id: GroupId(row.id), name: row.name, description: row.description })),
        };
        Member {
            person,
            group,
            direct: true,
            since: Some(row.created_at),
            added_by: row.giver_id.zip(row.giver).map(|(id, username)| Reviewer { id, username }),
            reason: row.reason,
            expires_at: row.expires_at,
            place: row.place,
        }
    });
    Ok(rows.collect())
}

/// One page of the people who are in a group at `now`, by whatever way: each once.
pub async fn everybody(
    conn: &mut PgConnection,
    group: GroupId,
    page: &Page,
    now: OffsetDateTime,
) -> Result<Vec<Member>> {
    let rows = Total::rows(conn, page, |page| {
        sqlx::query!(
            r#"
            select p.id as "id: PersonId", p.username, p.name, inside.expires_at, m.created_at as "created_at?",
                   m.reason as "reason?", giver.id as "giver_id?: PersonId", giver.username as "giver?"
            from auth.group_people inside
            join auth.person p on p.id = inside.person_id
            left join auth.group_members m
                on m.group_id = inside.group_id and m.person_id = inside.person_id and auth.lasts(m.expires_at, $5)
            left join auth.person giver on giver.id = m.added_by
            where inside.group_id = $1
              and inside.person_id > $2
              and ($3::text is null or auth.fold(p.username) ^@ $3 or auth.fold(p.name) ^@ $3)
              and auth.lasts(inside.expires_at, $5)
            order by inside.person_id
            limit $4
            "#,
            group.0,
            page.after(0),
            page.prefix(),
            page.fetch(),
            now,
        )
    })
    .await?;
    let rows = rows.into_iter().map(|row| Member {
        place: row.id.0,
        person: Some(Person { id: row.id, username: row.username, name: row.name }),
        group: None,
        direct: row.created_at.is_some(),
        since: row.created_at,
        added_by: row.giver_id.zip(row.giver).map(|(id, username)| Reviewer { id, username }),
        reason: row.reason,
        expires_at: row.expires_at,
    });
    Ok(rows.collect())
}

/// One page of the groups that a person is in at `now`, by whatever way: each once.
pub async fn groups_of(
    conn: &mut PgConnection,
    person: PersonId,
    page: &Page,
    now: OffsetDateTime,
) -> Result<Vec<GroupOfPerson>> {
    Total::rows(conn, page, |page| {
        sqlx::query_as!(
            GroupOfPerson,
            r#"
            select g.id as "id: GroupId", g.name, g.description, inside.expires_at,
                   exists (
                       select from auth.group_members m
                       where m.group_id = g.id and m.person_id = inside.person_id and auth.lasts(m.expires_at, $5)
                   ) as "direct!"
            from auth.group_people inside
            join auth.groups g on g.id = inside.group_id
            where inside.person_id = $1
              and inside.group_id > $2
              and ($3::text is null or auth.fold(g.name) ^@ $3)
              and auth.lasts(inside.expires_at, $5)
            order by inside.group_id
            limit $4
            "#,
            person.0,
            page.after(0),
            page.prefix(),
            page.fetch(),
            now,
        )
    })
    .await
}

/// A membership that has come to its end.
#[derive(Debug)]
pub struct ExpiredMembership {
    pub group: GroupId,
    pub person: PersonId,
    pub terms: GrantTerms,
}

/// Deletes memberships that are over at `now`, up to `limit`. People whom somebody is changing just now are left for the next
/// time.
pub async fn sweep(conn: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<Vec<ExpiredMembership>> {
    let over = sqlx::query_scalar!(
        "select person_id from auth.group_members where expires_at <= $1 order by expires_at limit $2",
        now,
        limit,
    )
    .fetch_all(&mut *conn)
    .await?;
    if over.is_empty() {
        return Ok(Vec::new());
    }
    let free = sqlx::query_scalar!(
        "select id from auth.person where id = any ($1) order by id for no key update skip locked",
        &over,
    )
    .fetch_all(&mut *conn)
    .await?;
    // Somebody may have lengthened one before the person was locked.
    let swept = sqlx::query!(
        r#"
        delete from auth.group_members
        where person_id = any ($1) and expires_at <= $2
        returning group_id as "group: GroupId", person_id as "person: PersonId", expires_at, reason
        "#,
        &free,
        now,
    )
    .fetch_all(conn)
    .await?;
    let swept = swept.into_iter().map(|row| ExpiredMembership {
        group: row.group,
        person: row.person,
        terms: GrantTerms { expires_at: row.expires_at, reason: row.reason },
    });
    Ok(swept.collect())
}
