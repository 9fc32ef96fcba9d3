//! The tables of second factors.

pub mod pending;
pub mod recovery;
pub mod totp;
pub mod trusted;

use sqlx::PgConnection;

use super::Method;
use crate::base::error::Result;
use crate::base::id::PersonId;

/// By what methods somebody can take the second step of a login; none for who has no second factor.
pub async fn second_factors(conn: &mut PgConnection, person: PersonId) -> Result<Vec<Method>> {
    let methods = sqlx::query_scalar!(r#"select auth.second_factors($1) as "methods!""#, person.0);
    Ok(methods.fetch_one(conn).await?.iter().filter_map(|method| Method::read(method)).collect())
}
