//! The tables of second factors.

pub mod pending;
pub mod recovery;
pub mod totp;
pub mod trusted;

use sqlx::PgConnection;

use super::{FactorOfUser, Method};
use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::platform::http::{Page, Total};

/// By what methods somebody can take the second step of a login; none for who has no second factor.
pub async fn second_factors(conn: &mut PgConnection, person: PersonId) -> Result<Vec<Method>> {
    let methods = sqlx::query_scalar!(r#"select auth.second_factors($1) as "methods!""#, person.0);
    Ok(methods.fetch_one(conn).await?.iter().filter_map(|method| Method::read(method)).collect())
}

/// A part of all that somebody has: passkeys, the latest first, then authenticators.
pub async fn list_all(conn: &mut PgConnection, person: PersonId, page: &Page) -> Result<Vec<FactorOfUser>> {
    Total::rows(conn, page, |page| {
        sqlx::query_as!(
            FactorOfUser,
            r#"
            select id as "id!", kind as "kind!: Method", name as "name!", created_at as "created_at!",
                   last_used_at as "last_used_at?", place as "place!"
            from (
                select -id as place, id, 'passkey' as kind, name, created_at, last_used_at
                from auth.passkeys
                where person_id = $1
                union all
                select id, id, 'totp', name, created_at, last_used_at
                from auth.totp_factors
                where person_id = $1 and confirmed_at is not null
            ) factor
            where place > $2 and ($3::text is null or auth.fold(name) ^@ $3)
            order by place
            limit $4
            "#,
            person.0,
            page.after(i32::MIN),
            page.prefix(),
            page.fetch(),
        )
    })
    .await
}

/// Removes all passkeys of somebody, and what they were to sign, and lets them have a password again if they had turned it off; answers how many
/// passkeys that were.
pub async fn remove_passkeys(conn: &mut PgConnection, person: PersonId) -> Result<u64> {
    let removed = sqlx::query_scalar!(
        r#"
        with unanswered as (
            delete from auth.passkey_challenges where person_id = $1
        ), password as (
            update auth.person set password_off_at = null where id = $1 and password_off_at is not null
        ), removed as (
            delete from auth.passkeys where person_id = $1 returning id
        )
        select count(*) as "removed!" from removed
        "#,
        person.0,
    );
    Ok(removed.fetch_one(conn).await?.unsigned_abs())
}
