use sqlx::{AssertSqlSafe, Execute, PgConnection, Postgres};

use crate::base::error::{Error, Result};

/// How many rows `query` has.
pub async fn count<'q>(conn: &mut PgConnection, mut query: impl Execute<'q, Postgres>) -> Result<i64> {
    let arguments = query.take_arguments().map_err(|error| Error::Internal(anyhow::Error::from_boxed(error)))?;
    // The text of the query itself: what is counted is what is listed, whatever the list leaves out.
    let sql = AssertSqlSafe(format!("select count(*) from ({}) listed", query.sql().as_str()));
    Ok(sqlx::query_scalar_with(sql, arguments.unwrap_or_default()).fetch_one(conn).await?)
}
