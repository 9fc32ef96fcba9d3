use sqlx::PgConnection;

use crate::base::error::{Error, Result};

/// Marks rows of one kind as managed by a file, each by the columns of its key. Those that are so already are not written.
pub async fn mark(conn: &mut PgConnection, kind: &str, rows: &[Vec<i32>]) -> Result<()> {
    let first = column(rows, 0);
    match kind {
        "permission" => {
            sqlx::query!("update auth.permission set managed = true where id = any ($1) and not managed", &first)
                .execute(conn)
                .await?;
        }
        "role" => {
            sqlx::query!("update auth.role set managed = true where id = any ($1) and not managed", &first)
                .execute(conn)
                .await?;
        }
        "service" => {
            sqlx::query!("update auth.services set managed = true where id = any ($1) and not managed", &first)
                .execute(conn)
                .await?;
        }
        "resource_type" => {
            sqlx::query!("update auth.resource_types set managed = true where id = any ($1) and not managed", &first)
                .execute(conn)
                .await?;
        }
        "policy" => {
            sqlx::query!("update auth.policies set managed = true where id = any ($1) and not managed", &first)
                .execute(conn)
                .await?;
        }
        "client" => {
            sqlx::query!("update auth.clients set managed = true where id = any ($1) and not managed", &first)
                .execute(conn)
                .await?;
        }
        "group" => {
            sqlx::query!("update auth.groups set managed = true where id = any ($1) and not managed", &first)
                .execute(conn)
                .await?;
        }
        "provider" => {
            sqlx::query!("update auth.providers set managed = true where id = any ($1) and not managed", &first)
                .execute(conn)
                .await?;
        }
        "group_grant" | "grant" => mark_grants(conn, kind, rows).await?,
        _ => mark_links(conn, kind, rows).await?,
    }
    Ok(())
}

fn unknown(kind: &str) -> Error {
    Error::Internal(anyhow::anyhow!("nothing marks a {kind}"))
}

fn column(rows: &[Vec<i32>], number: usize) -> Vec<i32> {
    rows.iter().filter_map(|row| row.get(number).copied()).collect()
}

async fn mark_links(conn: &mut PgConnection, kind: &str, rows: &[Vec<i32>]) -> Result<()> {
    let (first, second) = (column(rows, 0), column(rows, 1));
    match kind {
        "service_role" => {
            sqlx::query!(
                r#"
                update auth.service_roles this
                set managed = true
                from unnest($1::int[], $2::int[]) as these (service_id, role_id)
                where this.service_id = these.service_id and this.role_id = these.role_id and not this.managed
                "#,
                &first,
                &second,
            )
            .execute(conn)
            .await?;
        }
        "nesting" => {
            sqlx::query!(
                r#"
                update auth.group_nestings this
                set managed = true
                from unnest($1::int[], $2::int[]) as these (group_id, member_id)
                where this.group_id = these.group_id and this.member_id = these.member_id and not this.managed
                "#,
                &first,
                &second,
            )
            .execute(conn)
            .await?;
        }
        "membership" => {
            sqlx::query!(
                r#"
                update auth.group_members this
                set managed = true
                from unnest($1::int[], $2::int[]) as these (group_id, person_id)
                where this.group_id = these.group_id and this.person_id = these.person_id and not this.managed
                "#,
                &first,
                &second,
            )
            .execute(conn)
            .await?;
        }
        other => return Err(unknown(other)),
    }
    Ok(())
}

async fn mark_grants(conn: &mut PgConnection, kind: &str, rows: &[Vec<i32>]) -> Result<()> {
    let (first, second, third) = (column(rows, 0), column(rows, 1), column(rows, 2));
    match kind {
        "group_grant" => {
            sqlx::query!(
                r#"
                update auth.group_service_role this
                set managed = true
                from unnest($1::int[], $2::int[], $3::int[]) as these (group_id, service_id, role_id)
                where this.group_id = these.group_id and this.service_id = these.service_id and this.role_id = these.role_id and not this.managed
                "#,
                &first,
                &second,
                &third,
            )
            .execute(conn)
            .await?;
        }
        "grant" => {
            sqlx::query!(
                r#"
                update auth.person_service_role this
                set managed = true
                from unnest($1::int[], $2::int[], $3::int[]) as these (person_id, service_id, role_id)
                where this.person_id = these.person_id and this.service_id = these.service_id and this.role_id = these.role_id and not this.managed
                "#,
                &first,
                &second,
                &third,
            )
            .execute(conn)
            .await?;
        }
        other => return Err(unknown(other)),
    }
    Ok(())
}
