//! The lines of a file, held in two temporary tables while they are looked at: so that an import takes little memory
//! here, and Postgres finds what is there twice. These tables exist only on one connection, so the compiler can't check
//! these queries; the tests do.

use sqlx::types::Json;
use sqlx::{PgConnection, Row};

use super::batches::LineBatch;
use super::line::ParsedPerson;
use crate::base::attributes::{MAX_BYTES, TOO_LARGE};
use crate::base::email::Email;
use crate::base::error::{Error, OnConstraint, Result};
use crate::base::locale::Locale;
use crate::base::person::{PersonName, Username};
use crate::gate::audit::By;
use crate::identity::people::PersonType;
use crate::identity::people::store::giver;
use crate::platform::passwords::PasswordHash;

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

/// Makes the tables.
pub async fn prepare(conn: &mut PgConnection) -> Result<()> {
    sqlx::raw_sql(
        r"
        create temporary table import_line (
            line            bigint primary key,
            username        text,
            name            text,
            password_hash   text,
            person_type     text,
            document_type   text,
            document_number text,
            email           text,
            locale          text,
            disabled_at     timestamptz,
            attributes      jsonb not null
        ) on commit drop;
        create temporary table import_fault (
            line   bigint not null,
            number bigint generated always as identity,
            fault  text not null,
            primary key (line, number)
        ) on commit drop;
        ",
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes the limits on time off this transaction: what is bounded is the request, and the size of the file.
pub async fn be_patient(conn: &mut PgConnection) -> Result<()> {
    sqlx::raw_sql("set local statement_timeout = 0").execute(conn).await?;
    Ok(())
}

/// Keeps some lines and their faults.
pub async fn keep(conn: &mut PgConnection, batch: &LineBatch) -> Result<()> {
    keep_people(&mut *conn, &batch.people).await?;
    keep_faults(conn, &batch.faults).await
}

async fn keep_people(conn: &mut PgConnection, lines: &[(i64, ParsedPerson)]) -> Result<()> {
    fn column<'a, T>(lines: &'a [(i64, ParsedPerson)], get: impl Fn(&'a ParsedPerson) -> Option<T>) -> Vec<Option<T>> {
        lines.iter().map(|(_, candidate)| get(candidate)).collect()
    }
    sqlx::query(
        r"
        insert into pg_temp.import_line
            (line, username, name, password_hash, person_type, document_type, document_number, email, locale, disabled_at,
             attributes)
        select *
        from unnest(
            $1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
            $10::timestamptz[], $11::jsonb[]
        )
        ",
    )
    .bind(lines.iter().map(|(line, _)| *line).collect::<Vec<_>>())
    .bind(column(lines, |person| person.username.as_ref().map(Username::as_str)))
    .bind(column(lines, |person| person.name.as_ref().map(PersonName::as_str)))
    .bind(column(lines, |person| person.password_hash.as_ref().map(PasswordHash::as_str)))
    .bind(column(lines, |person| person.person_type.map(PersonType::as_str)))
    .bind(column(lines, |person| person.document.as_ref().map(|(kind, _)| kind.as_str())))
    .bind(column(lines, |person| person.document.as_ref().map(|(_, number)| number.as_str())))
    .bind(column(lines, |person| person.email.as_ref().map(Email::as_str)))
    .bind(column(lines, |person| person.locale.map(Locale::as_str)))
    .bind(column(lines, |person| person.disabled_at))
    .bind(lines.iter().map(|(_, person)| Json(&person.attributes)).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

async fn keep_faults(conn: &mut PgConnection, faults: &[(i64, String)]) -> Result<()> {
    sqlx::query("insert into pg_temp.import_fault (line, fault) select * from unnest($1::bigint[], $2::text[])")
        .bind(faults.iter().map(|(line, _)| *line).collect::<Vec<_>>())
        .bind(faults.iter().map(|(_, fault)| fault.as_str()).collect::<Vec<_>>())
        .execute(conn)
        .await?;
    Ok(())
}

/// Finds who is in the file twice, or registered already: by username, by document or by address.
pub async fn find_duplicates(conn: &mut PgConnection) -> Result<()> {
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

/// Finds whose attributes are too large.
pub async fn find_too_large(conn: &mut PgConnection) -> Result<()> {
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

/// Whether anybody is to have attributes.
pub async fn has_attributes(conn: &mut PgConnection) -> Result<bool> {
    let has = sqlx::query_scalar("select exists (select from pg_temp.import_line where attributes <> '{}')");
    Ok(has.fetch_one(conn).await?)
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

/// Adds hashes to lines that came with passwords.
pub async fn keep_hashes(conn: &mut PgConnection, hashes: &[(i64, PasswordHash)]) -> Result<()> {
    sqlx::query(
        r"
        update pg_temp.import_line l
        set password_hash = h.password_hash
        from unnest($1::bigint[], $2::text[]) as h (line, password_hash)
        where l.line = h.line
        ",
    )
    .bind(hashes.iter().map(|(line, _)| *line).collect::<Vec<_>>())
    .bind(hashes.iter().map(|(_, hash)| hash.as_str()).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Registers everybody, in the order of the file, and tells of each in the audit trail; answers how many that were.
pub async fn register(conn: &mut PgConnection, by: &By) -> Result<u64> {
    let taken = || {
        Error::conflict("user_exists", "a conflicting person was registered meanwhile; nothing was imported: try again")
    };
    let (actor, actor_id) = by.actor.stored();
    let giver = match by.person() {
        Some(person) => giver(conn, person).await?,
        None => None,
    };
    let registered = sqlx::query(
        r"
        with registered as (
            insert into auth.person
                (username, name, password_hash, person_type, document_type, document_number, email, locale, disabled_at,
                 attributes, password_set_by, email_given_by)
            select username, name, password_hash, person_type::auth.person_type,
                   document_type::auth.document_type, document_number, email, locale, disabled_at, attributes,
                   case when password_hash is not null then $7 end, case when email is not null then $7 end
            from pg_temp.import_line
            order by line
            returning id, username, name, person_type, document_type, document_number, email, locale, disabled_at,
                      attributes
        )
        insert into auth.audit_events
            (at, action, actor, actor_id, subject_id, request_id, address, client_id, after)
        select $1, 'user.created', $2, $3, id, $4, $5::text::inet, $6,
               to_jsonb(registered) - 'id'
               - case when disabled_at is null then 'disabled_at' else '' end
               - case when attributes = '{}' then 'attributes' else '' end
        from registered
        order by id
        ",
    )
    .bind(by.now)
    .bind(actor)
    .bind(actor_id)
    .bind(by.origin.request_id.as_deref())
    .bind(by.origin.address.map(|address| address.to_string()))
    .bind(by.origin.client_id.as_deref())
    .bind(giver.map(|giver| giver.0))
    .execute(conn)
    .await
    .on_constraint("person_username_key", taken())
    .on_constraint("person_username_folded_key", taken())
    .on_constraint("person_document_key", taken())
    .on_constraint("person_email_key", taken())?;
    Ok(registered.rows_affected())
}
