//! The table `auth.consents`, and what has come of them.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::Application;
use crate::base::error::Result;
use crate::base::id::{ClientId, PersonId};
use crate::platform::http::{Page, Total};

/// What a person has agreed to of a client, if they have been asked.
pub async fn agreed(conn: &mut PgConnection, person: PersonId, client: ClientId) -> Result<Option<Vec<String>>> {
    let agreed = sqlx::query_scalar!(
        "select scopes from auth.consents where person_id = $1 and client_id = $2",
        person.0,
        client.0,
    );
    Ok(agreed.fetch_optional(conn).await?)
}

/// Whether a person lets a client act for them at `now`, so that it is no stranger to them.
pub async fn knows(
    conn: &mut PgConnection,
    (person, client): (PersonId, ClientId),
    now: OffsetDateTime,
) -> Result<bool> {
    let knows = sqlx::query_scalar!(
        r#"
        select exists (select from auth.consents where person_id = $1 and client_id = $2)
            or exists (
                select
                from auth.authorizations
                where person_id = $1 and client_id = $2 and expires_at > $3
                  and (code is null or code_redeemed_at is not null or code_expires_at > $3)
            ) as "knows!"
        "#,
        person.0,
        client.0,
        now,
    );
    Ok(knows.fetch_one(conn).await?)
}

/// Remembers that a person agrees to this, too; answers whether it was new.
pub async fn remember(
    conn: &mut PgConnection,
    (person, client): (PersonId, ClientId),
    scopes: &[String],
    now: OffsetDateTime,
) -> Result<bool> {
    let remembered = sqlx::query!(
        r#"
        insert into auth.consents as known (person_id, client_id, scopes, created_at, updated_at)
        values ($1, $2, $3, $4, $4)
        on conflict (person_id, client_id) do update
        set scopes = array(
                select scope collate "C" from unnest(known.scopes || excluded.scopes) scope group by 1 order by 1
            ),
            updated_at = excluded.updated_at
        where not known.scopes @> excluded.scopes
        "#,
        person.0,
        client.0,
        scopes,
        now,
    )
    .execute(conn)
    .await?;
    Ok(remembered.rows_affected() > 0)
}

/// The applications that may act for a person at `now`, by id.
pub async fn list(
    conn: &mut PgConnection,
    person: PersonId,
    page: &Page,
    now: OffsetDateTime,
) -> Result<Vec<Application>> {
    Total::rows(conn, page, |page| {
        sqlx::query_as!(
            Application,
            r#"
            with granted as (
                select client_id, scopes, created_at,
                       case when code_redeemed_at is not null or code is null then refreshed_at end as used_at
                from auth.authorizations
                where person_id = $1 and expires_at > $2
                  and (code is null or code_redeemed_at is not null or code_expires_at > $2)
            ), allowed as (
                select client_id, scopes, created_at, used_at from granted
                union all
                select client_id, scopes, created_at, null from auth.consents where person_id = $1
            ), known as (
                -- Who has described itself is known by its host.
                select id, client_id,
                       case when document_expires_at is null then name
                            else substring(client_id from '^https://([^/]+)/') end as name
                from auth.clients
                where removed_at is null
            )
            select c.id as "id!: ClientId", c.client_id as "client_id!", c.name as "name!",
                   array(
                       select distinct scope collate "C" from allowed a, unnest(a.scopes) scope
                       where a.client_id = c.id order by 1
                   ) as "scopes!",
                   min(allowed.created_at) as "since!", max(allowed.used_at) as last_used_at
            from allowed
            join known c on c.id = allowed.client_id
            where c.id > $3 and ($5::text is null or auth.fold(c.name) ^@ $5)
            group by c.id, c.client_id, c.name
            order by c.id
            limit $4
            "#,
            person.0,
            now,
            page.after(i32::MIN),
            page.fetch(),
            page.prefix(),
        )
    })
    .await
}

/// Takes back all that a person lets a client do, which ends its tokens: how many authorizations that were; `None` where
/// there was nothing to take back.
pub async fn revoke(conn: &mut PgConnection, person: PersonId, client_id: &str) -> Result<Option<u64>> {
    let forgotten = sqlx::query!(
        r#"
        delete from auth.consents
        where person_id = $1
          and client_id = (select id from auth.clients where client_id = $2 and removed_at is null)
        "#,
        person.0,
        client_id,
    )
    .execute(&mut *conn)
    .await?;
    // Only now: what relied on the consent meanwhile has begun by then, and the statement before would not see it.
    let ended = sqlx::query!(
        r#"
        delete from auth.authorizations
        where person_id = $1
          and client_id = (select id from auth.clients where client_id = $2 and removed_at is null)
        "#,
        person.0,
        client_id,
    )
    .execute(conn)
    .await?;
    let (forgotten, ended) = (forgotten.rows_affected(), ended.rows_affected());
    Ok((forgotten + ended > 0).then_some(ended))
}
