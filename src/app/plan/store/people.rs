use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::PersonId;

/// A person in a group.
#[derive(Debug)]
pub struct MembershipRow {
    pub person_id: i32,
    pub username: String,
    pub group_id: i32,
    pub expires_at: Option<OffsetDateTime>,
    pub reason: Option<String>,
    pub managed: bool,
}

/// Those that last at `now`, of whoever was not removed.
pub async fn memberships(conn: &mut PgConnection, now: OffsetDateTime) -> Result<Vec<MembershipRow>> {
    let rows = sqlx::query_as!(
        MembershipRow,
        r#"
        select m.person_id, p.username, m.group_id, m.expires_at, m.reason, m.managed
        from auth.group_members m
        join auth.person p on p.id = m.person_id
        where p.removed_at is null and auth.lasts(m.expires_at, $1)
        "#,
        now,
    );
    Ok(rows.fetch_all(conn).await?)
}

/// A role that a person holds in a service.
#[derive(Debug)]
pub struct PersonGrantRow {
    pub person_id: i32,
    pub username: String,
    pub service_id: i32,
    pub role_id: i32,
    pub expires_at: Option<OffsetDateTime>,
    pub reason: Option<String>,
    pub managed: bool,
}

/// Those that last at `now`, of whoever was not removed.
pub async fn grants_of_people(conn: &mut PgConnection, now: OffsetDateTime) -> Result<Vec<PersonGrantRow>> {
    let rows = sqlx::query_as!(
        PersonGrantRow,
        r#"
        select held.person_id, p.username, held.service_id, held.role_id, held.expires_at, held.reason, held.managed
        from auth.person_service_role held
        join auth.person p on p.id = held.person_id
        where p.removed_at is null and auth.lasts(held.expires_at, $1)
        "#,
        now,
    );
    Ok(rows.fetch_all(conn).await?)
}

/// Those of these people who are there.
pub async fn usernames(conn: &mut PgConnection, named: &[String]) -> Result<Vec<(String, PersonId)>> {
    let rows = sqlx::query!(
        r#"select username, id as "id: PersonId" from auth.person where username = any ($1) and removed_at is null"#,
        named,
    );
    Ok(rows.fetch_all(conn).await?.into_iter().map(|row| (row.username, row.id)).collect())
}
