use sqlx::{PgConnection, Row};

use crate::base::attributes::{MAX_BYTES, TOO_LARGE};
use crate::base::error::Result;

/// Something wrong with a line.
#[derive(Debug, serde::Serialize)]
pub struct LineFault {
    /// Its number.
    pub line: i64,
    /// What is wrong with it.
    #[serde(rename = "fault")]
    pub what: String,
    #[serde(skip)]
    number: i64,
}

/// Finds what is wrong with lines beside others and beside what is registered.
pub async fn find_faults(conn: &mut PgConnection) -> Result<()> {
    find_duplicates(conn).await?;
    find_unknown_groups(conn).await?;
    find_too_large(conn).await
}

/// Finds who is in the file twice, or registered already: by username, by document or by address.
async fn find_duplicates(conn: &mut PgConnection) -> Result<()> {
    sqlx::raw_sql(
        r"
        analyze pg_temp.import_line;

        insert into pg_temp.import_fault (line, fault)
        select line, format('username: %s is also in line %s', username, first)
        from (
            select line, username, min(line) over (partition by auth.fold(username)) as first
            from pg_temp.import_line
            where username is not null
        ) as lines
        where line <> first;

        insert into pg_temp.import_fault (line, fault)
        select line, format('document_number: %s %s is also in line %s', document_type, document_number, first)
        from (
            select line, document_type, document_number,
                   min(line) over (partition by document_type, document_number) as first
            from pg_temp.import_line
            where document_number is not null
        ) as lines
        where line <> first;

        insert into pg_temp.import_fault (line, fault)
        select line, format('email: %s is also in line %s', email, first)
        from (
            select line, email, min(line) over (partition by auth.fold_address(email)) as first
            from pg_temp.import_line
            where email is not null
        ) as lines
        where line <> first;

        insert into pg_temp.import_fault (line, fault)
        select l.line, format('username: %s is taken by the person with the id %s', l.username, p.id)
        from pg_temp.import_line l
        join auth.person p on auth.fold(p.username) = auth.fold(l.username) and p.removed_at is null;

        insert into pg_temp.import_fault (line, fault)
        select l.line,
               format('document_number: %s %s is that of %s (id %s)',
                      l.document_type, l.document_number, p.username, p.id)
        from pg_temp.import_line l
        join auth.person p
            on p.document_type = l.document_type::auth.document_type
            and p.document_number = l.document_number
            and p.removed_at is null;

        insert into pg_temp.import_fault (line, fault)
        select l.line, format('email: %s is that of %s (id %s)', l.email, p.username, p.id)
        from pg_temp.import_line l
        join auth.person p on auth.fold_address(p.email) = auth.fold_address(l.email) and p.removed_at is null;
        ",
    )
    .execute(conn)
    .await?;
    Ok(())
}

async fn find_unknown_groups(conn: &mut PgConnection) -> Result<()> {
    sqlx::raw_sql(
        r"
        insert into pg_temp.import_fault (line, fault)
        select l.line, format('groups: there is no group %s', l.name)
        from pg_temp.import_group l
        where not exists (select from auth.groups g where auth.fold(g.name) = auth.fold(l.name) and g.name = l.name);
        ",
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Finds whose attributes are too large.
async fn find_too_large(conn: &mut PgConnection) -> Result<()> {
    sqlx::query(
        r"
        insert into pg_temp.import_fault (line, fault)
        select line, 'attributes: ' || $1
        from pg_temp.import_line
        where octet_length(attributes::text) > $2
        ",
    )
    .bind(TOO_LARGE)
    .bind(MAX_BYTES)
    .execute(conn)
    .await?;
    Ok(())
}

/// How many faults there are, and in how many lines.
pub async fn count_faults(conn: &mut PgConnection) -> Result<(i64, i64)> {
    let counted =
        sqlx::query_as("select count(*), count(distinct line) from pg_temp.import_fault").fetch_one(conn).await?;
    Ok(counted)
}

/// The next faults after `last`, by line.
pub async fn faults(conn: &mut PgConnection, last: Option<&LineFault>, limit: i64) -> Result<Vec<LineFault>> {
    let rows = sqlx::query(
        r"
        select line, number, fault
        from pg_temp.import_fault
        where (line, number) > ($1, $2)
        order by line, number
        limit $3
        ",
    )
    .bind(last.map_or(-1, |fault| fault.line))
    .bind(last.map_or(-1, |fault| fault.number))
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| Ok(LineFault { line: row.try_get(0)?, number: row.try_get(1)?, what: row.try_get(2)? }))
        .collect()
}
