//! The catalogue of somebody else's Postgres.

use sqlx::PgConnection;

/// A table, a view or a partitioned table.
#[derive(Debug)]
pub(super) struct Table {
    pub name: String,
    /// Names and types, as Postgres writes these without their limits.
    pub columns: Vec<(String, String)>,
}

/// The tables of a schema, in order of their names. A domain has the type that it is made of; an enum is text.
pub(super) async fn tables(conn: &mut PgConnection, schema: &str) -> sqlx::Result<Vec<Table>> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        r"
        select c.relname::text, a.attname::text,
               case
                   when element.typtype = 'e' then 'text'
                   when element.typtype = 'd' then format_type(element.typbasetype, null)
                   else format_type(element.oid, null)
               end || case when t.typcategory = 'A' then '[]' else '' end
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        join pg_type t on t.oid = a.atttypid
        join pg_type element on element.oid = case when t.typcategory = 'A' then t.typelem else t.oid end
        where n.nspname = $1 and c.relkind in ('r', 'p', 'v', 'm')
        order by c.relname, a.attnum
        ",
    )
    .bind(schema)
    .fetch_all(conn)
    .await?;
    let mut tables: Vec<Table> = Vec::new();
    for (table, column, kind) in rows {
        match tables.last_mut().filter(|last| last.name == table) {
            Some(last) => last.columns.push((column, kind)),
            None => tables.push(Table { name: table, columns: vec![(column, kind)] }),
        }
    }
    Ok(tables)
}
