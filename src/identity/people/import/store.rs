//! The lines of a file, held in two temporary tables while they are looked at: so that an import takes little memory
//! here, and Postgres finds what is there twice. These tables exist only on one connection, so the compiler can't check
//! these queries; the tests do.

mod faults;

use sqlx::PgConnection;
use sqlx::types::Json;

use super::batches::LineBatch;
use super::line::ParsedPerson;
use crate::base::email::Email;
use crate::base::error::{Error, OnConstraint, Result};
use crate::base::id::GroupId;
use crate::base::locale::Locale;
use crate::base::person::{PersonName, Username};
use crate::gate::audit::By;
use crate::identity::people::PersonType;
use crate::identity::people::store::giver;
use crate::platform::passwords::PasswordHash;

pub use faults::{LineFault, count_faults, faults, find_faults};

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
        create temporary table import_group (
            line bigint not null,
            name text not null
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
    keep_groups(&mut *conn, &batch.people).await?;
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

async fn keep_groups(conn: &mut PgConnection, lines: &[(i64, ParsedPerson)]) -> Result<()> {
    let named = lines.iter().flat_map(|(line, person)| person.groups.iter().map(|name| (*line, name.as_str())));
    let (numbers, groups): (Vec<i64>, Vec<&str>) = named.unzip();
    sqlx::query("insert into pg_temp.import_group (line, name) select * from unnest($1::bigint[], $2::text[])")
        .bind(numbers)
        .bind(groups)
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

/// Whether anybody is to have attributes.
pub async fn has_attributes(conn: &mut PgConnection) -> Result<bool> {
    let has = sqlx::query_scalar("select exists (select from pg_temp.import_line where attributes <> '{}')");
    Ok(has.fetch_one(conn).await?)
}

/// The groups that people are put into.
pub async fn groups(conn: &mut PgConnection) -> Result<Vec<GroupId>> {
    let groups = sqlx::query_scalar(
        r"
        select distinct g.id
        from pg_temp.import_group l
        join auth.groups g on auth.fold(g.name) = auth.fold(l.name) and g.name = l.name
        order by g.id
        ",
    )
    .fetch_all(conn)
    .await?;
    Ok(groups)
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
    .execute(&mut *conn)
    .await
    .on_constraint("person_username_key", taken())
    .on_constraint("person_username_folded_key", taken())
    .on_constraint("person_document_key", taken())
    .on_constraint("person_email_key", taken())?;
    join_groups(conn, by).await?;
    Ok(registered.rows_affected())
}

/// Puts those who were registered into their groups, and tells of each.
async fn join_groups(conn: &mut PgConnection, by: &By) -> Result<()> {
    let (actor, actor_id) = by.actor.stored();
    sqlx::query(
        r"
        with joined as (
            insert into auth.group_members (group_id, person_id, created_at, added_by)
            select g.id, p.id, $1, $7
            from pg_temp.import_group named
            join pg_temp.import_line l on l.line = named.line
            join auth.person p on p.username = l.username and p.removed_at is null
            join auth.groups g on auth.fold(g.name) = auth.fold(named.name) and g.name = named.name
            order by p.id, g.id
            returning group_id, person_id
        )
        insert into auth.audit_events
            (at, action, actor, actor_id, subject_id, request_id, address, client_id, after)
        select $1, 'group-member.added', $2, $3, person_id, $4, $5::text::inet, $6,
               jsonb_build_object('group_id', group_id, 'expires_at', null, 'reason', null)
        from joined
        order by person_id, group_id
        ",
    )
    .bind(by.now)
    .bind(actor)
    .bind(actor_id)
    .bind(by.origin.request_id.as_deref())
    .bind(by.origin.address.map(|address| address.to_string()))
    .bind(by.origin.client_id.as_deref())
    .bind(by.person().map(|person| person.0))
    .execute(conn)
    .await?;
    Ok(())
}
