//! The table `auth.provider_links`: whose account at a provider is whose here.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::email::Email;
use crate::base::error::Result;
use crate::base::id::{PersonId, ProviderId, ProviderLinkId};
use crate::identity::providers::LinkedAccount;

/// Whose account this is here.
pub async fn find(
    conn: &mut PgConnection,
    provider: ProviderId,
    subject: &str,
) -> Result<Option<(ProviderLinkId, PersonId)>> {
    let row = sqlx::query!(
        r#"
        select id as "id: ProviderLinkId", person_id as "person: PersonId"
        from auth.provider_links
        where provider_id = $1 and subject = $2
        "#,
        provider.0,
        subject,
    );
    Ok(row.fetch_optional(conn).await?.map(|row| (row.id, row.person)))
}

/// Links an account; `None` where it is somebody's already.
pub async fn insert(
    conn: &mut PgConnection,
    (provider, subject, shown): (ProviderId, &str, Option<&str>),
    person: PersonId,
    now: OffsetDateTime,
) -> Result<Option<ProviderLinkId>> {
    let id = sqlx::query_scalar!(
        r#"
        insert into auth.provider_links (provider_id, subject, person_id, shown, created_at)
        values ($1, $2, $3, $4, $5)
        on conflict on constraint provider_links_subject_key do nothing
        returning id as "id: ProviderLinkId"
        "#,
        provider.0,
        subject,
        person.0,
        shown,
        now,
    );
    Ok(id.fetch_optional(conn).await?)
}

/// Notes that somebody has come by it, and what the provider calls them now.
pub async fn note_use(
    conn: &mut PgConnection,
    id: ProviderLinkId,
    shown: Option<&str>,
    now: OffsetDateTime,
) -> Result<()> {
    sqlx::query!(
        "update auth.provider_links set last_used_at = $2, shown = coalesce($3, shown) where id = $1",
        id.0,
        now,
        shown,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How many accounts somebody has linked.
pub async fn count(conn: &mut PgConnection, person: PersonId) -> Result<i64> {
    let count =
        sqlx::query_scalar!(r#"select count(*) as "count!" from auth.provider_links where person_id = $1"#, person.0,);
    Ok(count.fetch_one(conn).await?)
}

/// All accounts that somebody has linked, in the order in which they did.
pub async fn list(conn: &mut PgConnection, person: PersonId) -> Result<Vec<LinkedAccount>> {
    let links = sqlx::query_as!(
        LinkedAccount,
        r#"
        select l.id as "id: ProviderLinkId", p.name as provider, p.display_name, l.shown as account, l.created_at, l.last_used_at
        from auth.provider_links l
        join auth.providers p on p.id = l.provider_id
        where l.person_id = $1
        order by l.id
        "#,
        person.0,
    );
    Ok(links.fetch_all(conn).await?)
}

/// One that somebody has linked.
pub async fn get(conn: &mut PgConnection, person: PersonId, id: ProviderLinkId) -> Result<Option<LinkedAccount>> {
    let link = sqlx::query_as!(
        LinkedAccount,
        r#"
        select l.id as "id: ProviderLinkId", p.name as provider, p.display_name, l.shown as account, l.created_at, l.last_used_at
        from auth.provider_links l
        join auth.providers p on p.id = l.provider_id
        where l.person_id = $1 and l.id = $2
        "#,
        person.0,
        id.0,
    );
    Ok(link.fetch_optional(conn).await?)
}

/// Whether somebody gets in without this account: by a password, or by another one.
pub async fn has_another_way_in(conn: &mut PgConnection, person: PersonId, but: ProviderLinkId) -> Result<bool> {
    let has = sqlx::query_scalar!(
        r#"
        select exists (select from auth.person where id = $1 and password_hash is not null)
            or exists (select from auth.passkeys where person_id = $1)
            or exists (
                select
                from auth.provider_links l
                join auth.providers p on p.id = l.provider_id
                where l.person_id = $1 and l.id <> $2 and p.is_enabled
            ) as "has!"
        "#,
        person.0,
        but.0,
    );
    Ok(has.fetch_one(conn).await?)
}

/// Unlinks an account.
pub async fn delete(conn: &mut PgConnection, id: ProviderLinkId) -> Result<()> {
    sqlx::query!("delete from auth.provider_links where id = $1", id.0).execute(conn).await?;
    Ok(())
}

/// Who has proved here that this address is theirs, and may log in.
pub async fn person_at(conn: &mut PgConnection, email: &Email) -> Result<Option<PersonId>> {
    let person = sqlx::query_scalar!(
        r#"
        select id as "id: PersonId"
        from auth.person
        where auth.fold_address(email) = $1 and email is not null and removed_at is null
          and email_verified_at is not null and email_given_by is null and disabled_at is null and client_id is null
        limit 1
        "#,
        email.key(),
    );
    Ok(person.fetch_optional(conn).await?)
}

/// Whether nobody has this address.
pub async fn is_free(conn: &mut PgConnection, email: &Email) -> Result<bool> {
    let is_free = sqlx::query_scalar!(
        r#"
        select not exists (
            select from auth.person where auth.fold_address(email) = $1 and email is not null and removed_at is null
        ) as "is_free!"
        "#,
        email.key(),
    );
    Ok(is_free.fetch_one(conn).await?)
}

/// What is asked of somebody before they are let in.
#[derive(Debug)]
pub struct Standing {
    /// Whether they may log in at all.
    pub is_enabled: bool,
    /// Whether they are an administrator of Portero.
    pub is_administrator: bool,
}

/// How it stands with somebody; `None` where they were removed.
pub async fn standing(conn: &mut PgConnection, person: PersonId, now: OffsetDateTime) -> Result<Option<Standing>> {
    let standing = sqlx::query_as!(
        Standing,
        r#"
        select disabled_at is null as "is_enabled!", auth.is_administrator(id, $2) as "is_administrator!"
        from auth.person
        where id = $1 and removed_at is null
        "#,
        person.0,
        now,
    );
    Ok(standing.fetch_optional(conn).await?)
}
