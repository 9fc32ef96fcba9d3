//! People by the beginning of their username or name, and by their attributes.

use sqlx::PgConnection;

use crate::base::error::Result;
use crate::identity::people::WantedAttributes;

/// Up to here it is faster to find all who match, through the indexes of their names, and to sort them by id; beyond,
/// to go through everybody by id until enough match.
const FEW: u16 = 2000;

/// No text that begins with another sorts after that other one and this.
const LAST: &str = "\u{10FFFF}";

/// The ids, in order, of those whose username or name begins with `prefix`; `None` when they are many, or when there is
/// no prefix.
pub async fn few_with(conn: &mut PgConnection, prefix: Option<&str>) -> Result<Option<Vec<i32>>> {
    let Some(prefix) = prefix else { return Ok(None) };
    // By range: to a prefix that is a parameter Postgres would not apply an index.
    let mut ids = sqlx::query_scalar!(
        r#"
        select array(
            select id
            from (
                select id
                from auth.person
                where removed_at is null
                  and auth.fold(username) ~>=~ $1 and auth.fold(username) ~<~ ($1 || $2)
                union all
                select id
                from auth.person
                where removed_at is null
                  and auth.fold(name) ~>=~ $1 and auth.fold(name) ~<~ ($1 || $2)
            ) matching
            limit $3
        ) as "ids!"
        "#,
        prefix,
        LAST,
        i64::from(FEW) + 1,
    )
    .fetch_one(conn)
    .await?;
    Ok(in_order(&mut ids))
}

/// Likewise those who have these attributes; `None` when they are many, or when none is wanted.
pub async fn few_who_have(conn: &mut PgConnection, wanted: &WantedAttributes) -> Result<Option<Vec<i32>>> {
    let Some(path) = wanted.path() else { return Ok(None) };
    let most = i32::from(FEW) + 1;
    let mut ids = sqlx::query_scalar!(r#"select auth.people_with($1::text::jsonpath, $2) as "ids!""#, path, most)
        .fetch_one(conn)
        .await?;
    Ok(in_order(&mut ids))
}

fn in_order(ids: &mut Vec<i32>) -> Option<Vec<i32>> {
    if ids.len() > usize::from(FEW) {
        return None;
    }
    ids.sort_unstable();
    ids.dedup();
    Some(std::mem::take(ids))
}
