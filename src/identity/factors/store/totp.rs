//! The table `auth.totp_factors`.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::{FactorId, PersonId};
use crate::identity::factors::{FactorName, ListedFactor, Method, TotpCode};
use crate::platform::http::{Page, Total};

/// An authenticator to be confirmed.
#[derive(Debug)]
pub struct NewTotp<'a> {
    pub person: PersonId,
    pub name: &'a FactorName,
    /// Sealed,
    pub secret: &'a [u8],
    /// by this master key.
    pub sealed_by: &'a str,
    pub now: OffsetDateTime,
}

/// An authenticator.
#[derive(Debug)]
pub struct SealedTotp {
    pub id: FactorId,
    pub name: String,
    /// Sealed.
    pub secret: Vec<u8>,
}

/// Stores an authenticator that awaits its confirmation, in the place of one that did.
pub async fn insert(conn: &mut PgConnection, new: &NewTotp<'_>) -> Result<FactorId> {
    let id = sqlx::query_scalar!(
        r#"
        with forgotten as (
            delete from auth.totp_factors where person_id = $1 and confirmed_at is null
        )
        insert into auth.totp_factors (person_id, name, secret, sealed_by, created_at)
        values ($1, $2, $3, $4, $5)
        returning id as "id: FactorId"
        "#,
        new.person.0,
        new.name.as_str(),
        new.secret,
        new.sealed_by,
        new.now,
    );
    Ok(id.fetch_one(conn).await?)
}

/// How many authenticators somebody has.
pub async fn count(conn: &mut PgConnection, person: PersonId) -> Result<i64> {
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from auth.totp_factors where person_id = $1 and confirmed_at is not null"#,
        person.0,
    );
    Ok(count.fetch_one(conn).await?)
}

/// One of somebody's authenticators that awaits its confirmation.
pub async fn unconfirmed(conn: &mut PgConnection, person: PersonId, id: FactorId) -> Result<Option<SealedTotp>> {
    let factor = sqlx::query_as!(
        SealedTotp,
        r#"
        select id as "id: FactorId", name, secret
        from auth.totp_factors
        where person_id = $1 and id = $2 and confirmed_at is null
        "#,
        person.0,
        id.0,
    );
    Ok(factor.fetch_optional(conn).await?)
}

/// Confirms an authenticator by the code of a step; answers whether it awaited that.
pub async fn confirm(
    conn: &mut PgConnection,
    person: PersonId,
    id: FactorId,
    step: i64,
    now: OffsetDateTime,
) -> Result<bool> {
    let confirmed = sqlx::query!(
        r#"
        update auth.totp_factors
        set confirmed_at = $4, last_step = $3, last_used_at = $4
        where id = $2 and person_id = $1 and confirmed_at is null
        "#,
        person.0,
        id.0,
        step,
        now,
    );
    Ok(confirmed.execute(conn).await?.rows_affected() == 1)
}

/// What somebody's codes are compared with.
pub async fn secrets(conn: &mut PgConnection, person: PersonId) -> Result<Vec<SealedTotp>> {
    let factors = sqlx::query_as!(
        SealedTotp,
        r#"
        select id as "id: FactorId", name, secret
        from auth.totp_factors
        where person_id = $1 and confirmed_at is not null
        order by last_used_at desc
        "#,
        person.0,
    );
    Ok(factors.fetch_all(conn).await?)
}

/// Whether the code of a step can't be taken any more: it or a later one was taken, or there is no such authenticator.
pub async fn is_spent(conn: &mut PgConnection, code: TotpCode) -> Result<bool> {
    let is_good = sqlx::query_scalar!(
        r#"select exists (select from auth.totp_factors where id = $1 and last_step < $2) as "is_good!""#,
        code.factor.0,
        code.step,
    );
    Ok(!is_good.fetch_one(conn).await?)
}

/// Takes the code of a step, unless it or a later one was taken: of any number who present it at once, one wins. Answers whether it did.
pub async fn spend(conn: &mut PgConnection, person: PersonId, code: TotpCode, now: OffsetDateTime) -> Result<bool> {
    let spent = sqlx::query!(
        r#"
        update auth.totp_factors
        set last_step = $3, last_used_at = $4
        where id = $2 and person_id = $1 and last_step < $3
        "#,
        person.0,
        code.factor.0,
        code.step,
        now,
    );
    Ok(spent.execute(conn).await?.rows_affected() == 1)
}

/// A part of somebody's factors.
pub async fn list(conn: &mut PgConnection, person: PersonId, page: &Page) -> Result<Vec<ListedFactor>> {
    Total::rows(conn, page, |page| {
        sqlx::query_as!(
            ListedFactor,
            r#"
            select id as "id: FactorId", 'totp' as "kind!: Method", name, created_at, last_used_at
            from auth.totp_factors
            where person_id = $1 and confirmed_at is not null and id > $2 and ($3::text is null or auth.fold(name) ^@ $3)
            order by id
            limit $4
            "#,
            person.0,
            page.after(0),
            page.prefix(),
            page.fetch(),
        )
    })
    .await
}

/// Renames a factor; answers what it was called.
pub async fn rename(
    conn: &mut PgConnection,
    person: PersonId,
    id: FactorId,
    name: &FactorName,
) -> Result<Option<String>> {
    let before = sqlx::query_scalar!(
        r#"
        update auth.totp_factors f
        set name = $3
        from (
            select id, name from auth.totp_factors where id = $2 and person_id = $1 and confirmed_at is not null for update
        ) before
        where f.id = before.id
        returning before.name
        "#,
        person.0,
        id.0,
        name.as_str(),
    );
    Ok(before.fetch_optional(conn).await?)
}

/// Removes a factor; answers what it was called.
pub async fn remove(conn: &mut PgConnection, person: PersonId, id: FactorId) -> Result<Option<String>> {
    let name = sqlx::query_scalar!(
        "delete from auth.totp_factors where id = $2 and person_id = $1 and confirmed_at is not null returning name",
        person.0,
        id.0,
    );
    Ok(name.fetch_optional(conn).await?)
}

/// Removes all of somebody's authenticators, and what they have begun; answers how many there were.
pub async fn remove_all(conn: &mut PgConnection, person: PersonId) -> Result<u64> {
    let removed = sqlx::query_scalar!(
        r#"
        with removed as (delete from auth.totp_factors where person_id = $1 returning confirmed_at)
        select count(confirmed_at) as "count!" from removed
        "#,
        person.0,
    );
    Ok(removed.fetch_one(conn).await?.unsigned_abs())
}
